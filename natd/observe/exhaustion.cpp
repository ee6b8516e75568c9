#include "natd/observe/exhaustion.h"

namespace nat {
namespace {

constexpr Duration kQuiet = std::chrono::minutes(1);

constexpr Reason kExhausted[] = {
    Reason::no_external_address, Reason::ports_exhausted,
    Reason::mapping_limit,       Reason::session_limit,
    Reason::host_limit,          Reason::host_mapping_limit,
    Reason::host_session_limit,  Reason::mapping_session_limit,
    Reason::creation_rate,       Reason::fragment_limit,
};

}  // namespace

std::vector<std::string> ExhaustionWatch::check(const Counters& counters, TimePoint now) {
  std::vector<std::string> sentences;
  for (const Reason reason : kExhausted) {
    Seen& seen = seen_[static_cast<std::size_t>(reason)];
    const std::uint64_t packets = counters.total(reason).packets;
    if (packets == seen.packets || now < seen.quiet_until) continue;
    sentences.push_back(std::to_string(packets - seen.packets) + " packets refused, " + to_string(reason) +
                        ": " + sentence(reason));
    seen = {packets, now + kQuiet};
  }
  return sentences;
}

std::string ExhaustionWatch::check_overruns(std::uint64_t overruns, TimePoint now) {
  if (overruns == overruns_.packets || now < overruns_.quiet_until) return {};
  const std::uint64_t lost = overruns - overruns_.packets;
  overruns_ = {overruns, now + kQuiet};
  return std::to_string(lost) +
         " packets lost, queue-overruns: they came faster than natd could take them, or the queue is too "
         "short "
         "(datapath.queue-length)";
}

}  // namespace nat
