#include "tests/natcheck/greeter.h"

#include <algorithm>

namespace nat::check {

Stream& Greeter::call(const Endpoint& peer, std::uint64_t peer_run) {
  for (const Call& earlier : calls_) {
    if (earlier.stream->connecting() && earlier.stream->remote() == peer) earlier.stream->abort();
  }
  Stream& stream = port_.dial(peer);
  calls_.push_back({&stream, peer_run});
  return stream;
}

void Greeter::follow() {
  for (Call& call : calls_) {
    if (call.stream->open() && !call.spoken) {
      call.stream->send(hello(call.run));
      call.spoken = true;
    }
    listen_to(*call.stream, &call);
  }
  for (const auto& stream : port_.streams()) {
    if (!stream->dialled()) listen_to(*stream, nullptr);
  }
}

void Greeter::listen_to(Stream& stream, const Call* call) {
  for (const Message& heard : stream.take_heard()) {
    if (heard.kind != Kind::hairpin) continue;
    const bool answer = call != nullptr && heard.run == call->run;
    if (meetings_.size() < kKept) meetings_.push_back({stream.remote(), heard.run, heard.tag, answer});
    if (call == nullptr) stream.send(hello(heard.run));
  }
}

const Meeting* Greeter::met(std::uint16_t tag) const {
  const auto match = std::find_if(meetings_.begin(), meetings_.end(),
                                  [&](const Meeting& meeting) { return meeting.tag == tag; });
  return match == meetings_.end() ? nullptr : &*match;
}

Message Greeter::hello(std::uint64_t run) const {
  Message message;
  message.kind = Kind::hairpin;
  message.run = run;
  message.stage = Stage::hairpin;
  message.protocol = Protocol::tcp;
  message.tag = tag_;
  return message;
}

}  // namespace nat::check
