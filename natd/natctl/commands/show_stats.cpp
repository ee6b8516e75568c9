// natctl show stats.
#include <algorithm>
#include <cctype>

#include "natd/natctl/command.h"
#include "natd/natctl/fields.h"
#include "natd/natctl/format.h"

namespace nat {
namespace {

Tone tone_of(const std::string& outcome) {
  return outcome == "forward" ? Tone::good : outcome == "drop" ? Tone::bad : Tone::plain;
}

void print_headline(const Context& context, const Json& stats) {
  std::string addresses;
  for (const Json& address : part(stats, "addresses")) {
    if (address.is_string()) addresses += " " + address.get<std::string>();
  }
  context.out << "natd " << text(stats, "natd") << "  up " << format_age(number(stats, "uptime")) << "  "
              << text(stats, "datapath") << "  " << text(stats, "internal") << " -> "
              << text(stats, "external") << (addresses.empty() ? " without an address" : addresses) << "\n\n";
  const Json& warnings = part(stats, "warnings");
  for (const Json& warning : warnings) {
    if (!warning.is_string()) continue;
    context.out << painted("warning: " + warning.get<std::string>(), Tone::bad, context.style.colours)
                << "\n";
  }
  if (!warnings.empty()) context.out << "\n";
}

void print_reasons(const Context& context, const Json& stats, bool all, bool explain) {
  Table table({{"OUTCOME"},
               {"REASON"},
               {"FROM INSIDE", Align::right},
               {"FROM OUTSIDE", Align::right},
               {"BYTES", Align::right}});
  for (const Json& reason : part(stats, "reasons")) {
    if (!all && number(reason, "packets") == 0) continue;
    const std::string outcome = text(reason, "outcome");
    table.add({Cell(outcome, tone_of(outcome)), text(reason, "reason"), digits(reason, "from_internal"),
               digits(reason, "from_external"), format_bytes(number(reason, "bytes"))},
              Cell(explain ? text(reason, "sentence") : "", Tone::faint));
  }
  if (table.empty()) {
    context.out << "no packet yet\n\n";
    return;
  }
  context.print(table);
  context.out << "\n";
}

void print_gauges(const Context& context, const Json& stats, bool all) {
  const Json& gauges = part(stats, "gauges");
  Table table({{"TABLE"}, {"NOW", Align::right}, {"LIMIT", Align::right}, {"FULL", Align::right}});
  for (const auto& [name, value] : gauges.items()) {
    const std::uint64_t now = number(gauges, name);
    if (name.ends_with("_limit") || (!all && name.starts_with("held_") && now == 0)) continue;
    const std::uint64_t limit = number(gauges, name + "_limit");
    std::string shown = name;
    for (char& c : shown) c = c == '_' ? ' ' : c;
    table.add(
        {shown, std::to_string(now), limit == 0 ? "-" : std::to_string(limit), format_share(now, limit)});
  }
  context.print(table);
}

void print_pools(const Context& context, const Json& pools) {
  if (pools.empty()) return;
  Table table({{"ADDRESS"},
               {"PROTO"},
               {"PORTS USED", Align::right},
               {"QUARANTINED", Align::right},
               {"CAPACITY", Align::right},
               {"FULL", Align::right}});
  for (const Json& pool : pools) {
    table.add({text(pool, "address"), text(pool, "proto"), digits(pool, "used"), digits(pool, "quarantined"),
               digits(pool, "capacity"),
               format_share(number(pool, "used") + number(pool, "quarantined"), number(pool, "capacity"))});
  }
  context.out << "\n";
  context.print(table);
}

void add_counters(Table& table, const Json& counters, bool zeros) {
  for (const auto& [name, value] : counters.items()) {
    if (!zeros && value == 0) continue;
    std::string shown = name;
    for (char& c : shown) c = c == '_' ? '-' : c;
    table.add({shown, digits(counters, name)});
  }
}

void print_counters(const Context& context, const Json& stats, bool all) {
  Table table({{"COUNTER"}, {"VALUE", Align::right}});
  add_counters(table, part(stats, "counters"), all);
  // The datapath has few, and that its queues never overran is news, too.
  add_counters(table, part(stats, "datapath_counters"), true);
  if (table.empty()) return;
  context.out << "\n";
  context.print(table);
}

// How long packets had to wait for natd itself, at worst.
void print_lock_holds(const Context& context, const Json& holds) {
  std::vector<Column> columns{{"LOCK HELD FOR"}};
  std::vector<Cell> times{"times"}, longest{"longest"};
  std::uint64_t all = 0;
  for (const auto& [purpose, of] : holds.items()) {
    std::string title = purpose;
    std::transform(title.begin(), title.end(), title.begin(),
                   [](unsigned char c) { return std::toupper(c); });
    columns.push_back({title, Align::right});
    times.emplace_back(digits(of, "count"));
    longest.emplace_back(number(of, "count") == 0 ? "-" : format_short(decimal(of, "longest")));
    all += number(of, "count");
  }
  if (all == 0) return;
  Table table(columns);
  table.add(std::move(times));
  table.add(std::move(longest));
  context.out << "\n";
  context.print(table);
}

}  // namespace

int show_stats(const Context& context, const Command& self, const std::vector<std::string>& words) {
  std::vector<std::string> rest = words;
  const bool all = take_flag(rest, "--all");
  const bool explain = take_flag(rest, "--explain");
  if (!rest.empty()) return misused(context, self, "'" + rest.front() + "' is no option of show stats");
  Request request;
  request.command = ControlCommand::show_stats;
  Json pools;
  const auto stats = context.ask(request, pools);
  if (!stats) return context.fail(stats.error());
  if (context.style.json) {
    Json members = *stats;
    members["pools"] = pools;
    context.print_json(members);
    return kDone;
  }
  context.print_misbehavior(*stats);
  print_headline(context, *stats);
  print_reasons(context, *stats, all, explain);
  print_gauges(context, *stats, all);
  print_pools(context, pools);
  print_counters(context, *stats, all);
  print_lock_holds(context, part(*stats, "lock_holds"));
  return kDone;
}

}  // namespace nat
