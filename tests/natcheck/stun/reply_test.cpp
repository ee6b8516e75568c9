#include "tests/natcheck/stun/reply.h"

#include <gtest/gtest.h>

namespace nat::check::stun {
namespace {

const Address kA1(192, 0, 2, 31), kA2(192, 0, 2, 34);
const Endpoint kA1P1{kA1, 3478}, kA1P2{kA1, 3479}, kA2P1{kA2, 3478}, kA2P2{kA2, 3479};
const Layout kTwo{kA1P1, kA2P2, false}, kOne{kA1P1, {}, false}, kFixed{kA1P1, kA2P2, true};
const Endpoint kClient{Address(203, 0, 113, 11), 62000};

std::optional<Reply> answer(const Message& request, const Endpoint& arrival = kA1P1,
                            const Layout& layout = kTwo, Protocol protocol = Protocol::udp) {
  return reply(request, protocol, arrival, kClient, layout);
}

Message changing(bool address, bool port) {
  Message request;
  request.change = Change{address, port};
  return request;
}

// The table of RFC 5780 section 6.1, of each arrival: none, address, port, both.
TEST(StunReply, LeavesFromWhereItIsAskedTo) {
  struct Case {
    Endpoint arrival, none, address, port, both;
  };
  for (const auto& [arrival, none, address, port, both] :
       {Case{kA1P1, kA1P1, kA2P1, kA1P2, kA2P2}, Case{kA1P2, kA1P2, kA2P2, kA1P1, kA2P1},
        Case{kA2P1, kA2P1, kA1P1, kA2P2, kA1P2}, Case{kA2P2, kA2P2, kA1P2, kA2P1, kA1P1}}) {
    EXPECT_EQ(answer({}, arrival)->from, none);
    EXPECT_EQ(answer(changing(false, false), arrival)->from, none);
    EXPECT_EQ(answer(changing(true, false), arrival)->from, address);
    EXPECT_EQ(answer(changing(false, true), arrival)->from, port);
    EXPECT_EQ(answer(changing(true, true), arrival)->from, both);
    // OTHER-ADDRESS is about the arrival, RESPONSE-ORIGIN about the departure.
    for (const bool change : {false, true}) {
      const auto made = answer(changing(change, change), arrival);
      EXPECT_EQ(made->message.other_address, both);
      EXPECT_EQ(made->message.response_origin, made->from);
    }
  }
}

// coturn's tester asks wherever the latest answer has pointed to.
TEST(StunReply, NamesTheSameOtherAddressIfAskedTo) {
  for (const Endpoint& arrival : kFixed.endpoints()) {
    EXPECT_EQ(answer({}, arrival, kFixed)->message.other_address, kA2P2);
    EXPECT_EQ(answer(changing(true, true), arrival, kFixed)->from,
              answer(changing(true, true), arrival)->from);
  }
}

TEST(StunReply, SaysWhomItSeesInTheClearAndHidden) {
  Message request;
  request.transaction[3] = 7;
  const auto made = answer(request);
  EXPECT_EQ(made->message.kind, Class::success);
  EXPECT_EQ(made->message.transaction, request.transaction);
  EXPECT_EQ(made->message.mapped, kClient);
  EXPECT_EQ(made->message.xor_mapped, kClient);
  EXPECT_EQ(made->to, kClient);
}

// RESPONSE-PORT changes the port alone: no client can have a server send to another address.
TEST(StunReply, GoesToThePortThatIsAskedFor) {
  Message request;
  request.response_port = 4321;
  EXPECT_EQ(answer(request)->to, (Endpoint{kClient.address, 4321}));
  EXPECT_EQ(answer(request)->message.xor_mapped, kClient);
}

TEST(StunReply, IsPaddedAsMuchAsTheQuestionAndNoMore) {
  Message request;
  request.padding = 800;
  EXPECT_EQ(answer(request)->message.padding, 800);
  request.padding = 4000;
  EXPECT_EQ(answer(request)->message.padding, kLongestPadding);
  EXPECT_EQ(answer({})->message.padding, std::nullopt);
}

// Sections 7.5 and 7.6: the two together would have a server send large datagrams to ports that did not ask.
TEST(StunReply, RefusesPaddingForAnotherPort) {
  Message request;
  request.padding = 800;
  request.response_port = 4321;
  const auto made = answer(request);
  EXPECT_EQ(made->message.kind, Class::error);
  EXPECT_EQ(made->message.error, 400);
  EXPECT_EQ(made->message.padding, std::nullopt);
  EXPECT_EQ(made->to, kClient);
}

TEST(StunReply, RefusesPortZero) {
  Message request;
  request.response_port = 0;
  EXPECT_EQ(answer(request)->message.error, 400);
}

TEST(StunReply, NamesWhatItDoesNotUnderstand) {
  Message request;
  request.not_understood = {0x0002, 0x7fff};
  const auto made = answer(request);
  EXPECT_EQ(made->message.error, 420);
  EXPECT_EQ(made->message.unknown, request.not_understood);
  EXPECT_EQ(made->message.xor_mapped, std::nullopt);
}

TEST(StunReply, NamesABoundedNumber) {
  Message request;
  request.not_understood.assign(500, 0x0002);
  EXPECT_LE(encode(answer(request)->message).size(), 128U);
}

// Section 6.1: without a second address there is nothing to change to, and nothing to offer.
TEST(StunReply, OfOneAddressOffersNoOther) {
  EXPECT_EQ(answer({}, kA1P1, kOne)->message.other_address, std::nullopt);
  const auto made = answer(changing(false, true), kA1P1, kOne);
  EXPECT_EQ(made->message.error, 420);
  EXPECT_EQ(made->message.unknown, std::vector<std::uint16_t>{kChangeRequest});
}

TEST(StunReply, OverTcpIsTheMappingAlone) {
  EXPECT_EQ(answer({}, kA1P1, kTwo, Protocol::tcp)->message.other_address, kA2P2);
  Message request = changing(true, true);
  request.response_port = 4321;
  const auto made = answer(request, kA1P1, kTwo, Protocol::tcp);
  EXPECT_EQ(made->message.error, 420);
  EXPECT_EQ(made->message.unknown, (std::vector<std::uint16_t>{kChangeRequest, kResponsePort}));
}

// A server that answered answers could be set upon another one for ever.
TEST(StunReply, IsForRequestsOnly) {
  for (const Class kind : {Class::indication, Class::success, Class::error}) {
    Message message;
    message.kind = kind;
    EXPECT_FALSE(answer(message));
  }
}

}  // namespace
}  // namespace nat::check::stun
