#include "tests/natcheck/stun/lifetime.h"

#include <algorithm>

#include "tests/natcheck/stun/endurance.h"

namespace nat::check::stun {
namespace {

constexpr int kAtOnce = 8;

// A mapping that is watched, and the port from which the server is asked to send to it. The latter contacts
// the server just before; what its own mapping becomes does not matter.
struct Watched {
  std::unique_ptr<Port> port, asker;
  std::optional<Endpoint> external;
  TimePoint opened;
};

class Search {
 public:
  Search(const Inquirer& inquirer, const Settings& settings) : inquirer_(inquirer), settings_(settings) {}

  std::optional<Lifetime> run() {
    Lifetime found;
    const auto now = alive_after({milliseconds(0)});
    if (!now || !now->front()) return std::nullopt;
    milliseconds end = settings_.lifetime->longest;
    do {
      std::vector<milliseconds> silences;
      for (int i = 1; i <= kAtOnce; ++i) silences.push_back(found.alive + (end - found.alive) * i / kAtOnce);
      const auto alive = alive_after(silences);
      if (!alive) return std::nullopt;
      const auto gone = std::find(alive->begin(), alive->end(), false) - alive->begin();
      if (gone > 0) found.alive = silences[static_cast<std::size_t>(gone - 1)];
      if (gone == kAtOnce) break;
      found.dead = end = silences[static_cast<std::size_t>(gone)];
      // An interval that cannot be divided any more is as precise as it gets.
    } while (end - found.alive > std::max(settings_.lifetime->precision, milliseconds(kAtOnce)));
    if (found.dead) find_refreshes(found);
    return found;
  }

 private:
  // Whether a mapping is there after each of the silences, which are in order. Nothing if that cannot be
  // found out.
  std::optional<std::vector<bool>> alive_after(const std::vector<milliseconds>& silences) {
    std::vector<Watched> watched;
    for (std::size_t i = 0; i < silences.size(); ++i) watched.push_back(open());
    std::vector<bool> alive;
    for (std::size_t i = 0; i < silences.size(); ++i) {
      wait_until(watched, watched[i].opened + silences[i]);
      const auto found = is_alive(watched[i]);
      if (!found) return std::nullopt;
      alive.push_back(*found);
      if (!*found) break;
    }
    alive.resize(silences.size(), false);
    return alive;
  }

  Watched open() {
    Watched made{inquirer_.fresh_port(), inquirer_.fresh_port(), {}, {}};
    made.external = touch(*made.port);
    made.opened = Clock::now();
    return made;
  }

  std::optional<Endpoint> touch(Port& port) {
    Question question(port, settings_.server);
    inquirer_.ask(question);
    return question.observed();
  }

  std::optional<bool> is_alive(Watched& watched) { return are_alive({&watched}).front(); }

  // Of each mapping, all asked for at once.
  std::vector<std::optional<bool>> are_alive(const std::vector<Watched*>& watched) {
    std::vector<std::optional<bool>> alive(watched.size());
    std::vector<AliveQuestion> questions;
    questions.reserve(watched.size());
    std::vector<Question*> asked;
    for (Watched* one : watched) {
      const auto here = touch(*one->asker);
      if (!here || !one->external || here->address != one->external->address) return alive;
      questions.emplace_back(*one->asker, *one->port, settings_, *one->external);
      asked.push_back(&questions.back().question);
    }
    inquirer_.ask_unsure(asked);
    for (std::size_t i = 0; i < watched.size(); ++i) alive[i] = questions[i].alive();
    return alive;
  }

  void wait_until(const std::vector<Watched>& watched, TimePoint end) {
    std::vector<Port*> ports;
    for (const Watched& one : watched) ports.push_back(one.port.get());
    inquirer_.wait_until(ports, end);
  }

  // Two mappings are used once, the one from inside and the other from outside, at six tenths of what kills a
  // silent one, and looked at after as long again: by then only what was refreshed is there.
  void find_refreshes(Lifetime& found) {
    const milliseconds step = *found.dead * 6 / 10;
    if (step > found.alive) return;
    std::vector<Watched> watched;
    watched.push_back(open());
    watched.push_back(open());
    wait_until(watched, watched.front().opened + step);
    const bool sent = touch(*watched[0].port).has_value();
    const auto reached = is_alive(watched[1]);
    wait_until(watched, Clock::now() + step);
    const auto alive = are_alive({&watched[0], &watched[1]});
    if (sent) found.outbound_refresh = alive[0];
    if (reached.value_or(false)) found.inbound_refresh = alive[1];
  }

  const Inquirer& inquirer_;
  const Settings& settings_;
};

}  // namespace

std::optional<Lifetime> find_lifetime(const Inquirer& inquirer, const Settings& settings) {
  return Search(inquirer, settings).run();
}

}  // namespace nat::check::stun
