#include "tests/natcheck/stun/inquirer.h"

#include <algorithm>
#include <set>
#include <utility>

#include "translation/net/wire.h"

namespace nat::check::stun {
namespace {

constexpr milliseconds kAgain{500};
constexpr unsigned kUnsureTries = 3;

// Whether the question needs no more asking.
bool settle(Question& question) {
  if (question.answer || question.refused) return true;
  if (const Heard* const heard = question.answer_port->find(question.request.transaction)) {
    if (heard->message.kind == Class::success) question.answer = *heard;
    question.refused = heard->message.kind == Class::error;
  } else if (question.port->find(question.request.transaction) != nullptr) {
    // It was to come somewhere else: an error, or the answer to a mapping that another host has now.
    question.refused = question.port->find(question.request.transaction)->message.kind == Class::error;
  }
  return question.answer || question.refused;
}

}  // namespace

Question::Question(Port& asker, const Endpoint& to, const Message& what)
    : port(&asker), server(to), request(what), answer_port(&asker) {
  request.transaction = random_transaction();
}

std::optional<Endpoint> Question::observed() const {
  if (!answer) return std::nullopt;
  return answer->message.xor_mapped ? answer->message.xor_mapped : answer->message.mapped;
}

Transaction random_transaction() {
  Transaction made;
  const std::uint64_t one = random_number(), other = random_number();
  store32(made.data(), static_cast<std::uint32_t>(one));
  store32(made.data() + 4, static_cast<std::uint32_t>(one >> 32));
  store32(made.data() + 8, static_cast<std::uint32_t>(other));
  return made;
}

std::uint16_t random_fresh_port() {
  constexpr std::size_t kMost = 16384;  // then the first ones are old enough
  static std::set<std::uint16_t> drawn;
  if (drawn.size() >= kMost) drawn.clear();
  for (;;) {
    const auto port = static_cast<std::uint16_t>(32768 + random_number() % 32768);
    if (drawn.insert(port).second) return port;
  }
}

std::unique_ptr<Port> Inquirer::fresh_port() const {
  constexpr int kTries = 20;
  for (int i = 1; i < kTries; ++i) {
    try {
      return std::make_unique<Port>(Endpoint{settings_.local, random_fresh_port()});
    } catch (const SetupError&) {
      // Taken; an address that is not ours fails again below, where it is reported.
    }
  }
  return std::make_unique<Port>(Endpoint{settings_.local, random_fresh_port()});
}

void Inquirer::ask(const std::vector<Question*>& questions) const {
  ask_at({static_cast<unsigned>(settings_.timeout / kAgain) + 1, kAgain, settings_.timeout}, questions);
}

void Inquirer::ask_unsure(const std::vector<Question*>& questions) const {
  ask_at({kUnsureTries, settings_.wait / kUnsureTries, settings_.wait}, questions);
}

void Inquirer::ask_at(const Pace& pace, const std::vector<Question*>& questions) const {
  Ports ports;
  const auto add = [&](Port* port) {
    if (std::find(ports.begin(), ports.end(), port) == ports.end()) ports.push_back(port);
  };
  for (const Question* question : questions) {
    add(question->port);
    add(question->answer_port);
  }
  for (const Question* question : questions) {
    await_turn(ports);
    question->port->send(question->request, question->server);
  }
  // The time for answers begins when all have been asked, which may take a while at a low rate.
  bool asked_already = true;
  exchange(
      ports, pace,
      [&] {
        if (std::exchange(asked_already, false)) return;
        for (Question* question : questions) {
          if (!settle(*question)) question->port->send(question->request, question->server);
        }
      },
      [&] {
        bool settled = true;
        for (Question* question : questions) {
          const bool over = question->port->rejected(question->server);
          settled = (settle(*question) || over) && settled;
        }
        return settled;
      });
}

void Inquirer::wait_until(const std::vector<Port*>& ports, TimePoint end) const {
  const Ports all(ports.begin(), ports.end());
  while (Clock::now() < end) serve_once(all, end);
}

void Inquirer::await_turn(const Ports& ports) const {
  while (Clock::now() < turn_) serve_once(ports, turn_);
  turn_ = Clock::now() + std::chrono::microseconds(1'000'000 / settings_.rate);
}

}  // namespace nat::check::stun
