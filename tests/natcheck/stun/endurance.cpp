#include "tests/natcheck/stun/endurance.h"

#include <algorithm>
#include <utility>

namespace nat::check::stun {
namespace {

constexpr std::size_t kGuarded = 3;  // mappings whose filter is provoked, and as many that are left alone
constexpr std::size_t kUsed = 8, kRounds = 8;  // mappings, and packets for each
constexpr int kProvocations = 2;

std::vector<Question*> pointers(std::vector<Question>& questions) {
  std::vector<Question*> all;
  for (Question& question : questions) all.push_back(&question);
  return all;
}

// One mapping under use.
struct Used {
  std::unique_ptr<Port> port;
  std::optional<Endpoint> external;
};

class Endurer {
 public:
  Endurer(const Inquirer& inquirer, const Settings& settings, const Endpoint& other_address, bool permission)
      : inquirer_(inquirer), settings_(settings), other_address_(other_address), permission_(permission) {}

  std::optional<Endurance> run() {
    for (std::size_t i = 0; i < kUsed; ++i) used_.push_back({inquirer_.fresh_port(), {}});
    contact();
    if (std::any_of(used_.begin(), used_.end(), [](const Used& one) { return !one.external; }))
      return std::nullopt;
    for (std::size_t i = 0; i < kRounds; ++i) {
      const TimePoint before = std::exchange(last_used_, Clock::now());
      use();
      found_.pause = std::max(found_.pause, std::chrono::ceil<milliseconds>(Clock::now() - before));
    }
    return found_;
  }

 private:
  // Asks both endpoints of the server, as no NAT loses what it has no need for.
  void contact() {
    std::vector<Question> questions;
    questions.reserve(2 * used_.size());
    for (const Used& one : used_) {
      questions.emplace_back(*one.port, settings_.server);
      if (permission_) questions.emplace_back(*one.port, other_address_);
    }
    inquirer_.ask(pointers(questions));
    for (std::size_t i = 0; i < used_.size(); ++i) {
      used_[i].external = questions[permission_ ? 2 * i : i].observed();
    }
  }

  void use() {
    Message request;
    if (permission_) request.change = Change{true, true};
    std::vector<Question> questions;
    questions.reserve(used_.size());
    for (const Used& one : used_) questions.emplace_back(*one.port, settings_.server, request);
    inquirer_.ask_unsure(pointers(questions));
    for (std::size_t i = 0; i < used_.size(); ++i) judge(used_[i], questions[i]);
  }

  void judge(Used& one, const Question& question) {
    ++found_.packets;
    if (question.answer) {
      const auto seen = question.observed();
      if (seen != one.external) ++found_.losses;
      one.external = seen;
    } else if (permission_ && !question.refused && comes_back(one, question.request)) {
      ++found_.losses;
    }
  }

  bool comes_back(Used& one, const Message& request) {
    Question permit(*one.port, other_address_);
    inquirer_.ask(permit);
    Question again(*one.port, settings_.server, request);
    inquirer_.ask_unsure({&again});
    if (again.answer) one.external = again.observed();
    return again.answer.has_value();
  }

  const Inquirer& inquirer_;
  const Settings& settings_;
  Endpoint other_address_;
  bool permission_;
  std::vector<Used> used_;
  TimePoint last_used_ = Clock::now();
  Endurance found_;
};

}  // namespace

AliveQuestion::AliveQuestion(Port& asker, Port& port, const Settings& settings, const Endpoint& external)
    : question(asker, settings.server) {
  question.request.response_port = external.port;
  question.answer_port = &port;
}

std::optional<bool> AliveQuestion::alive() const {
  if (question.refused) return std::nullopt;
  return question.answer.has_value();
}

std::optional<bool> survives_filter(const Inquirer& inquirer, const Settings& settings) {
  std::vector<std::unique_ptr<Port>> ports;
  while (ports.size() < 2 * kGuarded) ports.push_back(inquirer.fresh_port());
  const auto asker = inquirer.fresh_port();
  std::vector<Question> open;
  open.reserve(ports.size() + 1);
  for (const auto& port : ports) open.emplace_back(*port, settings.server);
  open.emplace_back(*asker, settings.server);
  inquirer.ask(pointers(open));
  for (const Question& question : open) {
    // RESPONSE-PORT reaches ports of the asker's external address only.
    if (!question.observed() || question.observed()->address != open.back().observed()->address)
      return std::nullopt;
  }
  Message provocation;
  provocation.change = Change{true, true};
  for (int i = 0; i < kProvocations; ++i) {
    for (std::size_t guarded = 0; guarded < kGuarded; ++guarded) {
      ports[guarded]->send(Question(*ports[guarded], settings.server, provocation).request, settings.server);
    }
  }
  std::vector<Port*> listening;
  for (const auto& port : ports) listening.push_back(port.get());
  inquirer.wait_until(listening, Clock::now() + settings.wait / 2);

  std::vector<AliveQuestion> alive;
  alive.reserve(ports.size());
  std::vector<Question*> asked;
  for (std::size_t i = 0; i < ports.size(); ++i) {
    alive.emplace_back(*asker, *ports[i], settings, *open[i].observed());
    asked.push_back(&alive.back().question);
  }
  inquirer.ask_unsure(asked);
  const auto survivors = [&](std::size_t from) {
    return std::count_if(alive.begin() + static_cast<std::ptrdiff_t>(from),
                         alive.begin() + static_cast<std::ptrdiff_t>(from + kGuarded),
                         [](const AliveQuestion& one) { return one.alive().value_or(false); });
  };
  if (survivors(kGuarded) != static_cast<std::ptrdiff_t>(kGuarded)) return std::nullopt;
  return survivors(0) != 0;
}

std::optional<Endurance> endure(const Inquirer& inquirer, const Settings& settings,
                                const Endpoint& other_address, std::optional<Behavior> mapping) {
  if (!mapping) return std::nullopt;
  return Endurer(inquirer, settings, other_address, mapping == Behavior::endpoint_independent).run();
}

}  // namespace nat::check::stun
