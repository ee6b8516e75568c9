#include "natd/control/handlers.h"

#include <algorithm>

#include "config/change.h"
#include "config/option.h"
#include "natd/control/port_forwards.h"
#include "natd/control/records.h"
#include "natd/control/table_dump.h"
#include "natd/system/clock.h"
#include "natd/system/overlap.h"

namespace nat {
namespace {

std::unique_ptr<Reply> say(std::string line) { return std::make_unique<LineReply>(std::move(line)); }

std::unique_ptr<Reply> show_stats(Service& service, std::uint64_t id) {
  Counters counters;
  Gauges gauges;
  LockHoldsByPurpose holds;
  {
    const auto engine = service.shared_engine().lock();
    holds = engine.holds();
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
                                          {"datapath_counters", std::move(datapath_counters)},
                                          {"lock_holds", lock_holds_record(holds)}});
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
  const ChangeReport changed = service.change(
      [&](const Settings& running) { return apply_assignments(running, request.assignments); });
  if (!changed.problems.empty()) {
    const Diagnostic& problem = changed.problems.front();
    return say(error_line(request.id, {"wrong-value", problem.message, problem.hint}));
  }
  if (!changed.refusal.empty()) return say(error_line(request.id, {"refused", changed.refusal, ""}));
  Json changes = Json::array();
  for (const Change& change : diff(changed.before, changed.after)) {
    changes.push_back({{"key", change.key}, {"old", change.old_value}, {"new", change.new_value}});
  }
  const ApplyReport& report = changed.report;
  return say(done_line(request.id,
                       {{"changes", std::move(changes)},
                        {"kept", {{"mappings", report.kept_mappings}, {"sessions", report.kept_sessions}}},
                        {"removed", {{"mappings", report.removed_mappings}}},
                        {"refused", changed.refused},
                        {"misbehaving", breaches(changed.after)}}));
}

std::unique_ptr<Reply> show_refused(Service& service, const Request& request) {
  service.shared_engine().deliver();
  const TimePoint now = monotonic_now();
  Json items = Json::array();
  const auto kinds = service.drop_log().kinds(now);
  for (const DropLog::Kind& kind : kinds) {
    if (request.filter.matches(kind.drop)) items.push_back(kind_record(kind, now));
  }
  const std::size_t shown = items.size();
  return std::make_unique<ListReply>(
      request.id, std::move(items),
      Json{{"shown", shown}, {"total", kinds.size()}, {"unlisted", service.drop_log().unlisted(now)}});
}

// What would happen now to a packet that was refused before; nothing when too little of it was kept.
std::optional<Explanation> explain_again(const Engine& engine, const DropLog::Kind& kind, TimePoint now) {
  const DropEvent& drop = kind.drop;
  if (!kind.octets.empty()) {
    std::vector<std::uint8_t> octets = kind.octets;
    const Packet packet{.octets = octets, .from_gateway = drop.from_gateway, .hop_counted = drop.hop_counted};
    return engine.explain(packet, drop.in, now);
  }
  const auto protocol = protocol_of(drop.ip_protocol);
  if (!protocol || drop.source.port == 0) return std::nullopt;
  return engine.explain({.protocol = *protocol,
                         .in = drop.in,
                         .source = drop.source,
                         .destination = drop.destination,
                         .tcp_flags = drop.tcp_flags},
                        now);
}

void put_answer(Json& answer, const Explanation& explanation, Realm in, const Counters& counters) {
  answer.update(explanation_record(explanation, in));
  answer["counter"] = counters.total(explanation.reason).packets;
}

std::unique_ptr<Reply> trace_refused(Service& service, const Request& request) {
  service.shared_engine().deliver();
  const TimePoint now = monotonic_now();
  const auto kind = service.drop_log().find(*request.trace.number, now);
  if (!kind) {
    return say(error_line(request.id, {"not-found",
                                       "no packet with the number " + std::to_string(*request.trace.number) +
                                           " was refused in the last minute",
                                       "natctl trace lists those that were"}));
  }
  const DropEvent& drop = kind->drop;
  std::optional<Explanation> explanation;
  Counters counters;
  {
    const auto engine = service.shared_engine().lock();
    explanation = explain_again(*engine, *kind, engine.now());
    counters = engine->counters();
  }
  Json answer = Json::object();
  if (explanation) {
    if (const auto protocol = protocol_of(drop.ip_protocol)) {
      service.drop_log().add_history(*explanation, *protocol, drop.in, drop.source, drop.destination, now);
    }
    put_answer(answer, *explanation, drop.in, counters);
  }
  answer["refused"] = refused_record(*kind, now);
  return say(done_line(request.id, answer));
}

std::unique_ptr<Reply> trace(Service& service, const Request& request) {
  const TraceRequest& trace = request.trace;
  if (trace.number) return trace_refused(service, request);
  service.shared_engine().deliver();
  Probe probe;
  probe.protocol = trace.protocol;
  probe.source = trace.source;
  probe.destination = trace.destination;
  Explanation explanation;
  Counters counters;
  {
    const auto engine = service.shared_engine().lock();
    const bool to_us = engine->is_external(probe.destination.address);
    probe.in = trace.in.value_or(to_us ? Realm::external : Realm::internal);
    explanation = engine->explain(probe, engine.now());
    counters = engine->counters();
  }
  const TimePoint now = monotonic_now();
  service.drop_log().add_history(explanation, probe.protocol, probe.in, probe.source, probe.destination, now);
  Json answer = Json::object();
  put_answer(answer, explanation, probe.in, counters);
  if (const auto kind = service.drop_log().find(probe, now)) answer["refused"] = refused_record(*kind, now);
  return say(done_line(request.id, answer));
}

std::unique_ptr<Reply> whose(Service& service, const Request& request) {
  std::optional<PortUse> use;
  std::vector<BlockView> blocks;
  {
    const auto engine = service.shared_engine().lock();
    if (request.whose.port != 0) use = engine->port_use(request.whose, engine.now());
    if (request.whose.port == 0) blocks = engine->blocks_of(request.whose.address);
  }
  const std::string address = request.whose.address.to_string();
  if (request.whose.port == 0) {
    Json records = Json::array();
    for (const BlockView& block : blocks) records.push_back(block_record(block));
    return say(done_line(request.id, {{"host", address}, {"blocks", std::move(records)}}));
  }
  if (!use) {
    return say(error_line(request.id, {"not-found", address + " is not one of natd's external addresses",
                                       "natctl show stats names them"}));
  }
  Json answer{{"address", address}, {"port", request.whose.port}, {"block", nullptr}};
  if (use->block) answer["block"] = block_record(*use->block);
  answer["holders"] = Json::array();
  for (const PortHolder& holder : use->holders) {
    answer["holders"].push_back({{"proto", to_string(holder.protocol)},
                                 {"internal", holder.internal.to_string()},
                                 {"state", holder.quarantined ? "quarantined" : "in-use"}});
  }
  return say(done_line(request.id, answer));
}

}  // namespace

std::optional<ControlError> unfit(ControlCommand command, const Filter& filter) {
  const auto no_term = [&](const char* term, const char* hint) {
    std::string name = to_string(command);
    std::replace(name.begin(), name.end(), '-', ' ');
    return ControlError{"unknown-term", name + " cannot select by '" + term + "'", hint};
  };
  const bool of_packets = command == ControlCommand::watch || command == ControlCommand::show_refused;
  if (filter.reason && !of_packets) {
    return no_term("reason", "reasons are those of refused packets: natctl watch reason ...");
  }
  if ((filter.origin || filter.state) && command == ControlCommand::show_refused) {
    return no_term(filter.origin ? "origin" : "state", "a refused packet has a reason: reason ...");
  }
  if (filter.origin && command == ControlCommand::show_sessions) {
    return no_term("origin", "mappings have an origin: natctl show mappings origin ...");
  }
  if (filter.origin == Origin::configured && command == ControlCommand::flush) {
    return ControlError{"refused", "flush removes dynamic mappings only",
                        "configured ones end with natctl port-forward del"};
  }
  if (filter.state && command == ControlCommand::watch) {
    return no_term("state", "watch shows mappings and refused packets; natctl show sessions state ...");
  }
  return std::nullopt;
}

std::unique_ptr<Reply> handle(Service& service, const Request& request) {
  if (const auto error = unfit(request.command, request.filter)) return say(error_line(request.id, *error));
  switch (request.command) {
    case ControlCommand::show_mappings:
      return dump_mappings(service, request.id, request.filter);
    case ControlCommand::show_sessions:
      return dump_sessions(service, request.id, request.filter);
    case ControlCommand::flush:
      return flush_mappings(service, request.id, request.filter);
    case ControlCommand::show_stats:
      return show_stats(service, request.id);
    case ControlCommand::show_config:
      return show_config(service, request.id);
    case ControlCommand::show_refused:
      return show_refused(service, request);
    case ControlCommand::set:
      return set(service, request);
    case ControlCommand::trace:
      return trace(service, request);
    case ControlCommand::port_forward_add:
      return add_port_forward(service, request.id, request.forward);
    case ControlCommand::port_forward_delete:
      return delete_port_forward(service, request.id, request.which);
    case ControlCommand::port_forward_list:
      return list_port_forwards(service, request.id);
    case ControlCommand::whose:
      return whose(service, request);
    case ControlCommand::watch:
      break;
  }
  return say(error_line(request.id, {"unknown-command", "this command has no answer here", ""}));
}

}  // namespace nat
