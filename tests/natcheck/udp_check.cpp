#include "tests/natcheck/udp_check.h"

#include <algorithm>

namespace nat::check {
namespace {

constexpr milliseconds kAgain{500};       // between two questions to a server
constexpr milliseconds kAgainQuick{250};  // between two packets that may be meant to vanish
constexpr unsigned kQuickTries = 3;

constexpr std::uint16_t kHairpinPortTag = 1, kMappingPortTag = 0;

}  // namespace

UdpCheck::UdpCheck(const ClientSettings& settings)
    : settings_(settings),
      mapping_port_(settings.local_endpoint(0)),
      hairpin_port_(settings.local_endpoint(1)),
      filter_port_(settings.local_endpoint(2)),
      ports_{&mapping_port_, &hairpin_port_, &filter_port_} {
  findings_.protocol = Protocol::udp;
  findings_.local = mapping_port_.local();
  findings_.hairpin.local = hairpin_port_.local();
}

Findings UdpCheck::run() {
  observe();
  if (findings_.second_server) {
    payload();
    filter();
    hairpin();
  }
  return findings_;
}

// K1 and K2: what does each server see?
void UdpCheck::observe() {
  struct Question {
    Stage stage;
    Endpoint server;
    std::optional<Endpoint>& answer;
  };
  const Question questions[] = {{Stage::first_server, settings_.first(), findings_.first_server},
                                {Stage::second_server, settings_.second(), findings_.second_server},
                                {Stage::second_port, settings_.second_port(), findings_.second_port}};
  const auto tries = static_cast<unsigned>(settings_.timeout / kAgain) + 1;
  exchange(
      ports_, {tries, kAgain, settings_.timeout},
      [&] {
        for (const Question& question : questions) {
          if (!question.answer) ping(mapping_port_, question.server, question.stage);
        }
      },
      [&] {
        bool settled = true;
        for (const Question& question : questions) {
          question.answer = observed(mapping_port_, question.stage);
          settled = settled && (question.answer || mapping_port_.rejected(question.server));
        }
        return settled;
      });
}

// K3, and the same from the second server's other port.
void UdpCheck::filter() {
  exchange(
      ports_, {4, kAgain, settings_.timeout},
      [&] { ping(filter_port_, settings_.second(), Stage::second_server); },
      [&] { return find(filter_port_, Kind::pong, Stage::second_server) != nullptr; });
  const Datagram* const welcome = find(filter_port_, Kind::pong, Stage::second_server);
  if (welcome == nullptr) return;

  Message probe = message(Kind::probe, Stage::none);
  probe.cookie = welcome->message.cookie;
  const auto arrived = [&](Stage stage) { return find(filter_port_, Kind::pong, stage) != nullptr; };
  const auto contacted = [&](Stage stage) { return arrived(stage) || contact_reported(stage); };
  const auto ask_unless = [&](const auto& settled) {
    for (const Stage stage : {Stage::third_server, Stage::second_port}) {
      probe.stage = stage;
      if (!settled(stage)) filter_port_.send(probe, settings_.second());
    }
  };
  const auto both = [](const auto& settled) {
    return settled(Stage::third_server) && settled(Stage::second_port);
  };
  // Silence counts from when the servers say that they have sent, not from when they were asked.
  const auto tries = static_cast<unsigned>(settings_.timeout / kAgainQuick) + 1;
  exchange(
      ports_, {tries, kAgainQuick, settings_.timeout}, [&] { ask_unless(contacted); },
      [&] { return both(contacted); });
  exchange(
      ports_, {kQuickTries, settings_.wait / kQuickTries, settings_.wait}, [&] { ask_unless(arrived); },
      [&] { return both(arrived); });
  take_report(Stage::third_server, settings_.third(), findings_.from_third_server);
  take_report(Stage::second_port, settings_.second_port(), findings_.from_second_port);
}

bool UdpCheck::contact_reported(Stage stage) const {
  const auto& heard = filter_port_.heard();
  return std::any_of(heard.begin(), heard.end(), [&](const Datagram& datagram) {
    const Message& message = datagram.message;
    return message.kind == Kind::report && message.run == settings_.run && message.stage == stage &&
           message.outcome != Outcome::unavailable;
  });
}

// An arrival counts by itself; silence counts only if the sender says that it has sent.
void UdpCheck::take_report(Stage stage, const Endpoint& sender, Unsolicited& into) const {
  for (const Datagram& datagram : filter_port_.heard()) {
    const Message& heard = datagram.message;
    if (heard.run != settings_.run || heard.stage != stage) continue;
    if (heard.kind == Kind::pong && datagram.from == sender) into.arrived = true;
    if (heard.kind != Kind::report || into.response == Outcome::icmp) continue;
    if (heard.outcome == Outcome::unavailable && into.response != Outcome::none) continue;
    into.response = heard.outcome;
    into.icmp_type = heard.icmp_type;
    into.icmp_code = heard.icmp_code;
  }
  if (!into.arrived && (into.response == Outcome::sent || into.response == Outcome::icmp))
    into.arrived = false;
}

// K4 and K4b: from c + 1 to the external endpoint of c.
void UdpCheck::hairpin() {
  exchange(
      ports_, {4, kAgain, settings_.timeout},
      [&] { ping(hairpin_port_, settings_.first(), Stage::first_server); },
      [&] { return observed(hairpin_port_, Stage::first_server).has_value(); });
  findings_.hairpin.external = observed(hairpin_port_, Stage::first_server);
  Endpoint target = *findings_.second_server;
  hairpin_one_way(target);
  hairpin_two_way(target);
  // Where a mapping got lost meanwhile, its endpoint was no host's.
  for (unsigned i = 1; i < kQuickTries && !*findings_.hairpin.two_way; ++i) {
    const auto now = ask_again(mapping_port_, settings_.second(), Stage::second_server);
    const auto external = ask_again(hairpin_port_, settings_.first(), Stage::first_server);
    if (!now || !external || (*now == target && external == findings_.hairpin.external)) return;
    target = *now;
    findings_.hairpin.external = external;
    hairpin_two_way(target);
  }
}

// The latest answer, as earlier ones may not hold any more.
std::optional<Endpoint> UdpCheck::ask_again(UdpPort& port, const Endpoint& server, Stage stage) {
  const auto earlier = port.heard().size();
  exchange(
      ports_, {4, kAgain, settings_.timeout}, [&] { ping(port, server, stage); },
      [&] { return port.heard().size() > earlier; });
  const auto& heard = port.heard();
  for (std::size_t i = heard.size(); i-- > earlier;) {
    const Message& message = heard[i].message;
    if (message.run == settings_.run && message.kind == Kind::pong && message.stage == stage)
      return message.observed;
  }
  return std::nullopt;
}

void UdpCheck::hairpin_one_way(const Endpoint& target) {
  Message outward = message(Kind::hairpin, Stage::hairpin);
  outward.tag = kHairpinPortTag;
  const auto arrived = [&] { return find(mapping_port_, Kind::hairpin, Stage::hairpin); };
  const auto send = [&] { hairpin_port_.send(outward, target); };
  const auto done = [&] { return arrived() || hairpin_port_.rejected(target); };
  exchange(ports_, {kQuickTries, kAgainQuick, settings_.wait / 2}, send, done);
  findings_.hairpin.one_way = arrived() != nullptr;
  if (arrived()) findings_.hairpin.source = arrived()->from;
}

// Both ports send to each other until each has heard the other: towards the source that was seen or, before
// anything has been seen, towards what the first server saw.
void UdpCheck::hairpin_two_way(const Endpoint& target) {
  Message outward = message(Kind::hairpin, Stage::hairpin), back = outward;
  outward.tag = kHairpinPortTag;
  back.tag = kMappingPortTag;
  const auto arrived = [&](const UdpPort& port) { return find(port, Kind::hairpin, Stage::hairpin); };
  const auto& hairpin = findings_.hairpin;
  const auto send = [&] {
    const auto there = hairpin.source ? hairpin.source : hairpin.external;
    if (there) mapping_port_.send(back, *there);
    hairpin_port_.send(outward, target);
  };
  const auto done = [&] { return arrived(mapping_port_) && arrived(hairpin_port_); };
  findings_.hairpin.two_way = exchange(ports_, {kQuickTries, kAgainQuick, settings_.wait / 2}, send, done);
  if (!findings_.hairpin.source && arrived(mapping_port_))
    findings_.hairpin.source = arrived(mapping_port_)->from;
}

// KA: endpoints in the clear, there and back.
void UdpCheck::payload() {
  Message echo = message(Kind::echo, Stage::payload);
  echo.subject = echo.raw_local = mapping_port_.local();
  const auto answer = [&] { return find(mapping_port_, Kind::echoed, Stage::payload); };
  exchange(
      ports_, {4, kAgain, settings_.timeout}, [&] { mapping_port_.send(echo, settings_.second()); },
      [&] { return answer() != nullptr; });
  if (!answer()) return;
  const Message& echoed = answer()->message;
  findings_.payload_untouched = echoed.outcome == Outcome::intact &&
                                echoed.raw_local == mapping_port_.local() &&
                                echoed.raw_observed == echoed.observed;
}

Message UdpCheck::message(Kind kind, Stage stage) const {
  Message made;
  made.kind = kind;
  made.stage = stage;
  made.run = settings_.run;
  return made;
}

void UdpCheck::ping(UdpPort& port, const Endpoint& server, Stage stage) {
  port.send(message(Kind::ping, stage), server);
}

const Datagram* UdpCheck::find(const UdpPort& port, Kind kind, Stage stage) const {
  const auto& heard = port.heard();
  const auto match = std::find_if(heard.begin(), heard.end(), [&](const Datagram& datagram) {
    return datagram.message.run == settings_.run && datagram.message.kind == kind &&
           datagram.message.stage == stage;
  });
  return match == heard.end() ? nullptr : &*match;
}

std::optional<Endpoint> UdpCheck::observed(const UdpPort& port, Stage stage) const {
  const Datagram* const pong = find(port, Kind::pong, stage);
  return pong ? std::optional(pong->message.observed) : std::nullopt;
}

}  // namespace nat::check
