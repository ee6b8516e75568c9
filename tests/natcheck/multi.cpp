#include "tests/natcheck/multi.h"

#include <algorithm>
#include <csignal>
#include <numeric>
#include <set>
#include <sstream>

#include "tests/natcheck/client.h"
#include "tests/natcheck/findings.h"

namespace nat::check {
namespace {

using nlohmann::json;
using Numbers = std::vector<std::size_t>;

constexpr milliseconds kStartPatience{15'000};  // a remote shell may have to log in first
constexpr milliseconds kAnswerPatience{70'000};
constexpr unsigned kHairpinTries = 3;
const char* const kListen = "heard 100";

std::optional<Endpoint> endpoint_in(const json& answer, const char* key) {
  return answer.at(key).is_string() ? Endpoint::parse(answer.at(key).get<std::string>()) : std::nullopt;
}

class Coordinator {
 public:
  explicit Coordinator(const MultiOptions& options);
  MultiReport run();

 private:
  void start_hosts();
  // One line to each of the hosts at once; their answers in the same order. Throws what the first of them
  // says against it, after all have been heard.
  std::vector<json> call(const Numbers& hosts, const std::string& line);
  void join_together();
  void join(std::size_t host, std::uint16_t port) { call({host}, "join " + std::to_string(port)); }
  void stagger();
  void part();
  void observe(const std::string& name, const Numbers& hosts, bool compare = true);
  Round observed(const Numbers& hosts, Protocol protocol);
  void confirm(Round& round, const Numbers& hosts, const std::string& question,
               const std::vector<json>& answers);

  void hairpin_udp(MultiFindings& findings);
  void hairpin_tcp(MultiFindings& findings);
  using Direction = std::pair<std::size_t, std::size_t>;
  void send_hairpin(const MultiFindings& findings, const Direction& direction);
  void collect(MultiFindings& findings, const std::vector<Direction>& awaited, milliseconds patience,
               bool first);
  std::vector<Direction> missing(const MultiFindings& findings, bool upward) const;

  const MultiOptions& options_;
  MultiReport report_;
  std::vector<std::unique_ptr<Host>> hosts_;
  std::vector<std::string> runs_;
  Numbers all_;
};

Coordinator::Coordinator(const MultiOptions& options) : options_(options), all_(options.hosts.size()) {
  std::iota(all_.begin(), all_.end(), 0);
  for (const Protocol protocol : {Protocol::udp, Protocol::tcp}) {
    if (protocol == Protocol::udp ? options.udp : options.tcp)
      report_.protocols.emplace_back().protocol = protocol;
  }
}

MultiReport Coordinator::run() {
  start_hosts();
  join_together();
  observe("together", all_);
  for (MultiFindings& findings : report_.protocols) {
    findings.protocol == Protocol::udp ? hairpin_udp(findings) : hairpin_tcp(findings);
  }
  observe("after hairpins", all_);
  call(all_, "leave");
  stagger();
  call(all_, "leave");
  part();
  return std::move(report_);
}

void Coordinator::start_hosts() {
  for (const std::size_t number : all_) {
    std::vector<std::string> command;
    std::istringstream prefix(options_.hosts[number]);
    for (std::string word; prefix >> word;) command.push_back(word);
    command.insert(command.end(), {options_.program, "agent", "--number", std::to_string(number), "--servers",
                                   options_.servers, "--timeout", options_.timeout});
    if (!options_.binds.empty()) command.insert(command.end(), {"--bind", options_.binds[number]});
    hosts_.push_back(std::make_unique<Host>("host " + std::to_string(number + 1), command));
  }
  for (const std::size_t number : all_) {
    const json greeting = hosts_[number]->receive(kStartPatience);
    runs_.push_back(greeting.at("run").get<std::string>());
    report_.hosts.emplace_back(options_.hosts[number], greeting.at("local").get<std::string>());
  }
}

std::vector<json> Coordinator::call(const Numbers& hosts, const std::string& line) {
  for (const std::size_t host : hosts) hosts_[host]->send(line);
  std::vector<json> answers;
  std::optional<SetupError> refusal;
  for (const std::size_t host : hosts) {
    try {
      answers.push_back(hosts_[host]->receive(kAnswerPatience));
    } catch (const SetupError& error) {
      if (!refusal) refusal = error;
    }
  }
  if (refusal) throw SetupError(*refusal);
  return answers;
}

// At the port that was asked for, or at one that is free on every host.
void Coordinator::join_together() {
  constexpr int kTries = 5;
  for (int i = 1;; ++i) {
    report_.port = options_.port != 0 ? options_.port : random_port();
    try {
      call(all_, "join " + std::to_string(report_.port));
      return;
    } catch (const SetupError&) {
      if (options_.port != 0 || i == kTries) throw;
    }
    try {
      call(all_, "leave");
    } catch (const SetupError&) {
      // Those that could not join cannot leave.
    }
  }
}

// One after the other, at the next port, where no host has been; then the first leaves and comes back. Each
// time all who are there are observed anew.
void Coordinator::stagger() {
  const auto port = static_cast<std::uint16_t>(report_.port + 1);
  Numbers present;
  for (const std::size_t host : all_) {
    join(host, port);
    present.push_back(host);
    observe("host " + std::to_string(host + 1) + " joins", present, present.size() > 1);
  }
  call({all_.front()}, "leave");
  present.erase(present.begin());
  observe("host 1 leaves", present);
  join(all_.front(), port);
  observe("host 1 returns", all_);
}

// At a third port, where each host asks one server, and its neighbours others.
void Coordinator::part() {
  const char* const servers[] = {"s1", "s2", "s2_second_port"};
  try {
    call(all_, "join " + std::to_string(report_.port + 2));
  } catch (const SetupError&) {
    return;  // taken on one of the hosts
  }
  for (MultiFindings& findings : report_.protocols) {
    // Twice: what the first has had until its mapping got lost may be the second's now.
    for (int i = 0; i < 2; ++i) {
      findings.apart.clear();
      for (const std::size_t host : all_) {
        const auto answer = call({host}, std::string("ask ") + to_string(findings.protocol) + " " +
                                             servers[host % std::size(servers)]);
        if (const auto seen = endpoint_in(answer.front(), "seen")) findings.apart[host] = *seen;
      }
    }
  }
}

void Coordinator::observe(const std::string& name, const Numbers& hosts, bool compare) {
  for (MultiFindings& findings : report_.protocols) {
    Round round = observed(hosts, findings.protocol);
    round.name = name;
    if (compare && !findings.rounds.empty()) {
      const auto& before = findings.rounds.back().endpoints;
      round.unchanged = std::all_of(round.endpoints.begin(), round.endpoints.end(), [&](const auto& entry) {
        const auto earlier = before.find(entry.first);
        return earlier == before.end() || earlier->second == entry.second;
      });
    }
    findings.rounds.push_back(std::move(round));
  }
}

Round Coordinator::observed(const Numbers& hosts, Protocol protocol) {
  Round round;
  const std::string question = std::string("observe ") + to_string(protocol);
  const auto answers = call(hosts, question);
  std::set<Endpoint> seen;
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    const auto first = endpoint_in(answers[i], "s1"), second = endpoint_in(answers[i], "s2"),
               second_port = endpoint_in(answers[i], "s2_second_port");
    round.endpoints[hosts[i]] = first;
    if (const auto mapping = mapping_of(first, second, second_port)) round.mappings[hosts[i]] = *mapping;
    round.complete = round.complete && first && second && second_port;
    round.consistent = round.consistent && first == second && second == second_port;
    if (first && !seen.insert(*first).second) round.distinct = false;
  }
  confirm(round, hosts, question, answers);
  return round;
}

// A host whose endpoints differ is asked again: where a mapping was lost in between, they will be others now,
// and nothing is known of its behaviour.
void Coordinator::confirm(Round& round, const Numbers& hosts, const std::string& question,
                          const std::vector<json>& answers) {
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    const auto found = round.mappings.find(hosts[i]);
    if (found == round.mappings.end() || found->second == Behavior::endpoint_independent) continue;
    const json again = call({hosts[i]}, question).front();
    if (again.at("s1") != answers[i].at("s1") || again.at("s2") != answers[i].at("s2"))
      round.mappings.erase(found);
  }
}

// Upward, from lower to higher number, before any receiver has sent anything: one-way. Then downward, and
// upward again where nothing had come through: two-way.
void Coordinator::hairpin_udp(MultiFindings& findings) {
  bool first = true;
  for (const bool upward : {true, false, true}) {
    for (unsigned i = 0; i < kHairpinTries; ++i) {
      const auto awaited = missing(findings, upward);
      for (const Direction& direction : awaited) send_hairpin(findings, direction);
      collect(findings, awaited, options_.wait / 2 / kHairpinTries, first);
    }
    first = false;
  }
}

// One connection is both ways: upward first and, where that does not come through, from both sides at once.
void Coordinator::hairpin_tcp(MultiFindings& findings) {
  const milliseconds patience = options_.wait * 3 / 4;
  const auto both = [&] {
    auto awaited = missing(findings, true);
    const auto downward = missing(findings, false);
    awaited.insert(awaited.end(), downward.begin(), downward.end());
    return awaited;
  };
  for (const Direction& direction : missing(findings, true)) send_hairpin(findings, direction);
  collect(findings, both(), patience, true);
  const auto awaited = both();
  for (const Direction& direction : awaited) send_hairpin(findings, direction);
  collect(findings, awaited, patience, false);
}

std::vector<Coordinator::Direction> Coordinator::missing(const MultiFindings& findings, bool upward) const {
  std::vector<Direction> found;
  for (const std::size_t from : all_) {
    for (const std::size_t to : all_) {
      if (from == to || (from < to) != upward) continue;
      const auto pair = findings.pairs.find({from, to});
      if (pair == findings.pairs.end() || !pair->second.two_way) found.emplace_back(from, to);
    }
  }
  return found;
}

void Coordinator::send_hairpin(const MultiFindings& findings, const Direction& direction) {
  const auto& target = findings.rounds.back().endpoints.at(direction.second);
  if (!target) return;
  call({direction.first}, std::string("hairpin ") + to_string(findings.protocol) + " " + target->to_string() +
                              " " + runs_[direction.second]);
}

// Takes down what the hosts have heard, until all that is awaited has come or patience ends.
void Coordinator::collect(MultiFindings& findings, const std::vector<Direction>& awaited,
                          milliseconds patience, bool first) {
  const TimePoint end = Clock::now() + patience;
  const auto done = [&] {
    return std::all_of(awaited.begin(), awaited.end(),
                       [&](const Direction& one) { return findings.pairs[one].two_way; });
  };
  while (!done() && Clock::now() < end) {
    const auto answers = call(all_, kListen);
    for (const std::size_t host : all_) {
      findings.strays += answers[host].at("strays").get<unsigned>();
      for (const json& heard : answers[host].at("heard")) {
        if (heard.at("protocol") != to_string(findings.protocol)) continue;
        const auto from = heard.at("from").get<std::size_t>();
        Pair& pair = findings.pairs[{from, host}];
        pair.one_way = pair.one_way || (first && from < host);
        pair.two_way = true;
        pair.source = endpoint_in(heard, "source");
      }
    }
  }
}

}  // namespace

MultiReport run_multi(const MultiOptions& options) {
  std::signal(SIGPIPE, SIG_IGN);  // a host that ends is noticed where it is written to
  return Coordinator(options).run();
}

bool undisturbed(const MultiFindings& findings) {
  return findings.strays == 0 &&
         std::all_of(findings.rounds.begin(), findings.rounds.end(), [](const Round& round) {
           return round.complete && round.consistent && round.distinct && round.unchanged.value_or(true);
         });
}

bool hairpins(const MultiFindings& findings) {
  return std::all_of(findings.pairs.begin(), findings.pairs.end(),
                     [](const auto& entry) { return entry.second.two_way; });
}

namespace {

// Whether every host kept its endpoint. Where one did not, mappings get lost, and no two observations are of
// one time.
bool unmoved(const MultiFindings& findings) {
  return std::all_of(findings.rounds.begin(), findings.rounds.end(),
                     [](const Round& round) { return round.unchanged.value_or(true); });
}

}  // namespace

bool overloaded(const MultiFindings& findings) {
  std::set<Endpoint> seen;
  for (const auto& [host, endpoint] : findings.apart) {
    if (!seen.insert(endpoint).second) return true;
  }
  return unmoved(findings) && std::any_of(findings.rounds.begin(), findings.rounds.end(),
                                          [](const Round& round) { return !round.distinct; });
}

std::optional<bool> steady(const MultiFindings& findings) {
  if (!unmoved(findings)) return std::nullopt;
  std::set<Behavior> seen;
  for (const Round& round : findings.rounds) {
    for (const auto& [host, mapping] : round.mappings) seen.insert(mapping);
  }
  if (seen.empty()) return std::nullopt;
  return seen.size() == 1;
}

std::optional<bool> external_sources(const MultiFindings& findings) {
  std::optional<bool> external;
  for (const auto& [direction, pair] : findings.pairs) {
    if (!pair.source || findings.rounds.empty()) continue;
    const auto sender = findings.rounds.front().endpoints.find(direction.first);
    if (sender == findings.rounds.front().endpoints.end() || !sender->second) continue;
    external = external.value_or(true) && sender->second->address == pair.source->address;
  }
  return external;
}

int exit_code(const MultiReport& report) {
  int code = 0;
  for (const MultiFindings& findings : report.protocols) {
    const bool udp = findings.protocol == Protocol::udp;
    if (!undisturbed(findings)) code |= udp ? 1 : 2;
    if (!hairpins(findings)) code |= udp ? 4 : 8;
  }
  return code;
}

}  // namespace nat::check
