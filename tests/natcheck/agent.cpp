#include "tests/natcheck/agent.h"

#include <algorithm>
#include <iostream>
#include <tuple>

#include <nlohmann/json.hpp>
#include <unistd.h>

namespace nat::check {
namespace {

using nlohmann::json;

constexpr milliseconds kAgain{500};
constexpr milliseconds kLongestHeard{60'000};
constexpr std::size_t kStreams = 512;  // in the one TCP port: the servers, and every other client
constexpr std::size_t kKept = 4096;

json refusal(const std::string& why) { return {{"ok", false}, {"error", why}}; }

json text_of(const std::optional<Endpoint>& endpoint) {
  return endpoint ? json(endpoint->to_string()) : json();
}

std::string hexadecimal(std::uint64_t number) {
  std::ostringstream text;
  text << std::hex << number;
  return text.str();
}

}  // namespace

Agent::Seat::Seat(const Endpoint& local, std::uint16_t number)
    : udp(local), tcp(local, kStreams), greeter(tcp, number) {}

Agent::Agent(const AgentOptions& options) : options_(options), input_(Descriptor(dup(STDIN_FILENO))) {}

void Agent::run() {
  std::cout << json{{"ok", true},
                    {"run", hexadecimal(options_.settings.run)},
                    {"local", options_.settings.local.to_string()}}
            << std::endl;
  for (;;) {
    while (const auto line = input_.take()) std::cout << obey(*line) << std::endl;
    if (input_.over() || !std::cout) return;
    serve_once(ports(), TimePoint::max());
    absorb();
  }
}

Ports Agent::ports() {
  Ports all{&input_};
  if (seat_) all.insert(all.end(), {&seat_->udp, &seat_->tcp});
  return all;
}

json Agent::obey(const std::string& line) {
  std::istringstream words(line);
  std::string verb;
  words >> verb;
  if (verb == "join") return join(words);
  if (verb == "heard") return heard(words);
  if (verb != "observe" && verb != "ask" && verb != "hairpin" && verb != "leave")
    return refusal("unknown command '" + verb + "'");
  if (!seat_) return refusal("not joined");
  if (verb == "observe") return observe(words);
  if (verb == "ask") return ask_one(words);
  if (verb == "hairpin") return hairpin(words);
  for (const auto& stream : seat_->tcp.streams()) stream->abort();
  seat_.reset();
  return {{"ok", true}};
}

json Agent::join(std::istringstream& words) {
  unsigned port = 0;
  if (!(words >> port) || port == 0 || port > 65535) return refusal("join needs a port");
  if (seat_) return refusal("joined already");
  try {
    seat_.emplace(Endpoint{options_.settings.local, static_cast<std::uint16_t>(port)},
                  static_cast<std::uint16_t>(options_.number));
  } catch (const SetupError& error) {
    return refusal(error.what());
  }
  return {{"ok", true}, {"local", seat_->udp.local().to_string()}};
}

json Agent::observe(std::istringstream& words) {
  std::string protocol;
  words >> protocol;
  ++question_;
  if (protocol == "udp") return observe_udp();
  if (protocol == "tcp") return observe_tcp();
  return refusal("observe needs udp or tcp");
}

json Agent::observe_udp() {
  const ClientSettings& settings = options_.settings;
  pongs_.clear();
  const auto seen = [&](Stage stage) -> std::optional<Endpoint> {
    const auto match =
        std::find_if(pongs_.begin(), pongs_.end(), [&](const Message& pong) { return pong.stage == stage; });
    return match == pongs_.end() ? std::nullopt : std::optional(match->observed);
  };
  const std::pair<Stage, Endpoint> questions[] = {{Stage::first_server, settings.first()},
                                                  {Stage::second_server, settings.second()},
                                                  {Stage::second_port, settings.second_port()}};
  const auto send = [&] {
    for (const auto& [stage, server] : questions) {
      if (!seen(stage)) seat_->udp.send(ping(Protocol::udp, stage), server);
    }
  };
  const auto tries = static_cast<unsigned>(settings.timeout / kAgain) + 1;
  exchange({&seat_->udp, &seat_->tcp}, {tries, kAgain, settings.timeout}, send, [&] {
    absorb();
    return seen(Stage::first_server) && seen(Stage::second_server) && seen(Stage::second_port);
  });
  return {{"ok", true},
          {"s1", text_of(seen(Stage::first_server))},
          {"s2", text_of(seen(Stage::second_server))},
          {"s2_second_port", text_of(seen(Stage::second_port))}};
}

// The connections to the main ports stay; a new one to the second port is made each time, and reset.
json Agent::observe_tcp() {
  const ClientSettings& settings = options_.settings;
  if (seat_->first == nullptr) seat_->first = &seat_->tcp.dial(settings.first());
  if (seat_->second == nullptr) seat_->second = &seat_->tcp.dial(settings.second());
  Question first{seat_->first, ping(Protocol::tcp, Stage::first_server)};
  Question second{seat_->second, ping(Protocol::tcp, Stage::second_server)};
  Question second_port{&seat_->tcp.dial(settings.second_port()), ping(Protocol::tcp, Stage::second_port)};
  ask({&seat_->udp, &seat_->tcp}, {&first, &second, &second_port}, settings.timeout);
  second_port.stream->abort();
  return {{"ok", true},
          {"s1", text_of(first.observed())},
          {"s2", text_of(second.observed())},
          {"s2_second_port", text_of(second_port.observed())}};
}

json Agent::ask_one(std::istringstream& words) {
  std::string protocol, server;
  words >> protocol >> server;
  const ClientSettings& settings = options_.settings;
  const std::tuple<const char*, Stage, Endpoint> known[] = {
      {"s1", Stage::first_server, settings.first()},
      {"s2", Stage::second_server, settings.second()},
      {"s2_second_port", Stage::second_port, settings.second_port()}};
  for (const auto& [name, stage, endpoint] : known) {
    if (server != name) continue;
    ++question_;
    if (protocol == "udp") return {{"ok", true}, {"seen", text_of(seen_over_udp(stage, endpoint))}};
    if (protocol != "tcp") break;
    Stream*& stream = seat_->asked[server];
    if (stream == nullptr) stream = &seat_->tcp.dial(endpoint);
    Question question{stream, ping(Protocol::tcp, stage)};
    ask({&seat_->udp, &seat_->tcp}, {&question}, settings.timeout);
    return {{"ok", true}, {"seen", text_of(question.observed())}};
  }
  return refusal("ask needs udp or tcp, and s1, s2 or s2_second_port");
}

std::optional<Endpoint> Agent::seen_over_udp(Stage stage, const Endpoint& server) {
  const milliseconds patience = options_.settings.timeout;
  pongs_.clear();
  exchange(
      {&seat_->udp, &seat_->tcp}, {static_cast<unsigned>(patience / kAgain) + 1, kAgain, patience},
      [&] { seat_->udp.send(ping(Protocol::udp, stage), server); },
      [&] {
        absorb();
        return !pongs_.empty();
      });
  return pongs_.empty() ? std::nullopt : std::optional(pongs_.front().observed);
}

json Agent::hairpin(std::istringstream& words) {
  std::string protocol, target, run;
  words >> protocol >> target >> run;
  const auto endpoint = Endpoint::parse(target);
  std::uint64_t peer_run = 0;
  std::istringstream digits(run);
  if (!endpoint || !(digits >> std::hex >> peer_run))
    return refusal("hairpin needs a protocol, an endpoint and a run");
  if (protocol == "tcp") {
    seat_->greeter.call(*endpoint, peer_run);
    return {{"ok", true}};
  }
  if (protocol != "udp") return refusal("hairpin needs udp or tcp");
  Message message;
  message.kind = Kind::hairpin;
  message.stage = Stage::hairpin;
  message.run = peer_run;
  message.tag = static_cast<std::uint16_t>(options_.number);
  seat_->udp.send(message, *endpoint);
  return {{"ok", true}};
}

json Agent::heard(std::istringstream& words) {
  std::int64_t patience = 0;
  if (!(words >> patience) || patience < 0 || patience > kLongestHeard.count()) {
    return refusal("heard needs a number of milliseconds");
  }
  if (seat_) {
    exchange(
        {&seat_->udp, &seat_->tcp}, {0, kAgain, milliseconds(patience)}, [] {},
        [&] {
          absorb();
          return !heard_.empty();
        });
  }
  json list = json::array();
  for (const Heard& one : heard_) {
    list.push_back(
        {{"protocol", to_string(one.protocol)}, {"from", one.from}, {"source", one.source.to_string()}});
  }
  heard_.clear();
  return {{"ok", true}, {"heard", list}, {"strays", std::exchange(strays_, 0)}};
}

void Agent::absorb() {
  if (!seat_) return;
  for (const auto& [from, message] : seat_->udp.take_heard()) {
    if (message.run != options_.settings.run) {
      ++strays_;
    } else if (message.kind == Kind::hairpin) {
      note(Protocol::udp, from, message.tag);
    } else if (message.kind == Kind::pong && message.tag == question_ && pongs_.size() < kKept) {
      pongs_.push_back(message);
    }
  }
  seat_->udp.take_errors();
  seat_->greeter.follow();
  for (const Meeting& meeting : seat_->greeter.take_meetings()) {
    if (meeting.run == options_.settings.run || meeting.answer) {
      note(Protocol::tcp, meeting.source, meeting.tag);
    } else {
      ++strays_;
    }
  }
}

void Agent::note(Protocol protocol, const Endpoint& source, std::uint16_t from) {
  if (heard_.size() < kKept) heard_.push_back({protocol, source, from});
}

Message Agent::ping(Protocol protocol, Stage stage) const {
  Message message;
  message.kind = Kind::ping;
  message.run = options_.settings.run;
  message.stage = stage;
  message.protocol = protocol;
  message.tag = question_;
  return message;
}

}  // namespace nat::check
