#include <gtest/gtest.h>

#include "natd/control/protocol.h"
#include "tests/support/octets.h"

namespace nat {
namespace {

using test::endpoint;

Request request(std::string_view line) {
  const auto parsed = parse_request(line);
  const auto* rejection = std::get_if<Rejection>(&parsed);
  EXPECT_EQ(rejection, nullptr) << line << ": " << (rejection == nullptr ? "" : rejection->error.message);
  return rejection == nullptr ? std::get<Request>(parsed) : Request{};
}

Rejection rejection(std::string_view line) {
  const auto parsed = parse_request(line);
  EXPECT_TRUE(std::holds_alternative<Rejection>(parsed)) << line;
  return std::holds_alternative<Rejection>(parsed) ? std::get<Rejection>(parsed) : Rejection{};
}

TEST(ControlProtocol, ReadsARequest) {
  const Request read =
      request(R"({"id":7,"command":"show-mappings","filter":{"proto":"udp","internal":"10.0.0.1"}})");
  EXPECT_EQ(read.id, 7U);
  EXPECT_EQ(read.command, ControlCommand::show_mappings);
  EXPECT_EQ(read.filter.protocol, Protocol::udp);
  EXPECT_TRUE(read.filter.internal->contains(endpoint("10.0.0.1:1")));
}

TEST(ControlProtocol, ReadsATrace) {
  const Request read = request(
      R"({"id":0,"command":"trace","proto":"tcp","source":"10.0.0.1:5","destination":"192.0.2.1:80","in":"internal"})");
  EXPECT_EQ(read.trace.source, endpoint("10.0.0.1:5"));
  EXPECT_EQ(read.trace.destination, endpoint("192.0.2.1:80"));
  EXPECT_EQ(read.trace.in, Realm::internal);
}

TEST(ControlProtocol, ANumberStandsForAWholePacket) {
  EXPECT_EQ(request(R"({"id":0,"command":"trace","number":7})").trace.number, 7U);
  for (const char* line :
       {R"({"id":1,"command":"trace","number":7,"proto":"udp"})", R"({"id":1,"command":"trace","number":-7})",
        R"({"id":1,"command":"trace","number":"7"})"}) {
    EXPECT_EQ(rejection(line).error.code, "malformed-request") << line;
  }
}

TEST(ControlProtocol, ReadsAPortForward) {
  const Request read = request(
      R"({"id":1,"command":"port-forward-add","proto":"tcp","external":"8443","internal":"10.0.0.1:443","name":"web"})");
  EXPECT_EQ(read.forward.external.port, 8443);
  EXPECT_EQ(read.forward.internal, endpoint("10.0.0.1:443"));
  EXPECT_EQ(read.forward.name, "web");
}

TEST(ControlProtocol, RefusesWhatIsNoRequest) {
  for (const char* line : {"",
                           "x",
                           "[]",
                           "1",
                           "null",
                           "{",
                           "{}",
                           R"({"command":"show-stats"})",
                           R"({"id":-1,"command":"show-stats"})",
                           R"({"id":1.5,"command":"show-stats"})",
                           R"({"id":"1","command":"show-stats"})",
                           R"({"id":1})",
                           R"({"id":1,"command":5})",
                           R"({"id":1,"command":"show-stats"} x)",
                           "\xff\xfe",
                           R"({"id":9007199254740993,"command":"show-stats"})",
                           R"({"id":1,"command":"set"})",
                           R"({"id":1,"command":"set","assignments":[]})",
                           R"({"id":1,"command":"set","assignments":[1]})",
                           R"({"id":1,"command":"show-mappings","filter":[]})",
                           R"({"id":1,"command":"show-mappings","filter":{"proto":1}})",
                           R"({"id":1,"command":"port-forward-delete","which":""})",
                           R"({"id":1,"command":"trace","proto":"udp","source":"10.0.0.1:5"})"}) {
    EXPECT_FALSE(rejection(line).error.message.empty()) << line;
  }
}

TEST(ControlProtocol, AMisspeltMemberIsNoMember) {
  const Rejection told = rejection(R"({"id":3,"command":"flush","filtr":{"proto":"udp"}})");
  EXPECT_EQ(told.id, 3U);
  EXPECT_EQ(told.error.message, "'filtr' is no member of a 'flush' request");
}

TEST(ControlProtocol, TheAnswerToAReadableIdCarriesIt) {
  const Rejection told = rejection(R"({"id":3,"command":"show-mapings"})");
  EXPECT_EQ(told.id, 3U);
  EXPECT_EQ(told.error.code, "unknown-command");
  EXPECT_EQ(told.error.hint, "did you mean 'show-mappings'?");
  EXPECT_EQ(rejection("nonsense").id, std::nullopt);
}

TEST(ControlProtocol, DeepNestingIsRefusedWithoutBeingFollowed) {
  const std::string deep =
      R"({"id":1,"command":"show-stats","x":)" + std::string(30000, '[') + std::string(30000, ']') + "}";
  EXPECT_EQ(rejection(deep).error.code, "malformed-request");
}

TEST(ControlProtocol, WhatNatctlWritesIsWhatNatdReads) {
  std::vector<Request> requests(9);
  requests[0].command = ControlCommand::watch;
  requests[0].filter.remote = Place::parse("192.0.2.0/24:80");
  requests[1].command = ControlCommand::set;
  requests[1].assignments = {"udp.timeout=5min", "lab=yes"};
  requests[2].command = ControlCommand::port_forward_add;
  requests[2].forward = {Protocol::udp, endpoint("203.0.113.5:53"), endpoint("10.0.0.1:5353"), "dns"};
  requests[3].command = ControlCommand::port_forward_delete;
  requests[3].which = "tcp 8443 \"quoted\"\n";
  requests[4].command = ControlCommand::trace;
  requests[4].trace = {Protocol::icmp, endpoint("10.0.0.1:1"), endpoint("192.0.2.1:1"), Realm::external};
  requests[5].command = ControlCommand::show_config;
  requests[6].command = ControlCommand::trace;
  requests[6].trace.number = 12;
  requests[7].command = ControlCommand::show_refused;
  requests[7].filter.reason = Reason::no_mapping;
  requests[8].command = ControlCommand::whose;
  requests[8].whose = endpoint("203.0.113.5:2001");
  for (std::size_t i = 0; i < requests.size(); ++i) {
    requests[i].id = i;
    std::string line = format_request(requests[i]);
    ASSERT_EQ(line.find('\n'), line.size() - 1) << "one line";
    line.pop_back();
    EXPECT_EQ(request(line), requests[i]) << line;
  }
}

TEST(ControlProtocol, ErrorsAreOneLineWhateverTheyQuote) {
  const std::string line = error_line(1, {"wrong-value", "'a\nb\xff'", ""});
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  EXPECT_EQ(line, "{\"id\":1,\"error\":{\"code\":\"wrong-value\",\"message\":\"'a\\nb\xef\xbf\xbd'\"}}\n");
}

TEST(ControlLineBuffer, CutsLinesWhereverTheyWereCutOnTheWay) {
  LineBuffer buffer;
  const auto add = [&buffer](std::string_view text) { buffer.add({text.data(), text.size()}); };
  add("on");
  EXPECT_EQ(buffer.take_line(), std::nullopt);
  add("e\ntwo\r\nthr");
  EXPECT_EQ(buffer.take_line(), "one");
  EXPECT_EQ(buffer.take_line(), "two");
  EXPECT_EQ(buffer.take_line(), std::nullopt);
  add("ee\n");
  EXPECT_EQ(buffer.take_line(), "three");
  EXPECT_TRUE(buffer.empty());
}

TEST(ControlLineBuffer, HoldsOneLongestRequestAndNoMore) {
  LineBuffer buffer;
  const std::string most(kLongestRequest, 'x');
  buffer.add({most.data(), most.size()});
  EXPECT_EQ(buffer.room(), 1U);
  EXPECT_FALSE(buffer.overlong()) << "the newline may still come";
  buffer.add({"x", 1});
  EXPECT_EQ(buffer.room(), 0U);
  EXPECT_TRUE(buffer.overlong());
}

}  // namespace
}  // namespace nat
