// The part of the naive NAT that judges ICMP errors.
#include "tests/model/naive_nat.h"

namespace nat::test {

Expected NaiveNat::judge_error(const Words& about, Realm in, bool returns, TimePoint now) {
  settle(now);
  Expected expected{
      .reason = Reason::icmp_no_session, .source = about.source, .destination = about.destination};
  const Endpoint sender = about.source;
  if (in == Realm::internal && !returns && is_exempt(about.protocol, sender) &&
      !(about.wrong_sum && policy_.strict_quotes)) {
    expected.reason = Reason::exempt;
    return expected;
  }
  if (const auto refused = bad_quote(about)) {
    expected.reason = *refused;
    return expected;
  }
  if (in == Realm::internal) {
    // The quoted packet was on its way to an internal endpoint.
    const Found by = by_internal(about.protocol, about.destination, about.source);
    if (by.session == nullptr || !by.session->live) return expected;
    expected.destination = by.mapping->external;
    expected.reason = Reason::translated;
    if (!returns) return expected;
  }
  const Found by = by_external(about.protocol, sender, expected.destination);
  if (by.session == nullptr || !by.session->live) {
    expected.reason = Reason::icmp_no_session;
    if (in == Realm::external && serves(about.protocol, sender.port)) {
      expected.reason = Reason::gateway_traffic;
    }
    return expected;
  }
  expected.source = by.mapping->internal;
  expected.out = Realm::internal;
  expected.reason = in == Realm::internal ? Reason::hairpinned : Reason::translated;
  return expected;
}

// Also about what came in on a session that is dormant. The hosts of the model have addresses of
// private use, and its remotes have not.
Expected NaiveNat::judge_own_error(const Words& about, TimePoint now) {
  settle(now);
  Expected expected{
      .reason = Reason::icmp_quotes_internal, .source = about.source, .destination = about.destination};
  const Found by = by_internal(about.protocol, about.destination, about.source);
  if (by.session != nullptr && !bad_quote(about)) {
    expected.reason = Reason::translated;
    expected.destination = by.mapping->external;
  } else if (is_exempt(about.protocol, about.source) && !(about.wrong_sum && policy_.strict_quotes)) {
    expected.reason = Reason::not_ours;
  }
  return expected;
}

std::optional<Reason> NaiveNat::bad_quote(const Words& about) const {
  if (about.wrong_sum && policy_.strict_quotes) return Reason::icmp_quote_bad_checksum;
  if (about.tells_addresses && policy_.address_options == AddressOptions::refuse)
    return Reason::address_option;
  return std::nullopt;
}

}  // namespace nat::test
