#include <gtest/gtest.h>

#include "natd/control/filter.h"
#include "tests/support/octets.h"

namespace nat {
namespace {

using test::address;
using test::endpoint;

Filter filter(std::vector<std::string> words) {
  const auto parsed = Filter::parse(words);
  EXPECT_TRUE(parsed) << (parsed ? "" : parsed.error().message);
  return parsed ? *parsed : Filter{};
}

ControlError error(std::vector<std::string> words) {
  const auto parsed = Filter::parse(words);
  EXPECT_FALSE(parsed);
  return parsed ? ControlError{} : parsed.error();
}

MappingView mapping() {
  MappingView view;
  view.id = 7;
  view.protocol = Protocol::udp;
  view.internal = endpoint("10.0.0.1:5000");
  view.external = endpoint("203.0.113.11:5001");
  return view;
}

SessionView session() {
  SessionView view;
  view.protocol = Protocol::tcp;
  view.state = SessionState::established;
  view.internal = endpoint("10.0.0.1:5000");
  view.external = endpoint("203.0.113.11:5001");
  view.remote = endpoint("192.0.2.31:443");
  return view;
}

DropEvent inbound_refusal() {
  DropEvent refusal;
  refusal.reason = Reason::filtered_by_address;
  refusal.in = Realm::external;
  refusal.ip_protocol = 17;
  refusal.source = endpoint("192.0.2.32:9");
  refusal.destination = endpoint("203.0.113.11:5001");
  return refusal;
}

TEST(ControlPlace, IsAnAddressABlockOrAPort) {
  const auto contains = [](const char* place, const char* what) {
    const auto parsed = Place::parse(place);
    return parsed && parsed->contains(endpoint(what));
  };
  EXPECT_TRUE(contains("192.0.2.1", "192.0.2.1:80"));
  EXPECT_FALSE(contains("192.0.2.1", "192.0.2.2:80"));
  EXPECT_TRUE(contains("192.0.2.0/24", "192.0.2.255:1"));
  EXPECT_FALSE(contains("192.0.2.0/24", "192.0.3.0:1"));
  EXPECT_TRUE(contains("192.0.2.0/24:80", "192.0.2.9:80"));
  EXPECT_FALSE(contains("192.0.2.0/24:80", "192.0.2.9:81"));
  EXPECT_TRUE(contains(":80", "8.8.8.8:80"));
  EXPECT_TRUE(contains("0.0.0.0/0", "8.8.8.8:80"));
}

TEST(ControlPlace, RefusesWhatIsNone) {
  for (const char* text : {"", ":", "x", "192.0.2", "192.0.2.1:", "192.0.2.1:65536", "192.0.2.1:-1",
                           "192.0.2.1/33", "192.0.2.1:80:80", "host.example", "192.0.2.1 "}) {
    EXPECT_FALSE(Place::parse(text)) << text;
  }
}

TEST(ControlPlace, IsWrittenAsItIsRead) {
  for (const char* text :
       {"192.0.2.1", "192.0.2.0/24", "192.0.2.1:80", "192.0.2.0/24:80", ":80", "0.0.0.0/0"}) {
    EXPECT_EQ(Place::parse(text)->to_string(), text);
  }
}

TEST(ControlFilter, WithoutTermsTakesEverything) {
  EXPECT_TRUE(filter({}).matches(mapping()));
  EXPECT_TRUE(filter({}).matches(session()));
  EXPECT_TRUE(filter({}).matches(inbound_refusal()));
}

TEST(ControlFilter, AllTermsMustHold) {
  EXPECT_TRUE(filter({"proto", "udp", "internal", "10.0.0.0/8"}).matches(mapping()));
  EXPECT_FALSE(filter({"proto", "tcp", "internal", "10.0.0.0/8"}).matches(mapping()));
  EXPECT_FALSE(filter({"proto", "udp", "internal", "10.0.0.2"}).matches(mapping()));
  EXPECT_TRUE(filter({"external", ":5001", "origin", "dynamic"}).matches(mapping()));
  EXPECT_FALSE(filter({"external", ":5001", "origin", "configured"}).matches(mapping()));
}

TEST(ControlFilter, SelectsSessionsByRemoteAndState) {
  EXPECT_TRUE(filter({"remote", "192.0.2.0/24:443", "state", "established"}).matches(session()));
  EXPECT_FALSE(filter({"remote", "192.0.2.0/24:80"}).matches(session()));
  EXPECT_FALSE(filter({"state", "closed"}).matches(session()));
}

TEST(ControlFilter, ARemoteOrStateOfAMappingIsAskedOfItsSessions) {
  EXPECT_TRUE(filter({"remote", "192.0.2.31"}).asks_for_sessions());
  EXPECT_TRUE(filter({"state", "active"}).asks_for_sessions());
  EXPECT_FALSE(filter({"proto", "udp", "internal", "10.0.0.1"}).asks_for_sessions());
}

TEST(ControlFilter, TheFarEndOfARefusedPacketIsItsRemote) {
  EXPECT_TRUE(filter({"remote", "192.0.2.32", "external", ":5001"}).matches(inbound_refusal()));
  EXPECT_TRUE(filter({"reason", "filtered-by-address"}).matches(inbound_refusal()));
  EXPECT_FALSE(filter({"reason", "no-mapping"}).matches(inbound_refusal()));
  EXPECT_FALSE(filter({"internal", "0.0.0.0/0"}).matches(inbound_refusal()))
      << "it names no internal endpoint";

  DropEvent outbound = inbound_refusal();
  outbound.in = Realm::internal;
  outbound.source = endpoint("10.0.0.1:5000");
  outbound.destination = endpoint("192.0.2.32:9");
  EXPECT_TRUE(filter({"internal", "10.0.0.1", "remote", "192.0.2.32:9"}).matches(outbound));
  EXPECT_FALSE(filter({"internal", "192.0.2.32"}).matches(outbound));
}

TEST(ControlFilter, AnEventOfAMappingHasTheRemoteThatItWasMadeFor) {
  MappingView made_for_one = mapping();
  made_for_one.remote = endpoint("192.0.2.31:443");
  EXPECT_TRUE(filter({"remote", "192.0.2.31"}).matches_event(made_for_one));
  EXPECT_FALSE(filter({"remote", "192.0.2.32"}).matches_event(made_for_one));
  EXPECT_FALSE(filter({"remote", "0.0.0.0/0"}).matches_event(mapping()))
      << "made for no remote in particular";
  EXPECT_FALSE(filter({"reason", "no-mapping"}).matches_event(mapping()))
      << "only refused packets have a reason";
}

TEST(ControlFilter, SaysWhatIsWrongAndWhatWasMeant) {
  EXPECT_EQ(error({"prto", "udp"}).hint, "did you mean 'proto'?");
  EXPECT_EQ(error({"proto", "gre"}).hint, "choose from udp, tcp, icmp");
  EXPECT_EQ(error({"state", "establshed"}).hint, "did you mean 'established'?");
  EXPECT_EQ(error({"reason", "translated"}).code, "wrong-value") << "nobody was refused for that";
  EXPECT_EQ(error({"internal"}).message, "the value is missing after 'internal'");
  EXPECT_EQ(error({"proto", "udp", "proto", "tcp"}).message, "'proto' is there twice");
  EXPECT_EQ(error({"internal", "host"}).message, "'host' is not a value of 'internal'");
}

TEST(ControlFilter, ItsTermsMakeTheSameFilterAgain) {
  const Filter whole =
      filter({"proto", "tcp", "internal", "10.0.0.0/8:443", "external", ":8443", "remote", "192.0.2.1",
              "origin", "dynamic", "reason", "no-mapping", "state", "both-fin"});
  Filter again;
  for (const auto& [term, value] : whole.terms()) EXPECT_FALSE(again.set(term, value));
  EXPECT_EQ(again, whole);
}

}  // namespace
}  // namespace nat
