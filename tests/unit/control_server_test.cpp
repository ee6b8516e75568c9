// The control server on a real socket, with a real engine behind it: what it answers, and that no client can
// make it wait, grow, or forget the others.
#include <chrono>
#include <filesystem>
#include <mutex>
#include <optional>
#include <thread>

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "natd/control/client.h"
#include "natd/control/server.h"
#include "natd/system/clock.h"
#include "natd/system/event_loop.h"
#include "tests/support/fake_service.h"
#include "tests/support/packet_builder.h"

namespace nat {
namespace {

using test::address;
using test::endpoint;
using namespace std::chrono_literals;

// A client that can be as rude as a test wants.
class RawClient {
 public:
  explicit RawClient(const std::string& path) : socket_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    path.copy(name.sun_path, sizeof name.sun_path - 1);
    connected_ = connect(socket_.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0;
  }

  bool connected() const { return connected_; }
  // As much as the socket takes without waiting.
  std::size_t push(std::string_view text) const {
    const ssize_t count = send(socket_.get(), text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    return count < 0 ? 0 : static_cast<std::size_t>(count);
  }
  void half_close() const { shutdown(socket_.get(), SHUT_WR); }

  // The next line; nothing when the server closed the connection, or says nothing for twenty seconds.
  std::optional<Json> read() {
    for (;;) {
      if (const auto end = held_.find('\n'); end != std::string::npos) {
        Json message = Json::parse(held_.substr(0, end), nullptr, false);
        held_.erase(0, end + 1);
        return message;
      }
      pollfd waiting{socket_.get(), POLLIN, 0};
      if (poll(&waiting, 1, 20000) <= 0) return std::nullopt;
      char octets[65536];
      const ssize_t count = recv(socket_.get(), octets, sizeof octets, 0);
      if (count <= 0) return std::nullopt;
      held_.append(octets, static_cast<std::size_t>(count));
    }
  }

 private:
  Descriptor socket_;
  bool connected_ = false;
  std::string held_;
};

template <typename Condition>
bool eventually(Condition condition) {
  const auto end = std::chrono::steady_clock::now() + 30s;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(5ms);
  }
  return true;
}

class ControlServerTest : public testing::Test {
 protected:
  ControlServerTest() : service(roomy()), server(service, path(), "") { server.start(); }
  ~ControlServerTest() override {
    server.stop();
    std::filesystem::remove_all(directory_);
  }

  std::string path() const { return directory_ + "/control.sock"; }

  // A UDP mapping for each of `count` internal ports from 1024 on, and a session with 192.0.2.31:53.
  void make_mappings(unsigned count) {
    for (unsigned i = 0; i < count; ++i) {
      const Endpoint internal{Address(address("10.0.0.1").value() + i / 50000),
                              static_cast<std::uint16_t>(1024 + i % 50000)};
      translate(test::udp(internal, endpoint("192.0.2.31:53")).build(), Realm::internal);
    }
  }
  Reason translate(test::Octets packet, Realm in) {
    const auto engine = service.shared_engine().lock();
    return engine->translate({.octets = packet}, in, monotonic_now()).reason;
  }

  ControlResult<Json> ask(const Request& request) {
    items = Json::array();
    auto client = ControlClient::connect(path());
    if (!client) return client.error();
    return client->ask(request, [this](const Json& item) {
      items.push_back(item);
      return true;
    });
  }
  ControlResult<Json> ask(ControlCommand command, std::vector<std::string> filter = {}) {
    Request request;
    request.command = command;
    request.filter = *Filter::parse(filter);
    return ask(request);
  }
  bool serves() { return static_cast<bool>(ask(ControlCommand::show_stats)); }

  Json items;

 private:
  static Settings roomy() {
    Settings settings;
    settings.policy.limits.mappings_per_host = 65536;
    return settings;
  }
  static std::string make_directory() {
    std::string form = (std::filesystem::temp_directory_path() / "natd-control-XXXXXX").string();
    return mkdtemp(form.data());
  }

  const std::string directory_ = make_directory();

 protected:
  test::FakeService service;
  ControlServer server;
};

TEST_F(ControlServerTest, GreetsWithItsVersion) {
  RawClient client(path());
  const auto hello = client.read();
  ASSERT_TRUE(hello);
  EXPECT_EQ((*hello)["natd"], "9.9.9");
  EXPECT_EQ((*hello)["protocol"], 1);
}

TEST_F(ControlServerTest, TheSocketIsForRootAndTheGroupOnly) {
  struct stat status {};
  ASSERT_EQ(stat(path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0660U);
}

TEST_F(ControlServerTest, DumpsAreWholeHoweverManyPagesTheyTake) {
  make_mappings(1000);
  const auto done = ask(ControlCommand::show_mappings);
  ASSERT_TRUE(done);
  EXPECT_EQ(items.size(), 1000U);
  EXPECT_EQ((*done)["shown"], 1000);
  ASSERT_TRUE(ask(ControlCommand::show_sessions));
  EXPECT_EQ(items.size(), 1000U);
  EXPECT_EQ(items[0]["remote"], "192.0.2.31:53");
}

TEST_F(ControlServerTest, StatsTellHowLongTheEngineWasHeldForWhat) {
  Request request;
  request.command = ControlCommand::set;
  request.assignments = {"udp.timeout=10min"};
  ASSERT_TRUE(ask(request));
  const auto done = ask(ControlCommand::show_stats);
  ASSERT_TRUE(done);
  const Json& holds = (*done)["lock_holds"];
  ASSERT_EQ(holds.size(), 4U);
  EXPECT_EQ(holds["packets"]["count"], 0);
  EXPECT_EQ(holds["packets"]["longest"], 0.0);
  EXPECT_EQ(holds["expiry"]["count"], 0);
  EXPECT_EQ(holds["apply"]["count"], 1);
  EXPECT_GT(holds["apply"]["longest"], 0.0);
  EXPECT_LT(holds["apply"]["longest"], 10.0) << "in seconds";
  EXPECT_EQ(holds["control"]["buckets"].size(), 22U);
  std::uint64_t counted = 0;
  for (const Json& bucket : holds["control"]["buckets"]) counted += bucket.get<std::uint64_t>();
  EXPECT_EQ(counted, holds["control"]["count"].get<std::uint64_t>());
}

TEST_F(ControlServerTest, OnlyWhatTheFilterSelectsIsSent) {
  make_mappings(300);
  translate(test::udp("10.0.0.2:7", "192.0.2.32:80").build(), Realm::internal);
  ASSERT_TRUE(ask(ControlCommand::show_mappings, {"internal", "10.0.0.2"}));
  ASSERT_EQ(items.size(), 1U);
  EXPECT_EQ(items[0]["internal"], "10.0.0.2:7");
  ASSERT_TRUE(ask(ControlCommand::show_mappings, {"remote", "192.0.2.32"})) << "by the sessions that it has";
  ASSERT_EQ(items.size(), 1U);
  EXPECT_EQ(items[0]["internal"], "10.0.0.2:7");
  EXPECT_EQ(ask(ControlCommand::show_mappings, {"reason", "no-mapping"}).error().code, "unknown-term");
}

TEST_F(ControlServerTest, FlushRemovesWhatTheFilterSelects) {
  make_mappings(300);
  translate(test::udp("10.0.0.2:7", "192.0.2.32:80").build(), Realm::internal);
  auto done = ask(ControlCommand::flush, {"remote", "192.0.2.32"});
  ASSERT_TRUE(done);
  EXPECT_EQ((*done)["removed"]["mappings"], 1);
  done = ask(ControlCommand::flush);
  ASSERT_TRUE(done);
  EXPECT_EQ((*done)["removed"]["mappings"], 300);
  EXPECT_EQ((*done)["removed"]["sessions"], 300);
  ASSERT_TRUE(ask(ControlCommand::show_mappings));
  EXPECT_TRUE(items.empty());
}

TEST_F(ControlServerTest, SettingsChangeAtOnceAndTheAnswerSaysWhatWasKept) {
  make_mappings(3);
  Request request;
  request.command = ControlCommand::set;
  request.assignments = {"udp.filtering=endpoint-independent"};
  const auto done = ask(request);
  ASSERT_TRUE(done);
  EXPECT_EQ((*done)["changes"].dump(),
            R"([{"key":"udp.filtering","old":"address-dependent","new":"endpoint-independent"}])");
  EXPECT_EQ((*done)["kept"].dump(), R"({"mappings":3,"sessions":3})");
  EXPECT_EQ(service.shared_engine().lock()->policy().udp.filtering, Behavior::endpoint_independent);

  request.assignments = {"udp.timeout=1s", "tcp.filtering=endpoint-independent"};
  EXPECT_EQ(ask(request).error().code, "wrong-value");
  EXPECT_EQ(service.settings().policy.tcp.filtering, Behavior::address_dependent) << "refused as a whole";
}

TEST_F(ControlServerTest, PortForwardsComeAndGo) {
  Request add;
  add.command = ControlCommand::port_forward_add;
  add.forward = {Protocol::tcp, {{}, 8443}, endpoint("10.0.0.1:443"), "web"};
  const auto added = ask(add);
  ASSERT_TRUE(added) << added.error().message;
  EXPECT_EQ((*added)["port_forward"]["external"], "203.0.113.11:8443");
  const auto again = ask(add);
  ASSERT_TRUE(again);
  EXPECT_EQ((*again)["changed"], false);
  EXPECT_EQ(translate(test::tcp("192.0.2.9:5", "203.0.113.11:8443", test::kSyn).build(), Realm::external),
            Reason::translated);

  Request other = add;
  other.forward.internal = endpoint("10.0.0.2:443");
  other.forward.name = "other";
  EXPECT_EQ(ask(other).error().message, "the external port is taken by 'tcp 8443 -> 10.0.0.1:443 name=web'");

  ASSERT_TRUE(ask(ControlCommand::port_forward_list));
  ASSERT_EQ(items.size(), 1U);
  EXPECT_EQ(items[0]["active"], true);
  const std::string id = std::to_string(items[0]["id"].get<std::uint64_t>());

  Request remove;
  remove.command = ControlCommand::port_forward_delete;
  for (const std::string& which :
       {std::string("web"), id, std::string("tcp 8443"), std::string("tcp 203.0.113.11:8443"),
        std::string("tcp 8443 -> 10.0.0.1:443")}) {
    remove.which = which;
    if (which == id) {
      ASSERT_TRUE(ask(ControlCommand::port_forward_list));
      remove.which = std::to_string(items[0]["id"].get<std::uint64_t>());
    }
    ASSERT_TRUE(ask(remove)) << which;
    EXPECT_EQ(ask(remove).error().code, "not-found") << which;
    ASSERT_TRUE(ask(add));
  }
}

TEST_F(ControlServerTest, APortForwardThatCannotBeMadeLeavesNoTrace) {
  make_mappings(1);
  Request add;
  add.command = ControlCommand::port_forward_add;
  add.forward = {Protocol::udp, {{}, 1024}, endpoint("10.0.0.9:1"), ""};
  const auto refused = ask(add);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().hint, "end that mapping first: natctl flush external 203.0.113.11:1024");
  EXPECT_TRUE(service.settings().port_forwards.empty());
}

// A refused packet is listed, explained as it was then, and as it would be now.
TEST_F(ControlServerTest, RefusedPacketsCanBeAskedAbout) {
  make_mappings(1);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(translate(test::udp("192.0.2.32:5", "203.0.113.11:1024"), Realm::external),
              Reason::filtered_by_address);
  }
  EXPECT_EQ(translate(test::icmp_error("192.0.2.1", "203.0.113.11", 3, 1, test::Octets(28)), Realm::external),
            Reason::icmp_quote_malformed);
  ASSERT_TRUE(ask(ControlCommand::show_refused));
  ASSERT_EQ(items.size(), 2U);
  EXPECT_EQ(items[0]["reason"], "icmp-quote-malformed") << "the latest first";
  EXPECT_EQ(items[1]["packets"], 3);
  const auto number = items[1]["number"].get<std::uint64_t>();
  ASSERT_TRUE(ask(ControlCommand::show_refused, {"reason", "filtered-by-address"}));
  EXPECT_EQ(items.size(), 1U);

  Request request;
  request.command = ControlCommand::trace;
  request.trace.number = number;
  auto done = ask(request);
  ASSERT_TRUE(done);
  EXPECT_EQ((*done)["outcome"], "drop");
  EXPECT_EQ((*done)["setting"], "udp.filtering=endpoint-independent");
  EXPECT_EQ((*done)["counter"], 3);
  EXPECT_EQ((*done)["refused"]["reason"], "filtered-by-address");

  Request set;
  set.command = ControlCommand::set;
  set.assignments = {(*done)["setting"].get<std::string>()};
  ASSERT_TRUE(ask(set));
  done = ask(request);
  ASSERT_TRUE(done);
  EXPECT_EQ((*done)["outcome"], "forward") << "it would pass now";
  EXPECT_EQ((*done)["refused"]["outcome"], "drop") << "it did not then";
  request.trace = {Protocol::udp, endpoint("192.0.2.32:5"), endpoint("203.0.113.11:1024"), {}};
  done = ask(request);
  ASSERT_TRUE(done);
  EXPECT_EQ((*done)["refused"]["number"], number) << "the endpoints find it too";

  request.trace.number = 4711;
  done = ask(request);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, "not-found");
}

// Who asks why nothing comes in any more learns that there was a mapping, and what became of it.
TEST_F(ControlServerTest, TraceRemembersTheMappingThatWas) {
  make_mappings(1);
  ASSERT_TRUE(ask(ControlCommand::flush));
  Request request;
  request.command = ControlCommand::trace;
  request.trace = {Protocol::udp, endpoint("192.0.2.31:53"), endpoint("203.0.113.11:1024"), {}};
  const auto done = ask(request);
  ASSERT_TRUE(done);
  EXPECT_EQ((*done)["reason"], "no-mapping");
  const std::string steps = (*done)["steps"].dump();
  EXPECT_NE(steps.find("1: 10.0.0.1:1024 = 203.0.113.11:1024 until 0 s ago: flushed"), std::string::npos)
      << steps;
}

TEST_F(ControlServerTest, TraceTakesThePacketAsInboundWhenItIsForUs) {
  Request request;
  request.command = ControlCommand::trace;
  request.trace = {Protocol::udp, endpoint("192.0.2.31:53"), endpoint("203.0.113.11:9"), {}};
  auto done = ask(request);
  ASSERT_TRUE(done);
  EXPECT_EQ((*done)["in"], "external");
  EXPECT_EQ((*done)["reason"], "no-mapping");
  request.trace.destination = endpoint("192.0.2.32:9");
  request.trace.source = endpoint("10.0.0.1:5");
  done = ask(request);
  ASSERT_TRUE(done);
  EXPECT_EQ((*done)["in"], "internal");
  EXPECT_EQ((*done)["outcome"], "forward");
  EXPECT_EQ(service.shared_engine().lock()->gauges().mappings, 0U) << "nothing was made";
}

TEST_F(ControlServerTest, WatchTellsOfMappingsAndRefusedPackets) {
  RawClient client(path());
  client.read();
  client.push("{\"id\":4,\"command\":\"watch\"}\n");
  ASSERT_EQ(client.read()->dump(), R"({"id":4,"watching":true})");
  make_mappings(1);
  for (int i = 0; i < 3; ++i)
    translate(test::udp("192.0.2.99:9", "203.0.113.11:1024").build(), Realm::external);
  Json events = Json::array();
  while (events.size() < 2) {
    const auto message = client.read();
    ASSERT_TRUE(message);
    for (const Json& event : (*message)["items"]) events.push_back(event);
  }
  EXPECT_EQ(events[0]["event"], "mapping-created");
  EXPECT_EQ(events[0]["internal"], "10.0.0.1:1024");
  EXPECT_EQ(events[1]["event"], "refused");
  EXPECT_EQ(events[1]["reason"], "filtered-by-address");
}

TEST_F(ControlServerTest, RequestsAreAnsweredInTurnAndAfterAHalfClose) {
  RawClient client(path());
  client.read();
  client.push(
      "{\"id\":1,\"command\":\"show-mappings\"}\nnonsense\n{\"id\":2,\"command\":\"show-mappings\"}\n");
  client.half_close();
  EXPECT_EQ((*client.read())["id"], 1);
  EXPECT_EQ((*client.read())["error"]["code"], "malformed-request");
  EXPECT_EQ((*client.read())["id"], 2);
  EXPECT_EQ(client.read(), std::nullopt) << "closed";
}

TEST_F(ControlServerTest, ARequestWithoutEndIsTurnedAway) {
  RawClient client(path());
  client.read();
  const std::string flood(kLongestRequest + 1, '{');
  for (std::size_t sent = 0; sent < flood.size();) sent += client.push(std::string_view(flood).substr(sent));
  EXPECT_EQ((*client.read())["error"]["code"], "request-too-long");
  EXPECT_EQ(client.read(), std::nullopt);
}

TEST_F(ControlServerTest, AThousandConnectionsDoNotKeepNatctlOut) {
  std::vector<RawClient> crowd;
  for (int i = 0; i < 1000; ++i) {
    crowd.emplace_back(path());
    EXPECT_TRUE(crowd.back().connected());
    if (i % 2 == 0) crowd.back().push("{\"id\":1,\"comm");
  }
  // Who keeps a place idle loses it after a second.
  EXPECT_TRUE(eventually([this] { return serves(); }));
}

TEST_F(ControlServerTest, WhoAsksAndNeverReadsLosesItsPlaceToo) {
  make_mappings(2000);
  std::vector<RawClient> crowd;
  std::string requests;
  for (int i = 0; i < 1000; ++i) requests += "{\"id\":1,\"command\":\"show-mappings\"}\n";
  for (int i = 0; i < 20; ++i) {
    crowd.emplace_back(path());
    crowd.back().push(requests);
  }
  EXPECT_TRUE(eventually([this] { return serves(); }));
}

TEST_F(ControlServerTest, AWatcherThatDoesNotReadIsToldHowMuchItMissed) {
  RawClient watcher(path());
  watcher.read();
  watcher.push("{\"id\":1,\"command\":\"watch\"}\n");
  watcher.read();
  // Twice as many events as the socket and the server's buffer hold together.
  std::uint64_t made = 0;
  for (int round = 0; round < 3; ++round) {
    make_mappings(4000);
    made += 8000;
    ASSERT_TRUE(ask(ControlCommand::flush));
  }
  std::uint64_t told = 0, lost = 0;
  while (told + lost < made) {
    const auto message = watcher.read();
    ASSERT_TRUE(message) << told << " told, " << lost << " lost of " << made;
    for (const Json& event : (*message)["items"]) {
      if (event["event"] == "lost") {
        lost += event["count"].get<std::uint64_t>();
      } else {
        ++told;
      }
    }
  }
  EXPECT_GT(lost, 0U);
  EXPECT_EQ(told + lost, made) << "nothing goes without being counted";
}

TEST_F(ControlServerTest, StopEndsEveryConnectionAndRemovesTheSocket) {
  RawClient client(path());
  client.read();
  server.stop();
  EXPECT_EQ(client.read(), std::nullopt);
  EXPECT_FALSE(std::filesystem::exists(path()));
  server.stop();
}

TEST_F(ControlServerTest, TakesThePlaceOfADeadSocketButNotOfALivingOne) {
  ControlServer second(service, path(), "");
  EXPECT_THROW(second.start(), std::runtime_error);
  EXPECT_TRUE(serves()) << "the living one is not disturbed";
  server.stop();
  {
    const Descriptor dead(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    path().copy(name.sun_path, sizeof name.sun_path - 1);
    ASSERT_EQ(bind(dead.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name), 0);
  }
  ControlServer third(service, path(), "");
  third.start();
  EXPECT_TRUE(serves());
  third.stop();
}

TEST_F(ControlServerTest, AGroupThatDoesNotExistIsAnError) {
  ControlServer other(service, path() + "2", "no-such-group");
  EXPECT_THROW(other.start(), std::runtime_error);
}

}  // namespace
}  // namespace nat
