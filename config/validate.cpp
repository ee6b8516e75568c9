#include "config/validate.h"

#include <algorithm>
#include <map>
#include <set>

#include "config/option.h"
#include "config/port_forward.h"
#include "config/suggestion.h"
#include "config/value.h"

namespace nat {
namespace {

constexpr std::size_t kMostProblems = 100;

class Validation {
 public:
  Validation(const Settings& base, Interfaces interfaces) : settings_(base), interfaces_(interfaces) {}

  void add(const Document& document) {
    if (source_.empty()) source_ = document.source;
    problems_.insert(problems_.end(), document.problems.begin(), document.problems.end());
    std::map<std::string_view, const Entry*> seen;
    for (const Entry& entry : document.entries) add(entry, seen);
  }

  Result<Settings> finish() {
    check_rules();
    check_interfaces();
    check_ports();
    check_port_forwards();
    check_queues();
    check_fragments();
    check_held_fragments();
    check_blocks();
    if (problems_.empty()) {
      reserve_gateway_ports();
      resolve_host_rules(settings_);
      return std::move(settings_);
    }
    std::stable_sort(problems_.begin(), problems_.end(), [](const Diagnostic& a, const Diagnostic& b) {
      return a.at.source == b.at.source && a.at.line < b.at.line;
    });
    if (problems_.size() > kMostProblems) {
      const auto more = problems_.size() - kMostProblems;
      problems_.resize(kMostProblems);
      problems_.push_back({{source_, 0, 0}, {}, "and " + std::to_string(more) + " more", {}});
    }
    return std::move(problems_);
  }

 private:
  void add(const Entry& entry, std::map<std::string_view, const Entry*>& seen) {
    const Option* option = find_option(entry.key);
    if (!option) {
      const OptionError error = unknown_key(entry.key);
      problems_.push_back({entry.key_at, entry.key, error.message, error.hint});
      return;
    }
    const auto [first, is_first] = seen.emplace(option->key, &entry);
    if (!is_first && !is_list(option->kind)) {
      const unsigned line = first->second->key_at.line;
      problems_.push_back(
          {entry.key_at, entry.key,
           entry.key + " is set twice" + (line > 0 ? ", first in line " + std::to_string(line) : ""),
           "keep one of them"});
      return;
    }
    if (is_first && is_list(option->kind)) option->copy(default_settings(), settings_);
    set_at_[option->key] = entry.value_at;
    if (const auto error = option->read(*option, entry.value, settings_)) {
      unread_.insert(option->key);
      problems_.push_back({entry.value_at, entry.key, entry.key + ": " + error->message, error->hint});
    }
  }

  // The error stands where the last of the keys was set, if any was. A key whose value could not be read
  // has its error already.
  void complain(std::initializer_list<std::string_view> keys, std::string message, std::string hint) {
    Location at{source_, 0, 0};
    for (const std::string_view key : keys) {
      if (unread_.contains(key)) return;
      if (const auto found = set_at_.find(key); found != set_at_.end()) at = found->second;
    }
    problems_.push_back({at, std::string(*keys.begin()), std::move(message), std::move(hint)});
  }

  void check_rules() {
    if (settings_.lab || unread_.contains("lab")) return;
    for (const Option& option : options()) {
      if (!option.breaks_rule(settings_)) continue;
      complain({option.key}, option.breach(settings_),
               (option.has_floor() ? "raise it" : "leave it " + option.default_value()) +
                   ", or set 'lab = yes' if this is a laboratory");
    }
    for (const HostRuleText& rule : settings_.host_rules) check_rules(rule);
  }

  void check_rules(const HostRuleText& rule) {
    for (const std::string& breach : breaches(rule, settings_)) {
      complain({"hosts.rule"}, "'" + format_host_rule(rule) + "': " + breach,
               "change it, or set 'lab = yes' if this is a laboratory");
    }
  }

  void check_blocks() {
    std::sort(settings_.policy.blocks.subscribers.begin(), settings_.policy.blocks.subscribers.end());
    if (settings_.policy.blocks.subscribers.empty()) return;
    for (const HostRuleText& rule : settings_.host_rules) {
      for (const auto& [key, value] : rule.assignments) {
        if (key != "ports.ranges") continue;
        complain({"blocks.subscribers", "hosts.rule"},
                 "'" + format_host_rule(rule) + "' chooses ports where every host has its block",
                 "remove ports.ranges from the rule, or blocks.subscribers");
      }
    }
    check_share();
  }

  // The external interface is counted with one address; with more of them the shares only grow.
  void check_share() {
    const BlockPolicy& blocks = settings_.policy.blocks;
    const std::size_t addresses = 1 + settings_.extra_addresses.size();
    const std::size_t usable = usable_ports();
    if (blocks.ports_each(addresses, usable) > 0) return;
    complain({"blocks.subscribers", "blocks.dynamic", "ports.gateway", "pool.address"},
             std::to_string(blocks.subscribers_on_each(addresses)) + " subscribers on an address and " +
                 std::to_string(blocks.dynamic) + " shares left over cannot divide " +
                 std::to_string(usable) + " ports: nobody would have one",
             "name fewer subscribers, lower blocks.dynamic, narrow ports.gateway or add a pool.address");
  }

  // From 1024 on, beside those of the gateway.
  std::size_t usable_ports() const {
    const std::size_t first = std::max<std::size_t>(settings_.gateway_ports.first, kFirstBlockPort);
    const std::size_t past = std::size_t{settings_.gateway_ports.last} + 1;
    return 65536 - kFirstBlockPort - (past > first ? past - first : 0);
  }

  void check_interfaces() {
    const auto demand = [&](std::string_view key, std::string_view argument, const std::string& name) {
      if (!name.empty() || interfaces_ == Interfaces::optional) return;
      complain(
          {key}, std::string(key) + " is not set",
          "name it in the file or with " + std::string(argument) + "; 'ip -br link' lists the interfaces");
    };
    demand("interfaces.internal", "--internal", settings_.internal_interface);
    demand("interfaces.external", "--external", settings_.external_interface);
    if (!settings_.internal_interface.empty() &&
        settings_.internal_interface == settings_.external_interface) {
      complain(
          {"interfaces.internal", "interfaces.external"},
          "interfaces.internal and interfaces.external are both " + in_quotes(settings_.internal_interface),
          "a gateway stands between two interfaces");
    }
  }

  // The kernel takes gateway_ports as they are; what is left must serve ordinary hosts.
  void check_ports() {
    const auto free = [&](unsigned port) {
      return port < settings_.gateway_ports.first || port > settings_.gateway_ports.last;
    };
    for (const PortRange& range : settings_.policy.ports.ranges) {
      for (unsigned port = std::max<unsigned>(range.first, 1024); port <= range.last; ++port) {
        if (free(port)) return;
      }
    }
    complain({"ports.ranges", "ports.gateway"},
             "ports.ranges leaves no port from 1024 on beside the " +
                 format_port_range(settings_.gateway_ports) + " of ports.gateway",
             "widen ports.ranges");
  }

  void check_port_forwards() {
    for (const PortForward& forward : settings_.port_forwards) {
      const std::uint16_t port = forward.external.port;
      if (port < settings_.gateway_ports.first || port > settings_.gateway_ports.last) continue;
      complain({"forward.rule", "ports.gateway"},
               "'" + format_port_forward(forward) + "' wants a port of the gateway's own " +
                   format_port_range(settings_.gateway_ports),
               "choose another port, or move ports.gateway");
    }
  }

  void check_queues() {
    if (settings_.first_queue + settings_.queues - 1 <= 65535) return;
    complain({"datapath.first-queue", "datapath.queues"},
             "datapath.first-queue + datapath.queues goes beyond queue 65535", "lower one of them");
  }

  void check_fragments() {
    if (settings_.policy.timeouts.fragment_wait <= settings_.policy.timeouts.fragment_lifetime) return;
    complain({"fragments.wait", "fragments.lifetime"}, "fragments.wait is longer than fragments.lifetime",
             "a fragment waits no longer than its datagram lives");
  }

  // The kernel keeps a place of its queue for each fragment that natd holds; the others need theirs.
  void check_held_fragments() {
    const std::uint32_t most = settings_.queue_length / 4;
    if (settings_.policy.limits.held_fragments <= most) return;
    complain({"limits.held-fragments", "datapath.queue-length"},
             "limits.held-fragments is " + std::to_string(settings_.policy.limits.held_fragments) +
                 ", more than a quarter of datapath.queue-length, which is " +
                 std::to_string(settings_.queue_length),
             "lower limits.held-fragments to " + std::to_string(most) +
                 ", or raise datapath.queue-length to " +
                 std::to_string(std::uint64_t{4} * settings_.policy.limits.held_fragments));
  }

  void reserve_gateway_ports() {
    settings_.policy.reserved_ports.reset();
    for (std::size_t port = settings_.gateway_ports.first; port <= settings_.gateway_ports.last; ++port) {
      settings_.policy.reserved_ports.set(port);
    }
  }

  Settings settings_;
  Interfaces interfaces_;
  std::string source_;  // of the first document: where a key that is nowhere could be
  Diagnostics problems_;
  std::map<std::string_view, Location> set_at_;
  std::set<std::string_view> unread_;
};

}  // namespace

Result<Settings> validate(const Settings& base, std::span<const Document> documents, Interfaces interfaces) {
  Validation validation(base, interfaces);
  for (const Document& document : documents) validation.add(document);
  return validation.finish();
}

}  // namespace nat
