// The engine's verdict as the kernel hears it, at each of the four places where a packet stops. Checksums are
// judged by summing the whole packet, the way its receiver does.
#include "natd/datapath/nfqueue/hook_point.h"

#include <vector>

#include <gtest/gtest.h>
#include <linux/netfilter.h>

#include "natd/datapath/nfqueue/rules.h"
#include "translation/net/checksum.h"
#include "translation/net/wire.h"

namespace nat {
namespace {

constexpr Address kInside(10, 0, 0, 1);
constexpr Address kOtherInside(10, 0, 0, 2);
constexpr Address kFirst(203, 0, 113, 11);
constexpr Address kSecond(203, 0, 113, 12);

HookLinks links() {
  Links links;
  links.internal_index = 3;
  links.external_index = 4;
  links.external_addresses = {kFirst, kSecond};
  return HookLinks(links);
}

std::uint32_t pseudo_sum(const std::vector<std::uint8_t>& packet) {
  std::uint32_t sum = packet[ip::kProtocol] + static_cast<std::uint32_t>(packet.size() - 20);
  for (std::size_t at = ip::kSource; at < 20; at += 2) sum += load16(&packet[at]);
  return sum;
}

// A packet with right checksums and an odd number of payload octets.
std::vector<std::uint8_t> packet(Protocol protocol, Address source, Address destination) {
  std::vector<std::uint8_t> octets(20 + (protocol == Protocol::tcp ? 20 : 8) + 5, 0x5a);
  octets[0] = 0x45;
  octets[1] = 0;
  store16(&octets[ip::kTotalLength], static_cast<std::uint16_t>(octets.size()));
  store16(&octets[ip::kFragment], 0);
  octets[ip::kProtocol] = static_cast<std::uint8_t>(protocol);
  store32(&octets[ip::kSource], source.value());
  store32(&octets[ip::kDestination], destination.value());
  store16(&octets[ip::kChecksum], 0);
  store16(&octets[ip::kChecksum], internet_checksum({octets.data(), 20}));
  const std::size_t at = 20 + (protocol == Protocol::tcp ? tcp::kChecksum : udp::kChecksum);
  store16(&octets[at], 0);
  store16(&octets[at], internet_checksum({octets.data() + 20, octets.size() - 20}, pseudo_sum(octets)));
  return octets;
}

bool header_right(const std::vector<std::uint8_t>& octets) {
  return internet_checksum({octets.data(), 20}) == 0;
}
bool transport_right(const std::vector<std::uint8_t>& octets) {
  return internet_checksum({octets.data() + 20, octets.size() - 20}, pseudo_sum(octets)) == 0;
}

Verdict verdict(Reason reason, Realm out = Realm::internal) {
  Verdict made;
  made.reason = reason;
  made.out = out;
  made.hairpin_source = kInside;
  return made;
}

TEST(HookPoint, IsKnownByHookAndInterface) {
  QueuedPacket queued;
  queued.hook = NF_INET_PRE_ROUTING;
  queued.input_interface = 4;
  EXPECT_EQ(hook_point_of(queued, links()), HookPoint::inbound);
  queued.input_interface = 3;
  EXPECT_EQ(hook_point_of(queued, links()), HookPoint::hairpin);
  queued.input_interface = 9;
  EXPECT_EQ(hook_point_of(queued, links()), std::nullopt) << "an interface that is not ours";
  queued.hook = NF_INET_POST_ROUTING;
  EXPECT_EQ(hook_point_of(queued, links()), HookPoint::outbound);
  queued.hook = NF_INET_LOCAL_OUT;
  EXPECT_EQ(hook_point_of(queued, links()), HookPoint::own);
}

TEST(Settle, DropIsADropEverywhere) {
  auto octets = packet(Protocol::udp, kInside, kFirst);
  for (const HookPoint hook_point :
       {HookPoint::inbound, HookPoint::hairpin, HookPoint::outbound, HookPoint::own}) {
    EXPECT_FALSE(queue_verdict(hook_point, verdict(Reason::spoofed_source), octets, 0, links()).accept);
    if (hook_point == HookPoint::inbound) continue;
    EXPECT_FALSE(queue_verdict(hook_point, verdict(Reason::no_mapping), octets, 0, links()).accept);
  }
}

// A rule behind the translators of others drops what still has our address.
TEST(Settle, WhatIsNoMappingsMayBeAnothersFromOutside) {
  auto octets = packet(Protocol::udp, kInside, kFirst);
  for (const Reason reason : {Reason::no_mapping, Reason::unsolicited_syn, Reason::filtered_by_port,
                              Reason::tcp_no_session, Reason::icmp_no_session}) {
    const QueueVerdict settled = queue_verdict(HookPoint::inbound, verdict(reason), octets, 0x70008, links());
    EXPECT_TRUE(settled.accept);
    EXPECT_FALSE(settled.rewritten);
    EXPECT_EQ(settled.mark, kMarkUnclaimed | 8);
  }
}

TEST(Settle, PassGoesOnUntouchedButNeverOut) {
  auto octets = packet(Protocol::udp, kInside, kFirst);
  for (const HookPoint hook_point : {HookPoint::inbound, HookPoint::hairpin, HookPoint::own}) {
    const QueueVerdict settled =
        queue_verdict(hook_point, verdict(Reason::gateway_traffic), octets, 7, links());
    EXPECT_TRUE(settled.accept);
    EXPECT_FALSE(settled.rewritten);
    EXPECT_FALSE(settled.marked);
  }
  EXPECT_FALSE(queue_verdict(HookPoint::outbound, verdict(Reason::not_ours), octets, 0, links()).accept);
}

TEST(Settle, WhatIsExemptLeavesAsItIs) {
  auto octets = packet(Protocol::udp, kInside, Address(192, 0, 2, 32));
  const QueueVerdict settled =
      queue_verdict(HookPoint::outbound, verdict(Reason::exempt, Realm::external), octets, 7, links());
  EXPECT_TRUE(settled.accept);
  EXPECT_FALSE(settled.rewritten);
  EXPECT_FALSE(settled.marked);
}

TEST(Settle, AHairpinWithItsInternalSourceNeedsNoRuleAfterRouting) {
  auto octets = packet(Protocol::udp, kInside, kOtherInside);
  const auto before = octets;
  const QueueVerdict settled =
      queue_verdict(HookPoint::hairpin, verdict(Reason::hairpinned), octets, 7, links());
  EXPECT_TRUE(settled.accept && settled.rewritten && settled.marked);
  EXPECT_EQ(settled.mark, kMarkInbound | 7);
  EXPECT_EQ(octets, before);
}

TEST(Settle, InboundCarriesTheProofOfTranslationAndTheOperatorsHalf) {
  auto octets = packet(Protocol::udp, kFirst, kInside);
  const QueueVerdict settled =
      queue_verdict(HookPoint::inbound, verdict(Reason::translated), octets, 0x12345678, links());
  EXPECT_TRUE(settled.accept && settled.rewritten && settled.marked);
  EXPECT_EQ(settled.mark, kMarkInbound | 0x5678);
}

TEST(Settle, AnAnswerToTheGatewaysOwnPingIsNotForInside) {
  auto octets = packet(Protocol::icmp, Address(192, 0, 2, 31), kFirst);
  const QueueVerdict settled =
      queue_verdict(HookPoint::inbound, verdict(Reason::translated), octets, 0, links());
  EXPECT_TRUE(settled.accept && settled.rewritten);
  EXPECT_FALSE(settled.marked);
}

TEST(Settle, AVerdictForTheWrongSideIsADrop) {
  auto octets = packet(Protocol::udp, kFirst, kInside);
  EXPECT_FALSE(
      queue_verdict(HookPoint::inbound, verdict(Reason::translated, Realm::external), octets, 0, links())
          .accept);
  EXPECT_FALSE(
      queue_verdict(HookPoint::outbound, verdict(Reason::hairpinned, Realm::internal), octets, 0, links())
          .accept);
}

TEST(Settle, HairpinGetsItsSourceBackAndTheMarkOfItsExternalAddress) {
  for (const Protocol protocol : {Protocol::tcp, Protocol::udp}) {
    auto octets = packet(protocol, kSecond, kOtherInside);
    ASSERT_TRUE(transport_right(octets));
    const QueueVerdict settled =
        queue_verdict(HookPoint::hairpin, verdict(Reason::hairpinned), octets, 0x1, links());
    EXPECT_TRUE(settled.accept && settled.rewritten && settled.marked);
    EXPECT_EQ(settled.mark, hairpin_mark(1) | 0x1);
    EXPECT_EQ(load32(&octets[ip::kSource]), kInside.value());
    EXPECT_TRUE(header_right(octets));
    EXPECT_TRUE(transport_right(octets));
  }
}

// Rows: CK3
TEST(Settle, HairpinLeavesAMissingUdpChecksumMissing) {
  auto octets = packet(Protocol::udp, kFirst, kOtherInside);
  store16(&octets[20 + udp::kChecksum], 0);
  queue_verdict(HookPoint::hairpin, verdict(Reason::hairpinned), octets, 0, links());
  EXPECT_EQ(load16(&octets[20 + udp::kChecksum]), 0);
}

TEST(Settle, HairpinNeverMakesAUdpChecksumLookMissing) {
  // A payload for which the checksum with the internal source comes out as zero.
  auto octets = packet(Protocol::udp, kInside, kOtherInside);
  const std::uint16_t sum = load16(&octets[20 + udp::kChecksum]);
  store16(&octets[28], static_cast<std::uint16_t>(ChecksumDelta().change16(0, sum).apply_to_partial(0x5a5a)));
  auto external = octets;
  store32(&external[ip::kSource], kFirst.value());
  store16(&external[ip::kChecksum], 0);
  store16(&external[ip::kChecksum], internet_checksum({external.data(), 20}));
  store16(&external[20 + udp::kChecksum], 0);
  store16(&external[20 + udp::kChecksum],
          internet_checksum({external.data() + 20, external.size() - 20}, pseudo_sum(external)));
  queue_verdict(HookPoint::hairpin, verdict(Reason::hairpinned), external, 0, links());
  EXPECT_EQ(load16(&external[20 + udp::kChecksum]), 0xffff);
  EXPECT_TRUE(transport_right(external));
}

// Rows: CK6
TEST(Settle, HairpinTouchesNoPayloadOfALaterFragment) {
  auto octets = packet(Protocol::udp, kFirst, kOtherInside);
  store16(&octets[ip::kFragment], 185);
  store16(&octets[ip::kChecksum], 0);
  store16(&octets[ip::kChecksum], internet_checksum({octets.data(), 20}));
  const std::vector<std::uint8_t> payload(octets.begin() + 20, octets.end());
  queue_verdict(HookPoint::hairpin, verdict(Reason::hairpinned), octets, 0, links());
  EXPECT_TRUE(header_right(octets));
  EXPECT_EQ(std::vector<std::uint8_t>(octets.begin() + 20, octets.end()), payload);
}

TEST(Settle, HairpinFromAnAddressThatLeftThePoolIsADrop) {
  auto octets = packet(Protocol::udp, Address(203, 0, 113, 99), kOtherInside);
  EXPECT_FALSE(queue_verdict(HookPoint::hairpin, verdict(Reason::hairpinned), octets, 0, links()).accept);
}

TEST(HeldPacket, SurvivesItsToken) {
  const HeldPacket held{0xfedcba98, 0x7f, HookPoint::own, 0xabcd};
  const HeldPacket back = HeldPacket::of(held.token());
  EXPECT_EQ(back.id, held.id);
  EXPECT_EQ(back.queue, held.queue);
  EXPECT_EQ(back.hook_point, held.hook_point);
  EXPECT_EQ(back.operator_mark, held.operator_mark);
}

// What the engine has counted as let go is in no counter of drops, unless the datapath counts it.
TEST(QueueDrops, CountWhatTheEngineLetGoAndTheHookPointDidNot) {
  QueueDrops drops;
  const QueueVerdict dropped;
  const QueueVerdict accepted{.accept = true};
  drops.counted(verdict(Reason::translated), dropped);
  drops.counted(verdict(Reason::not_ours), dropped);
  EXPECT_EQ(drops.undeliverable, 2U);
  drops.counted(verdict(Reason::translated), accepted);
  drops.counted(verdict(Reason::exempt), accepted);
  drops.counted(verdict(Reason::no_mapping), dropped);
  EXPECT_EQ(drops.undeliverable, 2U) << "accepted, or dropped for a reason of the engine's";
}

TEST(QueueDrops, LeaveTheVerdictAsItIs) {
  QueueDrops drops;
  const QueueVerdict queued{.accept = true, .rewritten = true, .marked = true, .mark = 7};
  const QueueVerdict after = drops.counted(verdict(Reason::translated), queued);
  EXPECT_TRUE(after.accept && after.rewritten && after.marked);
  EXPECT_EQ(after.mark, 7U);
}

}  // namespace
}  // namespace nat
