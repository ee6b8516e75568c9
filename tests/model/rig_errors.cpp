// The part of the rig that sends ICMP errors: those of remotes, routers and hosts, and the gateway's own.
#include <algorithm>

#include "tests/model/byte_judge.h"
#include "tests/model/rig.h"
#include "tests/support/checksums.h"
#include "translation/net/wire.h"

namespace nat::test {
namespace {

Address router() { return Address(198, 51, 100, 1); }

// The checksum of the IP header becomes wrong, always by as much.
Octets with_wrong_sum(Octets packet) {
  constexpr std::uint32_t kError = 0x0101;
  std::uint32_t sum = load16(&packet[ip::kChecksum]) + kError;
  sum = (sum & 0xffff) + (sum >> 16);
  store16(&packet[ip::kChecksum], sum == 0xffff ? std::uint16_t{0} : static_cast<std::uint16_t>(sum));
  return packet;
}

}  // namespace

void Rig::send_error() {
  if (sent_.empty()) return;
  const Sent& about = sent_[below(static_cast<std::uint32_t>(sent_.size()))];
  if (about.words.protocol == Protocol::tcp && about.words.rst) return;
  Error error;
  error.words = about.words;
  error.in = about.out;
  error.quote = about.packet;
  error.words.wrong_sum = chance(15);
  error.words.tells_addresses = about.packet[0] == 0x45 && chance(10);
  if (error.words.tells_addresses) {
    const Address host(10, 0, 0, static_cast<std::uint8_t>(1 + below(4)));
    error.quote = with_options(error.quote, recording_option(host, chance(50) ? 7 : 68));
  }
  const Address receiver = about.words.source.address;
  // The gateway's own are of interest where they leave.
  const bool outside = !naive_.is_external(receiver) && !receiver.private_use();
  error.from_gateway = error.in == Realm::internal && profile_.exact && outside && chance(25);
  error.from = error.from_gateway ? kPool[0]
               : chance(50)       ? about.words.destination.address
                                  : (error.in == Realm::external ? router() : Address(10, 0, 0, 99));
  const std::size_t sizes[] = {28, 37, 40, 48, error.quote.size()};
  error.quoted = std::max(error.header() + 8, std::min(sizes[below(5)], error.quote.size()));
  error.type = chance(70) ? 3 : 11;
  error.code = static_cast<std::uint8_t>(below(5));
  doing_ = "error about " + in_words(about.words) + " from " + to_string(error.in);
  send(error);
}

void Rig::send(const Error& error) {
  const Address to = error.words.source.address;
  const bool returns = error.in == Realm::internal && naive_.is_external(to);
  const Octets packet = error.about(error.quote);
  const Outcome outcome = gateway_.translate(packet, error.in, ChecksumState::complete, error.from_gateway);
  Expected expected = error.from_gateway ? naive_.judge_own_error(error.words, gateway_.now())
                                         : naive_.judge_error(error.words, error.in, returns, gateway_.now());
  if (error.in == Realm::external && !naive_.is_external(to)) expected.reason = Reason::not_ours;
  if (!error.from_gateway && naive_.is_foreign(error.in, error.from))
    expected.reason = Reason::foreign_source;
  if (!error.from_gateway && naive_.is_external(error.from)) expected.reason = Reason::spoofed_source;
  if (outcome.reason != expected.reason) {
    return fail(std::string("the engine says ") + to_string(outcome.reason) + ", expected " +
                to_string(expected.reason));
  }
  if (!outcome.forwarded()) {
    if (outcome.packet != packet) fail("an error that is not translated was changed");
    return;
  }
  const bool leaves = outcome.out == Realm::external;
  if (leaves) {
    if (const std::string leak = judge_leaving(outcome.packet); !leak.empty()) return fail(leak);
  }
  Error wanted = error;
  wanted.from = error.in == Realm::internal ? expected.destination.address : error.from;
  wanted.words.source.address = leaves ? to : expected.source.address;
  Octets quote = readdressed(error.quote, expected.source, expected.destination);
  if (error.words.tells_addresses) quote = without_address_options(quote);
  // Half a checksum cannot be brought up to date.
  const std::size_t half = error.header() + tcp::kChecksum;
  if (error.words.protocol == Protocol::tcp && error.quoted == half + 1) quote[half] = error.quote[half];
  if (outcome.packet != wanted.about(quote)) fail("the error is not as it should be");
}

Octets Rig::Error::about(const Octets& packet) const {
  const Octets wrong = words.wrong_sum ? with_wrong_sum(packet) : packet;
  return icmp_error(from, words.source.address, type, code, wrong, quoted);
}

}  // namespace nat::test
