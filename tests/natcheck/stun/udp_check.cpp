#include "tests/natcheck/stun/udp_check.h"

#include "tests/natcheck/stun/endurance.h"
#include "tests/natcheck/stun/lifetime.h"

namespace nat::check::stun {
namespace {

constexpr std::size_t kPorts = 3;         // a majority, where a packet may get lost
constexpr std::size_t kAllocations = 12;  // fresh ports, to see which external ones they get
constexpr std::uint16_t kMtu = 1500;  // padding of this size makes any datagram larger than an Ethernet frame
constexpr unsigned kHairpinTries = 3;

}  // namespace

Findings UdpCheck::run() {
  findings_.protocol = Protocol::udp;
  const OwnPorts ports = fresh_ports(kPorts);
  observe(ports);
  if (!findings_.seen.front().primary) return findings_;
  hairpin();
  allocate();
  fragments();
  if (findings_.other_address) {
    filter();
    const auto verdict = filtering(findings_);
    if (verdict && verdict != Behavior::endpoint_independent) {
      findings_.survives_filter = survives_filter(inquirer_, settings_);
    }
    findings_.endurance = endure(inquirer_, settings_, *findings_.other_address, mapping(findings_));
  }
  if (settings_.lifetime) findings_.lifetime = find_lifetime(inquirer_, settings_);
  observe(fresh_ports(1));
  return findings_;
}

UdpCheck::OwnPorts UdpCheck::fresh_ports(std::size_t count) const {
  OwnPorts made;
  while (made.size() < count) made.push_back(inquirer_.fresh_port());
  return made;
}

// The server's endpoint that differs from the one we were given.
Endpoint UdpCheck::other(bool address, bool port) const {
  return {(address ? *findings_.other_address : settings_.server).address,
          (port ? *findings_.other_address : settings_.server).port};
}

// S0 and MP1 to MP3, AL1.
void UdpCheck::observe(const OwnPorts& ports) {
  std::vector<Question> first, rest;
  std::vector<Question*> asked;
  first.reserve(ports.size());
  for (const auto& port : ports) first.emplace_back(*port, settings_.server);
  for (Question& question : first) asked.push_back(&question);
  inquirer_.ask(asked);
  for (const Question& question : first) {
    compare(question);
    if (question.answer && !findings_.other_address)
      findings_.other_address = question.answer->message.other_address;
  }
  if (findings_.other_address) {
    rest.reserve(2 * ports.size());
    for (const auto& port : ports) {
      rest.emplace_back(*port, other(true, false));
      rest.emplace_back(*port, other(true, true));
    }
    asked.clear();
    for (std::size_t i = 0; i < rest.size(); ++i) {
      if (first[i / 2].answer) asked.push_back(&rest[i]);
    }
    inquirer_.ask(asked);
  }
  for (std::size_t i = 0; i < ports.size(); ++i) {
    Seen seen{ports[i]->local(), first[i].observed(), {}, {}};
    if (!rest.empty()) {
      seen.other_address = rest[2 * i].observed();
      seen.other_both = rest[2 * i + 1].observed();
      compare(rest[2 * i]);
      compare(rest[2 * i + 1]);
    }
    findings_.seen.push_back(seen);
  }
}

void UdpCheck::compare(const Question& question) {
  if (!question.answer || !question.answer->message.mapped || !question.answer->message.xor_mapped) return;
  const bool same = question.answer->message.mapped == question.answer->message.xor_mapped;
  findings_.payload_untouched = findings_.payload_untouched.value_or(true) && same;
}

// FL1 to FL3 and, for information, a change of the address alone. One after the other: what one of them
// provokes must not meet the answer to another.
void UdpCheck::filter() {
  const OwnPorts ports = fresh_ports(kPorts);
  findings_.let.resize(ports.size());
  const auto ask_all = [&](std::optional<Change> change, const auto& take) {
    Message request;
    request.change = change;
    std::vector<Question> questions;
    std::vector<Question*> asked;
    questions.reserve(ports.size());
    for (const auto& port : ports) questions.emplace_back(*port, settings_.server, request);
    for (Question& question : questions) asked.push_back(&question);
    change ? inquirer_.ask_unsure(asked) : inquirer_.ask(asked);
    for (std::size_t i = 0; i < ports.size(); ++i) {
      if (!questions[i].refused) take(findings_.let[i], questions[i].answer.has_value());
    }
  };
  ask_all(std::nullopt, [](Let& let, bool heard) { let.primary = heard; });
  ask_all(Change{true, true}, [](Let& let, bool heard) { let.other_both = heard; });
  ask_all(Change{false, true}, [](Let& let, bool heard) { let.other_port = heard; });
  ask_all(Change{true, false}, [](Let& let, bool heard) { let.other_address = heard; });
}

// H1, from a second port to the external endpoint of the first; H2, once the first has sent there too. Where
// a mapping got lost meanwhile, its endpoint was no host's, and the same is tried with what they have now.
void UdpCheck::hairpin() {
  Hairpin& found = findings_.hairpin;
  const OwnPorts ports = fresh_ports(2);
  found.local = ports[1]->local();
  std::optional<Endpoint> target;
  for (unsigned i = 0; i < kHairpinTries; ++i) {
    Question first(*ports[0], settings_.server), second(*ports[1], settings_.server);
    inquirer_.ask({&first, &second});
    if (!first.answer || !second.answer) return;
    if (target == first.observed() && found.external == second.observed()) return;
    target = first.observed();
    found.external = second.observed();
    if (meet(*ports[0], *target, *ports[1])) return;
  }
}

bool UdpCheck::meet(Port& port, const Endpoint& target, Port& second) {
  Hairpin& found = findings_.hairpin;
  Question there(second, target), back(port, *found.external);
  const Ports ports{&port, &second};
  const auto arrival = [&](const Port& at, const Question& question) {
    return at.find(question.request.transaction, Class::success);
  };
  const Pace pace{kHairpinTries, settings_.wait / 2 / kHairpinTries, settings_.wait / 2};
  const bool one_way = exchange(
      ports, pace, [&] { second.send(there.request, target); },
      [&] { return arrival(port, there) != nullptr; });
  found.one_way = found.one_way.value_or(false) || one_way;
  if (const Heard* const heard = arrival(port, there)) found.source = heard->from;
  found.two_way = exchange(
      ports, pace,
      [&] {
        port.send(back.request, found.source.value_or(back.server));
        second.send(there.request, target);
      },
      [&] { return arrival(port, there) != nullptr && arrival(second, back) != nullptr; });
  if (const Heard* const heard = arrival(port, there)) found.source = heard->from;
  return *found.two_way;
}

// PD1.
void UdpCheck::fragments() {
  const OwnPorts ports = fresh_ports(1);
  Message padded;
  padded.padding = kMtu;
  Question question(*ports.front(), settings_.server, padded);
  inquirer_.ask_unsure({&question});
  if (question.refused) return;
  // A server that does not pad its answers shows the way to it alone.
  findings_.fragments = question.answer.has_value();
}

// One after the other, so that their order is known.
void UdpCheck::allocate() {
  OwnPorts kept;
  for (std::size_t i = 0; i < kAllocations; ++i) {
    kept.push_back(inquirer_.fresh_port());
    Question question(*kept.back(), settings_.server);
    inquirer_.ask(question);
    const auto external = question.observed();
    if (!external) return;
    findings_.allocations.push_back({kept.back()->local().port, external->port});
  }
}

}  // namespace nat::check::stun
