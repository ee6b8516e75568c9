#include "tests/natcheck/prober.h"

#include <algorithm>

namespace nat::check {

void Prober::start(const ProbeRequest& request, TimePoint now) {
  if (!allowance_.take(now)) return report(request, Outcome::unavailable);
  if (request.protocol == Protocol::udp) return start_udp(request);
  start_tcp(request, now);
}

void Prober::start_udp(const ProbeRequest& request) {
  Message message;
  message.kind = Kind::pong;
  message.run = request.run;
  message.stage = request.stage;
  message.observed = request.target;
  udp_.send(message, request.target);
  report(request, Outcome::sent);
  if (sent_.size() >= kRemembered) sent_.pop_front();
  sent_.push_back(request);
}

void Prober::start_tcp(const ProbeRequest& request, TimePoint now) {
  const auto earlier = std::find_if(dials_.begin(), dials_.end(),
                                    [&](const Dial& dial) { return dial.request.target == request.target; });
  if (earlier != dials_.end()) {
    if (earlier->request.run == request.run) return;
    dials_.erase(earlier);
  }
  // Whatever a client that is gone has left at this endpoint would be in the way.
  for (const auto& stream : tcp_.streams()) {
    if (stream->remote() == request.target) stream->abort();
  }
  if (dials_.size() >= kDials || tcp_.full()) return report(request, Outcome::unavailable);
  std::erase_if(failures_, [&](const Failure& failure) { return failure.target == request.target; });
  const milliseconds wait = std::min(request.wait, kLongestWait);
  dials_.push_back({request, &tcp_.dial(request.target), now, now + wait, now + kGiveUp});
}

void Prober::follow(TimePoint now) {
  for (const IcmpError& error : udp_.take_errors()) {
    const auto match = std::find_if(sent_.rbegin(), sent_.rend(), [&](const ProbeRequest& request) {
      return request.target == error.remote;
    });
    if (match == sent_.rend()) continue;
    report(*match, Outcome::icmp, error);
    sent_.erase(std::next(match).base());
  }
  std::erase_if(dials_, [&](Dial& dial) { return settle(dial, now); });
}

// Whether the dial needs no more following.
bool Prober::settle(Dial& dial, TimePoint now) {
  const Stream& stream = *dial.stream;
  Outcome outcome = Outcome::pending;
  switch (stream.state()) {
    case Stream::State::connecting:
      break;
    case Stream::State::open:
    case Stream::State::closed:
      outcome = Outcome::open;
      break;
    case Stream::State::refused:
      outcome = Outcome::refused;
      break;
    case Stream::State::icmp:
      outcome = Outcome::icmp;
      break;
    case Stream::State::failed:
      outcome = Outcome::unavailable;
      break;
  }
  if (!dial.reported && (outcome != Outcome::pending || now >= dial.report_at)) {
    report(dial.request, outcome, stream.icmp_error(),
           std::chrono::duration_cast<milliseconds>(now - dial.begun));
    dial.reported = true;
  }
  if (outcome == Outcome::open) return true;
  if (outcome != Outcome::pending || now >= dial.give_up_at) {
    if (failures_.size() >= kRemembered) failures_.pop_front();
    failures_.push_back({dial.request.target, outcome});
    dial.stream->abort();
    return true;
  }
  return false;
}

TimePoint Prober::next_deadline() const {
  TimePoint next = TimePoint::max();
  for (const Dial& dial : dials_) next = std::min(next, dial.reported ? dial.give_up_at : dial.report_at);
  return next;
}

Outcome Prober::connection_outcome(const Stream& stream) const {
  if (stream.dialled()) return Outcome::simultaneous;
  for (const Failure& failure : failures_) {
    if (failure.target != stream.remote()) continue;
    if (failure.outcome == Outcome::refused) return Outcome::accepted_after_refusal;
    if (failure.outcome == Outcome::icmp) return Outcome::accepted_after_icmp;
  }
  return Outcome::accepted;
}

void Prober::report(const ProbeRequest& request, Outcome outcome, const IcmpError& error,
                    milliseconds after) {
  Message message;
  message.kind = Kind::report;
  message.run = request.run;
  message.stage = request.stage;
  message.protocol = request.protocol;
  message.outcome = outcome;
  message.icmp_type = error.type;
  message.icmp_code = error.code;
  message.wait = static_cast<std::uint16_t>(std::min<std::int64_t>(after.count(), 65535));
  message.subject = request.target;
  reporter_(message);
}

}  // namespace nat::check
