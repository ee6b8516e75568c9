#include "tests/natcheck/stun/tcp_check.h"

namespace nat::check::stun {
namespace {

constexpr int kMappings = 2;             // local ports whose mapping is looked at
constexpr std::size_t kAllocations = 8;  // fresh ports, to see which external ones they get

}  // namespace

Findings TcpCheck::run() {
  findings_.protocol = Protocol::tcp;
  for (int i = 0; i < kMappings; ++i) {
    observe();
    if (!findings_.seen.back().primary) return findings_;
  }
  allocate();
  return findings_;
}

std::optional<Endpoint> TcpCheck::Asked::observed() const {
  if (!answer) return std::nullopt;
  return answer->xor_mapped ? answer->xor_mapped : answer->mapped;
}

TcpCheck::Asked TcpCheck::dial(const Endpoint& local, const Endpoint& server) const {
  Message request;
  request.transaction = random_transaction();
  return {Stream::dial(local, server), request};
}

void TcpCheck::ask(std::vector<Asked>& asked) {
  Ports ports;
  for (const Asked& one : asked) ports.push_back(one.stream.get());
  exchange(
      ports, {0, settings_.timeout, settings_.timeout}, [] {},
      [&] {
        bool settled = true;
        for (Asked& one : asked) {
          if (one.stream->open() && !one.sent) {
            one.stream->send(one.request);
            one.sent = true;
          }
          for (const Message& heard : one.stream->take_heard()) {
            if (heard.transaction == one.request.transaction && heard.kind == Class::success)
              one.answer = heard;
          }
          settled = settled && (one.answer || one.stream->over());
        }
        return settled;
      });
  for (const Asked& one : asked) {
    if (!one.answer || !one.answer->mapped || !one.answer->xor_mapped) continue;
    findings_.payload_untouched =
        findings_.payload_untouched.value_or(true) && one.answer->mapped == one.answer->xor_mapped;
  }
}

// MP1 to MP3.
void TcpCheck::observe() {
  const Endpoint local{settings_.local, random_fresh_port()};
  std::vector<Asked> first;
  first.push_back(dial(local, settings_.server));
  ask(first);
  Seen seen{local, first.front().observed(), {}, {}};
  if (first.front().answer && first.front().answer->other_address) {
    findings_.other_address = first.front().answer->other_address;
    std::vector<Asked> rest;
    rest.push_back(dial(local, {findings_.other_address->address, settings_.server.port}));
    rest.push_back(dial(local, *findings_.other_address));
    ask(rest);
    seen.other_address = rest[0].observed();
    seen.other_both = rest[1].observed();
  }
  findings_.seen.push_back(seen);
}

void TcpCheck::allocate() {
  std::vector<Asked> kept;
  for (std::size_t i = 0; i < kAllocations; ++i) {
    const Endpoint local{settings_.local, random_fresh_port()};
    std::vector<Asked> one;
    one.push_back(dial(local, settings_.server));
    ask(one);
    const auto external = one.front().observed();
    if (!external) return;
    findings_.allocations.push_back({local.port, external->port});
    kept.push_back(std::move(one.front()));
  }
}

}  // namespace nat::check::stun
