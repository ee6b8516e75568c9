#include "tests/natcheck/tcp_check.h"

#include <algorithm>

namespace nat::check {
namespace {

constexpr std::size_t kStreams = 64;
constexpr milliseconds kTick{100};         // how often what is due is looked at while nothing stirs
constexpr milliseconds kAgain{250};        // until a server that could not contact us is asked once more
constexpr milliseconds kReportGrace{500};  // for the way of a report, after the wait that it reports on
constexpr int kHairpinTries = 3;
constexpr std::uint16_t kMappingPortTag = 0, kHairpinPortTag = 1;

// Whether the server that should contact us has done so.
bool contacted(const Unsolicited& state) {
  return state.response != Outcome::none && state.response != Outcome::unavailable;
}

}  // namespace

TcpCheck::TcpCheck(const ClientSettings& settings)
    : settings_(settings),
      mapping_port_(settings.local_endpoint(0), kStreams),
      hairpin_port_(settings.local_endpoint(1), kStreams),
      filter_port_(settings.local_endpoint(2), kStreams),
      ports_{&mapping_port_, &hairpin_port_, &filter_port_},
      mapping_greeter_(mapping_port_, kMappingPortTag),
      hairpin_greeter_(hairpin_port_, kHairpinPortTag) {
  findings_.protocol = Protocol::tcp;
  findings_.local = mapping_port_.local();
  findings_.hairpin.local = hairpin_port_.local();
}

Findings TcpCheck::run() {
  Stream& second_server = observe();
  if (findings_.second_server) {
    payload(second_server);
    filter(second_server);
    if (!findings_.from_third_server.arrived.value_or(false)) connect_third();
    hairpin();
  }
  for (TcpPort* port : {&mapping_port_, &hairpin_port_, &filter_port_}) {
    for (const auto& stream : port->streams()) stream->abort();
  }
  return findings_;
}

// KT1 and KT2; returns the connection to the second server.
Stream& TcpCheck::observe() {
  Question first = question(mapping_port_, settings_.first(), Stage::first_server);
  Question second = question(mapping_port_, settings_.second(), Stage::second_server);
  Question second_port = question(mapping_port_, settings_.second_port(), Stage::second_port);
  ask(ports_, {&first, &second, &second_port}, settings_.timeout);
  findings_.first_server = first.observed();
  findings_.second_server = second.observed();
  findings_.second_port = second_port.observed();
  return *second.stream;
}

Question TcpCheck::question(TcpPort& port, const Endpoint& server, Stage stage) {
  return {&port.dial(server), message(Kind::ping, stage)};
}

// KA, over the connection that is open anyway.
void TcpCheck::payload(Stream& second_server) {
  Message echo = message(Kind::echo, Stage::payload);
  echo.subject = echo.raw_local = mapping_port_.local();
  exchange(
      ports_, {1, kTick, settings_.timeout}, [&] { second_server.send(echo); },
      [&] {
        for (const Message& heard : second_server.take_heard()) {
          if (heard.kind != Kind::echoed || heard.run != settings_.run) continue;
          findings_.payload_untouched = heard.outcome == Outcome::intact &&
                                        heard.raw_local == mapping_port_.local() &&
                                        heard.raw_observed == heard.observed;
        }
        return findings_.payload_untouched.has_value() || second_server.over();
      });
}

// KT3 and KT4: a SYN from the third server to c and, at the same time, one from the second server's other
// port to c + 2.
void TcpCheck::filter(Stream& second_server) {
  Question fresh = question(filter_port_, settings_.second(), Stage::second_server);
  ask(ports_, {&fresh}, settings_.timeout);

  Message probe = message(Kind::probe, Stage::none);
  probe.wait = static_cast<std::uint16_t>(settings_.wait.count());
  Unsolicited& stranger = findings_.from_third_server;
  Unsolicited& other_port = findings_.from_second_port;
  const auto send = [&](Stream& stream, Stage stage) {
    probe.stage = stage;
    stream.send(probe);
  };
  // Once only: nothing is lost on a stream, and a second contact would disturb the first. Again only where
  // none was made, for as long as a server may take.
  auto left = static_cast<unsigned>(settings_.timeout / kAgain) + 1;
  const auto send_again = [&](Stream& stream, Stage stage, Unsolicited& state) {
    if (state.response != Outcome::unavailable || left == 0) return;
    state.response = Outcome::none;
    send(stream, stage);
  };
  const auto settled = [&](const Unsolicited& state) {
    if (state.response == Outcome::unavailable) return left == 0;
    return contacted(state) && (state.response != Outcome::open || state.arrived);
  };
  send(second_server, Stage::third_server);
  if (fresh.answer) send(*fresh.stream, Stage::second_port);
  exchange(
      ports_, {left, kAgain, settings_.timeout + settings_.wait + kReportGrace},
      [&] {
        --left;
        send_again(second_server, Stage::third_server, stranger);
        send_again(*fresh.stream, Stage::second_port, other_port);
      },
      [&] {
        take_probe(second_server, mapping_port_, Stage::third_server, settings_.third(), stranger);
        take_probe(*fresh.stream, filter_port_, Stage::second_port, settings_.second_port(), other_port);
        return settled(stranger) && (settled(other_port) || !fresh.answer || fresh.stream->over());
      });
  for (Unsolicited* state : {&stranger, &other_port}) {
    if (contacted(*state) && !state->arrived) state->arrived = false;
  }
}

void TcpCheck::take_probe(Stream& stream, TcpPort& port, Stage stage, const Endpoint& sender,
                          Unsolicited& into) {
  for (const Message& heard : stream.take_heard()) {
    if (heard.kind != Kind::report || heard.run != settings_.run || heard.stage != stage) continue;
    into.response = heard.outcome;
    into.icmp_type = heard.icmp_type;
    into.icmp_code = heard.icmp_code;
    into.after = milliseconds(heard.wait);
  }
  for (const auto& other : port.streams()) {
    if (!other->dialled() && other->remote() == sender) into.arrived = true;
  }
}

// KT5: our own SYN to the third server, which may still be sending its own.
void TcpCheck::connect_third() {
  Question third = question(mapping_port_, settings_.third(), Stage::third_server);
  ask(ports_, {&third}, settings_.timeout);
  if (third.answer) {
    findings_.third_connection = third.answer->outcome;
  } else {
    findings_.third_connection_failed = true;
  }
}

// KT6: from c + 1 to the external endpoint of c.
void TcpCheck::hairpin() {
  Question own = question(hairpin_port_, settings_.first(), Stage::first_server);
  ask(ports_, {&own}, settings_.timeout);
  findings_.hairpin.external = own.observed();
  hairpin_one_way(*findings_.second_server);
  if (!*findings_.hairpin.two_way) hairpin_two_way(*findings_.second_server);
  // Where a mapping got lost meanwhile, its endpoint was no host's.
  for (int i = 1; i < kHairpinTries && !findings_.hairpin.two_way.value_or(true); ++i) {
    const Endpoint fresh{settings_.first().address, static_cast<std::uint16_t>(settings_.first().port + 1)};
    Question here = question(mapping_port_, fresh, Stage::first_server);
    Question there = question(hairpin_port_, fresh, Stage::first_server);
    ask(ports_, {&here, &there}, settings_.timeout);
    const auto target = here.observed(), external = there.observed();
    for (const Question* one : {&here, &there}) one->stream->abort();
    if (!target || !external) return;
    if (target == findings_.second_server && external == findings_.hairpin.external) return;
    findings_.hairpin.external = external;
    hairpin_two_way(*target);
  }
}

void TcpCheck::hairpin_one_way(const Endpoint& target) {
  Stream& stream = hairpin_greeter_.call(target, settings_.run);
  const auto met = [&] {
    mapping_greeter_.follow();
    hairpin_greeter_.follow();
    return mapping_greeter_.met(kHairpinPortTag) && hairpin_greeter_.met(kMappingPortTag);
  };
  Hairpin& hairpin = findings_.hairpin;
  exchange(
      ports_, {1, kTick, settings_.wait * 3 / 4}, [] {}, [&] { return met() || stream.over(); });
  hairpin.two_way = met();
  const Meeting* const arrival = mapping_greeter_.met(kHairpinPortTag);
  hairpin.one_way = arrival != nullptr;
  if (arrival) hairpin.source = arrival->source;
  if (!*hairpin.two_way) stream.abort();
}

// Both ports dial each other at the same time, as two peers behind one gateway would.
void TcpCheck::hairpin_two_way(const Endpoint& target) {
  Hairpin& hairpin = findings_.hairpin;
  if (!hairpin.external) return;
  mapping_greeter_.call(*hairpin.external, settings_.run);
  hairpin_greeter_.call(target, settings_.run);
  hairpin.two_way = exchange(
      ports_, {1, kTick, settings_.wait * 3 / 4}, [] {},
      [&] {
        mapping_greeter_.follow();
        hairpin_greeter_.follow();
        return mapping_greeter_.met(kHairpinPortTag) && hairpin_greeter_.met(kMappingPortTag);
      });
  if (const Meeting* const arrival = mapping_greeter_.met(kHairpinPortTag)) hairpin.source = arrival->source;
}

Message TcpCheck::message(Kind kind, Stage stage) const {
  Message made;
  made.kind = kind;
  made.stage = stage;
  made.run = settings_.run;
  made.protocol = Protocol::tcp;
  return made;
}

}  // namespace nat::check
