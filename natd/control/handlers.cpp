#include "natd/control/handlers.h"

#include <algorithm>

#include "config/change.h"
#include "config/option.h"
#include "natd/control/port_forwards.h"
#include "natd/control/records.h"
#include "natd/control/visits.h"
#include "natd/overlap.h"

namespace nat {
namespace {

std::unique_ptr<Reply> say(std::string line) { return std::make_unique<LineReply>(std::move(line)); }

std::unique_ptr<Reply> show_stats(Service& service, std::uint64_t id) {
  Counters counters;
  Gauges gauges;
  {
    const auto engine = service.gateway().engine();
    counters = engine->counters();
    gauges = engine->gauges();
  }
  const Links links = service.links();
  Json addresses = Json::array();
  for (const Address address : links.external_addresses) addresses.push_back(address.to_string());
  Json warnings = Json::array();
  for (std::string& warning : overlap_warnings(links)) warnings.push_back(std::move(warning));
  Json datapath_counters = Json::object();
  for (const auto& [name, value] : service.datapath_stats()) datapath_counters[name] = value;
  Json pools = Json::array();
  for (const auto& pool : gauges.pools) pools.push_back(pool_record(pool));
  const Settings settings = service.settings();
  return std::make_unique<ListReply>(id, std::move(pools),
                                     Json{{"natd", service.version()},
                                          {"misbehaving", breaches(settings)},
                                          {"uptime", service.uptime_seconds()},
                                          {"datapath", service.datapath()},
                                          {"internal", links.internal},
                                          {"external", links.external},
                                          {"addresses", std::move(addresses)},
                                          {"warnings", std::move(warnings)},
                                          {"reasons", reason_records(counters)},
                                          {"counters", counter_record(counters)},
                                          {"gauges", gauge_record(gauges, settings.policy.limits)},
                                          {"datapath_counters", std::move(datapath_counters)}});
}

std::unique_ptr<Reply> show_config(Service& service, std::uint64_t id) {
  Json items = Json::array();
  const Settings settings = service.settings();
  for (const ShownOption& option : show(settings)) {
    Json item{{"key", option.key}, {"value", option.value}, {"default", option.default_value}};
    if (!option.unit.empty()) item["unit"] = option.unit;
    item["help"] = option.help;
    items.push_back(std::move(item));
  }
  return std::make_unique<ListReply>(id, std::move(items), Json{{"misbehaving", breaches(settings)}});
}

std::unique_ptr<Reply> set(Service& service, const Request& request) {
  const Settings running = service.settings();
  const auto wanted = apply_assignments(running, request.assignments);
  if (!wanted) {
    const Diagnostic& problem = wanted.problems().front();
    return say(error_line(request.id, {"wrong-value", problem.message, problem.hint}));
  }
  const ApplyOutcome outcome = service.apply(*wanted);
  if (!outcome.error.empty()) return say(error_line(request.id, {"refused", outcome.error, ""}));
  Json changes = Json::array();
  for (const Change& change : diff(running, *wanted)) {
    changes.push_back({{"key", change.key}, {"old", change.old_value}, {"new", change.new_value}});
  }
  return say(done_line(
      request.id,
      {{"changes", std::move(changes)},
       {"kept", {{"mappings", outcome.report.kept_mappings}, {"sessions", outcome.report.kept_sessions}}},
       {"removed", {{"mappings", outcome.report.removed_mappings}}},
       {"refused", outcome.report.refused},
       {"misbehaving", breaches(*wanted)}}));
}

std::unique_ptr<Reply> trace(Service& service, const Request& request) {
  const Question& question = request.question;
  Probe probe;
  probe.protocol = question.protocol;
  probe.source = question.source;
  probe.destination = question.destination;
  Explanation explanation;
  {
    const auto engine = service.gateway().engine();
    const auto& ours = engine->policy().external_addresses;
    const bool to_us = std::find(ours.begin(), ours.end(), probe.destination.address) != ours.end();
    probe.in = question.in.value_or(to_us ? Realm::external : Realm::internal);
    explanation = engine->explain(probe, Gateway::now());
  }
  return say(done_line(request.id, explanation_record(explanation, probe.in)));
}

}  // namespace

std::optional<ControlError> unfit(Order order, const Filter& filter) {
  const auto no_term = [&](const char* term, const char* hint) {
    std::string name = to_string(order);
    std::replace(name.begin(), name.end(), '-', ' ');
    return ControlError{"unknown-term", name + " cannot select by '" + term + "'", hint};
  };
  if (filter.reason && order != Order::watch) {
    return no_term("reason", "reasons are those of refused packets: natctl watch reason ...");
  }
  if (filter.origin && order == Order::show_sessions) {
    return no_term("origin", "mappings have an origin: natctl show mappings origin ...");
  }
  if (filter.origin == Origin::configured && order == Order::flush) {
    return ControlError{"refused", "flush removes dynamic mappings only",
                        "configured ones end with natctl port-forward del"};
  }
  if (filter.state && order == Order::watch) {
    return no_term("state", "watch tells of mappings and refused packets; natctl show sessions state ...");
  }
  return std::nullopt;
}

std::unique_ptr<Reply> handle(Service& service, const Request& request) {
  if (const auto error = unfit(request.order, request.filter)) return say(error_line(request.id, *error));
  switch (request.order) {
    case Order::show_mappings:
      return dump_mappings(service, request.id, request.filter);
    case Order::show_sessions:
      return dump_sessions(service, request.id, request.filter);
    case Order::flush:
      return flush_mappings(service, request.id, request.filter);
    case Order::show_stats:
      return show_stats(service, request.id);
    case Order::show_config:
      return show_config(service, request.id);
    case Order::set:
      return set(service, request);
    case Order::trace:
      return trace(service, request);
    case Order::port_forward_add:
      return add_port_forward(service, request.id, request.forward);
    case Order::port_forward_delete:
      return delete_port_forward(service, request.id, request.which);
    case Order::port_forward_list:
      return list_port_forwards(service, request.id);
    case Order::watch:
      break;
  }
  return say(error_line(request.id, {"unknown-command", "this command has no answer here", ""}));
}

}  // namespace nat
