#include "natd/daemon.h"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <stdexcept>
#include <utility>

#include <sys/epoll.h>

#include "config/change.h"
#include "config/option.h"
#include "natd/datapath/nfqueue/nfqueue.h"
#include "natd/datapath/tun/tun.h"
#include "natd/observe/log.h"
#include "natd/observe/notify.h"
#include "natd/system/clock.h"
#include "natd/system/leftovers.h"
#include "natd/system/overlap.h"
#include "natd/system/pool_addresses.h"
#include "natd/system/privilege.h"
#include "natd/system/ruleset.h"
#include "natd/system/stale_files.h"

namespace nat {
namespace {

using namespace std::chrono_literals;

// Mappings are made while the timer waits, and may be due before what it waits for.
constexpr Duration kLongestWait = 200ms;
// Several changes come together.
constexpr Duration kSettle = 50ms;
// DHCP clients and scripts take an address away and give it back a little later; mappings need not die of
// that.
constexpr Duration kGrace = 2s;
// Records of the engine's that are visited, or made, under one hold of its lock.
constexpr unsigned kVisitBudget = 256;

std::string join(const std::vector<std::string>& words) {
  std::string line;
  for (const std::string& word : words) line += (line.empty() ? "" : ", ") + word;
  return line;
}

// Whether the external interface lost addresses and got none instead.
bool only_lost_addresses(const Links& before, const Links& now) {
  const auto& had = before.external_addresses;
  return now.external_index == before.external_index && now.external_addresses.size() < had.size() &&
         std::all_of(now.external_addresses.begin(), now.external_addresses.end(), [&](Address address) {
           return std::find(had.begin(), had.end(), address) != had.end();
         });
}

std::string addresses(const Links& links) {
  std::vector<std::string> words;
  for (const Address address : links.external_addresses) words.push_back(address.to_string());
  if (words.empty()) return "no external address yet";
  return (words.size() == 1 ? "external address " : "external addresses ") + join(words);
}

std::string count(std::uint64_t number, const char* noun) {
  return std::to_string(number) + " " + noun + (number == 1 ? "" : "s");
}

std::string kept(const ApplyReport& report) {
  return "kept " + count(report.kept_mappings, "mapping") + " and " + count(report.kept_sessions, "session") +
         ", removed " + count(report.removed_mappings, "mapping");
}

std::string describe(const Change& change) {
  const auto shown = [](const std::string& value) { return value.empty() ? "none" : value; };
  return change.key + " " + shown(change.old_value) + " -> " + shown(change.new_value);
}

const char* name_of(int signal) {
  return signal == SIGTERM ? "SIGTERM" : signal == SIGUSR1 ? "SIGUSR1" : "SIGINT";
}

// What a handler of the loop could not do is for the operator to know; it does not end the daemon.
template <typename Action>
void guarded(const char* duty, Action action) {
  try {
    action();
  } catch (const std::exception& error) {
    log_error(std::string(duty) + ": " + error.what());
  }
}

}  // namespace

Policy policy_for(const Settings& settings, const Links& links) {
  Policy policy = settings.policy;
  policy.external_addresses = links.external_addresses;
  policy.internal_address = links.internal_address;
  if (policy.internal_networks.empty()) {
    policy.internal_networks = links.internal_networks;
    policy.internal_networks.insert(policy.internal_networks.end(), links.internal_routes.begin(),
                                    links.internal_routes.end());
  }
  return policy;
}

Daemon::Daemon(Settings settings, Load load)
    : settings_(settings), loaded_(std::move(settings)), load_(std::move(load)) {}

Daemon::~Daemon() = default;

bool Daemon::run() {
  std::signal(SIGPIPE, SIG_IGN);
  // Before any thread is made, so that all of them leave the signals to the loop.
  std::optional<Signals> signals;
  signals.emplace(loop_, std::initializer_list<int>{SIGTERM, SIGINT, SIGUSR1, SIGHUP}, [this](int number) {
    if (number == SIGHUP) return reload();
    log_notice(std::string("ending: ") + name_of(number));
    stays_shut_ = number == SIGUSR1;
    loop_.stop();
  });
  try {
    set_up();
    serve();
  } catch (...) {
    take_down();
    throw;
  }
  deliver_events();
  notify_stopping();
  // From here on a second SIGTERM has its default effect; a reload has none.
  std::signal(SIGHUP, SIG_IGN);
  signals.reset();
  return take_down();
}

// --- Beginning and end

void Daemon::set_up() {
  require_privileges();
  instance_.emplace();
  if (const std::size_t removed = remove_stale_files(kStateDirectory); removed > 0) {
    log_info("removed " + count(removed, "file") + " of network namespaces that are gone");
  }
  journal_.emplace();
  journal_->add_leftovers(find_leftovers());
  monitor_.emplace(settings_.internal_interface, settings_.external_interface, settings_.extra_addresses);
  links_ = monitor_->read();
  require_interfaces();
  shut_the_way();
  sockets_.emplace();
  local_ports_ = sockets_->refresh(links_.external_addresses);
  engine_.emplace(policy_for(settings_, links_), random_, &*sockets_);
  engine_->when_changed([this] { events_wait_.wake(); });
  drop_log_.emplace(random_);
  engine_->subscribe(*drop_log_);
  engine_->subscribe(mapping_log_);
  port_forwards_.emplace(*engine_);
  load_quarantine();
  apply_policy(true);
  start_datapath();
  control_ = std::make_unique<ControlServer>(*this, settings_.control_path, settings_.control_group);
  control_->start();
  forward_block_->open();
  stays_shut_ = false;
  announce();
}

// What an earlier natd gave to others goes to no other host for a while.
void Daemon::load_quarantine() {
  port_quarantine_.emplace();
  const TimePoint now = monotonic_now();
  quarantined_ = port_quarantine_->load(settings_.policy.ports.rest, now);
  if (!quarantined_.empty())
    log_info(count(quarantined_.size(), "external port") + " of an earlier natd in quarantine");
  quarantine_ports();
  engine_->subscribe(*port_quarantine_);
}

bool Daemon::take_down() noexcept {
  if (control_) control_->stop();
  if (backend_) {
    backend_->stop();
    backend_->uninstall();
  }
  if (!journal_ || journal_->stale()) return true;  // what an earlier natd left keeps the way shut
  const bool done = take_back();
  if (!done) log_error(journal_->advice());
  if (done && backend_) log_info("took down what was set up");
  if (stays_shut_) {
    log_warning("nothing passes between " + links_.internal + " and " + links_.external +
                " until natd runs; `natd --cleanup` opens the way");
  }
  return done;
}

bool Daemon::take_back() noexcept {
  std::optional<Undo> kept;
  if (stays_shut_) {
    kept = ForwardBlock::undo();
    try {
      forward_block_->shut();
    } catch (const std::exception& error) {
      log_error(std::string(error.what()) + "; so what was set up stays in its place");
      return false;
    }
  }
  const auto failures = journal_->undo_all(kept);
  for (const std::string& failure : failures) log_error(failure);
  return failures.empty();
}

// Before anything else is changed, so that there is no moment of the start in which untranslated packets
// pass.
void Daemon::shut_the_way() {
  const bool stale = journal_->stale();
  const bool ended_shut = journal_->holds_only(ForwardBlock::undo());
  forward_block_.emplace(*journal_, links_.internal, links_.external);
  forward_block_->shut();
  journal_->take_changes();  // the log tells of what stands while natd runs
  stays_shut_ = stale;
  if (!stale) return;
  if (!ended_shut) {
    log_notice(
        "an earlier natd ended without cleaning up in this network namespace; undoing what it changed");
  }
  for (const std::string& failure : journal_->undo_all(ForwardBlock::undo())) log_warning(failure);
}

void Daemon::require_interfaces() const {
  const auto require = [](unsigned index, const std::string& name, const char* option) {
    if (index != 0) return;
    throw std::runtime_error("there is no interface '" + name + "' in this network namespace, which has " +
                             join(interface_names()) + "; name one of them with " + option +
                             ", or make it before natd starts");
  };
  require(links_.internal_index, links_.internal, "--internal");
  require(links_.external_index, links_.external, "--external");
}

void Daemon::start_datapath() {
  std::vector<DatapathKind> kinds{settings_.datapath};
  if (settings_.datapath == DatapathKind::automatic) kinds = {DatapathKind::nfqueue, DatapathKind::tun};
  std::string why_not;
  for (const DatapathKind kind : kinds) {
    if (try_datapath(kind, why_not)) return;
    if (kind != kinds.back()) {
      log_warning(std::string("the ") + to_string(kind) + " datapath does not work here: " + why_not +
                  "; trying the next one");
    }
  }
  throw std::runtime_error(std::string("the ") + to_string(kinds.back()) +
                           " datapath does not work here: " + why_not);
}

bool Daemon::try_datapath(DatapathKind kind, std::string& why_not) {
  try {
    backend_ =
        kind == DatapathKind::tun ? make_tun(settings_, *journal_) : make_nfqueue(settings_, *journal_);
    claim_addresses(*journal_, settings_.external_interface, settings_.extra_addresses);
    backend_->install(links_, local_ports_);
    backend_->start(*engine_);
    for (const std::string& change : journal_->take_changes()) log_info("when it ends, natd will " + change);
    return true;
  } catch (const std::runtime_error& error) {
    why_not = error.what();
  }
  if (backend_) {
    backend_->stop();
    backend_->uninstall();
    backend_.reset();
  }
  for (const std::string& failure : journal_->undo_all(ForwardBlock::undo())) log_warning(failure);
  return false;
}

void Daemon::announce() {
  warn_of_overlaps();
  if (links_.external_addresses.empty()) {
    log_warning(links_.external +
                " has no address yet; until it gets one, packets from inside are refused (" +
                to_string(Reason::no_external_address) + ")");
  }
  std::printf("natd: ready: datapath %s, %s -> %s, %s\n", backend_->name(), links_.internal.c_str(),
              links_.external.c_str(), addresses(links_).c_str());
  std::fflush(stdout);
  notify_ready(status());
}

void Daemon::serve() {
  Timer expiry(loop_, [&] {
    const TimePoint next = engine_->expire(*backend_);
    deliver_events();
    expiry.at(std::min(next, monotonic_now() + kLongestWait));
  });
  expiry.at(monotonic_now() + kLongestWait);

  TimePoint next_look = kNever;
  Timer settle(loop_, [&] {
    next_look = kNever;
    guarded("reading the interfaces", [&] { next_look = refresh_links().value_or(kNever); });
    if (next_look != kNever) settle.at(next_look);
  });
  loop_.watch(monitor_->fd(), EPOLLIN, [&](std::uint32_t) {
    monitor_->drain();
    const TimePoint soon = monotonic_now() + kSettle;
    if (next_look <= soon) return;
    next_look = soon;
    settle.at(soon);
  });

  Timer second(loop_, [&] { every_second(); });
  second.every(1s);

  Timer watchdog(loop_, [] { notify_alive(); });
  if (const auto interval = watchdog_interval()) watchdog.every(*interval);

  loop_.run();
  loop_.forget(monitor_->fd());
}

// --- While it runs

void Daemon::every_second() {
  guarded("reading the gateway's own sockets", [&] { refresh_local_ports(); });
  guarded("following the rules of netfilter", [&] { follow_ruleset(); });
  const TimePoint now = monotonic_now();
  Counters counters;
  {
    const auto engine = engine_->lock();
    counters = engine->counters();
  }
  for (const std::string& sentence : exhaustion_.check(counters, now)) log_warning(sentence);
  const std::string overruns = exhaustion_.check_overruns(backend_->overruns(), now);
  if (!overruns.empty()) log_warning(overruns);
  warn_of_quarantine_problem();
  if (now >= next_status_) {
    notify_status(status());
    next_status_ = now + 10s;
  }
}

void Daemon::warn_of_quarantine_problem() {
  std::string problem = port_quarantine_->problem();
  if (problem.empty() || problem == quarantine_problem_) return;
  log_warning(problem + "; after a restart, ports that were in use may be given to others at once");
  quarantine_problem_ = std::move(problem);
}

// A port that a mapping has stays the mapping's: the engine sees its packets, and gives to the socket what no
// session has.
void Daemon::refresh_local_ports() {
  const std::vector<Address> addresses = links().external_addresses;
  LocalPorts ports = sockets_->refresh(addresses);
  leave_out_mapped(Protocol::tcp, ports.tcp, addresses);
  leave_out_mapped(Protocol::udp, ports.udp, addresses);
  if (ports == local_ports_) return;
  local_ports_ = ports;
  backend_->local_ports_changed(local_ports_);
}

void Daemon::leave_out_mapped(Protocol protocol, PortSet& ports, const std::vector<Address>& addresses) {
  std::vector<Endpoint> asked;
  const auto ask = [&] {
    const auto engine = engine_->lock();
    for (const Endpoint endpoint : asked) {
      if (engine->is_mapped(protocol, endpoint)) ports.reset(endpoint.port);
    }
    asked.clear();
  };
  for (std::size_t port = 1; port < ports.size(); ++port) {
    if (!ports.test(port)) continue;
    for (const Address address : addresses) {
      asked.push_back({address, static_cast<std::uint16_t>(port)});
      if (asked.size() == kVisitBudget) ask();
    }
  }
  ask();
}

void Daemon::follow_ruleset() {
  const std::uint32_t generation = ruleset_generation();
  if (generation == ruleset_generation_) return;
  ruleset_generation_ = generation;
  backend_->ruleset_changed();
}

std::optional<TimePoint> Daemon::refresh_links() {
  const Links now = monitor_->read();
  ApplyReport report;
  {
    const std::lock_guard lock(state_);
    if (only_lost_addresses(links_, now)) {
      if (!missing_since_) missing_since_ = monotonic_now();
      if (monotonic_now() < *missing_since_ + kGrace) return *missing_since_ + kGrace;
    }
    missing_since_.reset();
    if (now == links_) return std::nullopt;
    for (const auto& [name, before, after] :
         {std::tuple(now.internal, links_.internal_index, now.internal_index),
          std::tuple(now.external, links_.external_index, now.external_index)}) {
      if (before == after) continue;
      if (after == 0) log_warning(name + " is gone; waiting for it to come back");
      if (after != 0 && before == 0) log_notice(name + " is back");
    }
    if (now.external_addresses != links_.external_addresses) log_notice(now.external + ": " + addresses(now));
    links_ = now;
    report = apply_policy(true).report;
  }
  warn_of_overlaps();
  if (report.removed_mappings > 0) {
    log_notice("removed " + count(report.removed_mappings, "mapping") + " whose external address is gone");
  }
  backend_->links_changed(now);
  return std::nullopt;
}

void Daemon::deliver_events() {
  engine_->deliver();
  write_mapping_log();
  if (!port_quarantine_->take_missed()) return;
  for (std::uint64_t cursor = 0, more = 1; more != 0; more = cursor) {
    const auto engine = engine_->lock();
    engine->visit_mappings(cursor, kVisitBudget, engine.now(), [&](const MappingView& mapping) {
      port_quarantine_->note_present(mapping, engine.now());
    });
  }
}

void Daemon::write_mapping_log() {
  const auto unix_time = std::chrono::system_clock::now().time_since_epoch();
  const std::int64_t milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(unix_time).count();
  for (const std::string& line : mapping_log_.take(monotonic_now(), milliseconds)) log_record(line);
}

void Daemon::warn_of_overlaps() {
  std::vector<std::string> overlaps = overlap_warnings(links());
  if (overlaps == overlaps_) return;
  for (const std::string& overlap : overlaps) log_warning(overlap);
  if (overlaps.empty()) log_notice("internal and external networks do not overlap any more");
  overlaps_ = std::move(overlaps);
}

std::string Daemon::status() {
  Gauges gauges;
  {
    const auto engine = engine_->lock();
    gauges = engine->gauges();
  }
  return std::string(backend_->name()) + ", " + addresses(links()) + ", " +
         count(gauges.mappings, "mapping") + ", " + count(gauges.sessions, "session");
}

// --- Settings

Settings Daemon::settings() {
  const std::lock_guard lock(state_);
  return settings_;
}

Links Daemon::links() {
  const std::lock_guard lock(state_);
  return links_;
}

std::uint64_t Daemon::uptime_seconds() {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::seconds>(monotonic_now() - started_).count());
}

// With `state_` held.
Daemon::Applied Daemon::apply_policy(bool pool_changed) {
  mapping_log_.enable(settings_.log_mappings);
  Applied applied;
  Policy policy = policy_for(settings_, links_);
  if (!applied_policy_ || *applied_policy_ != policy) {
    applied_policy_ = policy;
    const auto engine = engine_->lock(LockPurpose::apply);
    applied.report = engine->apply(std::move(policy), engine.now());
  } else {
    const auto engine = engine_->lock();
    const Gauges gauges = engine->gauges();
    applied.report.kept_mappings = gauges.mappings;
    applied.report.kept_sessions = gauges.sessions;
  }
  if (pool_changed) quarantine_ports();  // of addresses that have come since
  applied.refused = port_forwards_->sync(settings_.port_forwards, pool_changed);
  for (const std::string& refused : applied.refused) log_warning(refused);
  warn_of_misbehavior();
  if (exempt_ != settings_.policy.exempt) {
    exempt_ = settings_.policy.exempt;
    if (backend_) guarded("exempting remotes", [&] { backend_->exemptions_changed(exempt_); });
  }
  return applied;
}

void Daemon::quarantine_ports() {
  const std::span<const QuarantinedPort> all(quarantined_);
  for (std::size_t at = 0; at < all.size(); at += kVisitBudget) {
    const auto engine = engine_->lock(LockPurpose::apply);
    engine->quarantine(all.subspan(at, std::min<std::size_t>(kVisitBudget, all.size() - at)), engine.now());
  }
  if (!quarantined_.empty() && quarantined_.back().until <= monotonic_now()) quarantined_.clear();
}

void Daemon::warn_of_misbehavior() {
  std::vector<std::string> found = breaches(settings_);
  if (found == misbehaving_) return;
  for (const std::string& sentence : found) log_warning("MISBEHAVING: " + sentence);
  if (found.empty()) log_notice("misbehaves no longer");
  misbehaving_ = std::move(found);
}

ChangeReport Daemon::change(const Edit& edit) {
  const std::lock_guard lock(state_);
  ChangeReport changed;
  changed.before = changed.after = settings_;
  auto wanted = edit(settings_);
  if (!wanted) {
    changed.problems = wanted.problems();
    return changed;
  }
  const auto changes = diff(settings_, *wanted);
  for (const Change& change : changes) {
    if (!change.needs_restart) continue;
    changed.refusal = change.key + " takes effect only when natd starts; nothing was changed";
    return changed;
  }
  for (const Change& change : changes) log_notice("natctl: " + describe(change));
  settings_ = changed.after = std::move(*wanted);
  Applied applied = apply_policy(false);
  changed.report = applied.report;
  changed.refused = std::move(applied.refused);
  return changed;
}

std::vector<PortForwards::Entry> Daemon::port_forwards() {
  const std::lock_guard lock(state_);
  return port_forwards_->entries();
}

void Daemon::reload() {
  notify_reloading();
  guarded("reloading", [&] {
    const Result<Settings> loaded = load_();
    if (loaded) {
      adopt(*loaded);
    } else {
      for (const Diagnostic& problem : loaded.problems()) log_error(problem.to_string());
      log_error("the reload changed nothing; correct the file and send SIGHUP again");
    }
  });
  notify_ready(status());
}

void Daemon::adopt(const Settings& wanted) {
  const std::lock_guard lock(state_);
  for (const Change& change : diff(loaded_, settings_)) {
    log_notice("the reload supersedes what natctl set: " + describe(change));
  }
  const Reload plan = plan_reload(settings_, wanted);
  settings_ = plan.settings;
  loaded_ = plan.settings;
  const ApplyReport report = apply_policy(false).report;
  for (const Change& change : plan.changes) {
    if (change.needs_restart) log_warning(describe(change) + " takes effect when natd is restarted");
    if (!change.needs_restart) log_notice("reloaded: " + describe(change));
  }
  log_notice(std::string(plan.changes.empty() ? "reloaded: nothing differs; " : "reloaded; ") + kept(report));
}

}  // namespace nat
