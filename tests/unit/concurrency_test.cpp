// The engine as the daemon shares it, used by every kind of thread at once: datapath threads, expiry, control
// clients and reloads. Each thread does a fixed amount of work; no packet and no request may be lost.
// Under ThreadSanitizer the same work finds accesses that no lock orders.
#include <array>
#include <atomic>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

#include "natd/control/client.h"
#include "natd/control/server.h"
#include "natd/system/clock.h"
#include "tests/support/fake_service.h"
#include "tests/support/packet_builder.h"

namespace nat {
namespace {

using test::address;
using test::endpoint;

constexpr unsigned kDatapathThreads = 2;
constexpr unsigned kPackets = 4000;  // of each datapath thread
constexpr unsigned kFlows = 200;     // of each datapath thread; every packet belongs to one of them
constexpr unsigned kReloads = 50;
constexpr unsigned kExpiries = 300;
constexpr unsigned kClients = 3;
constexpr unsigned kRequests = 15;  // of each client

class ConcurrencyTest : public testing::Test {
 protected:
  ConcurrencyTest() : server(service, path(), "") { server.start(); }
  ~ConcurrencyTest() override {
    server.stop();
    std::filesystem::remove_all(directory_);
  }

  std::string path() const { return directory_ + "/control.sock"; }

  // Datagrams of a host of its own, the flows in turn.
  void forward_packets(unsigned thread) {
    const Address host(address("10.0.0.1").value() + thread);
    for (unsigned i = 0; i < kPackets; ++i) {
      const Endpoint internal{host, static_cast<std::uint16_t>(2000 + i % kFlows)};
      test::Octets octets = test::udp(internal, endpoint("192.0.2.31:53")).build();
      const auto engine = service.shared_engine().lock(LockPurpose::packets);
      const Reason reason = engine->translate({.octets = octets}, Realm::internal, engine.now()).reason;
      if (action_of(reason) == Action::forward) ++forwarded;
    }
  }

  void expire() {
    test::NoOutput output;
    for (unsigned i = 0; i < kExpiries; ++i) service.shared_engine().expire(output);
  }

  // What changes at each reload ends no mapping.
  void reload() {
    for (unsigned i = 0; i < kReloads; ++i) {
      service.change([i](const Settings& running) -> Result<Settings> {
        Settings settings = running;
        settings.policy.limits.mappings_per_host = 1000 + i;
        return settings;
      });
      service.shared_engine().deliver();
    }
  }

  // One connection for each request, as natctl makes them.
  void ask(unsigned client) {
    constexpr std::array kCommands{ControlCommand::show_stats, ControlCommand::show_mappings,
                                   ControlCommand::show_sessions, ControlCommand::show_refused,
                                   ControlCommand::port_forward_list};
    for (unsigned i = 0; i < kRequests; ++i) {
      Request request;
      request.command = kCommands[(client + i) % kCommands.size()];
      auto connection = ControlClient::connect(path());
      if (connection && connection->ask(request, [](const Json&) { return true; })) ++answered;
    }
  }

 private:
  static std::string make_directory() {
    std::string form = (std::filesystem::temp_directory_path() / "natd-concurrency-XXXXXX").string();
    if (mkdtemp(form.data()) == nullptr)
      throw std::runtime_error("mkdtemp: no directory for the control socket");
    return form;
  }

  const std::string directory_ = make_directory();

 protected:
  test::FakeService service;
  ControlServer server;
  std::atomic<unsigned> forwarded = 0;
  std::atomic<unsigned> answered = 0;
};

TEST_F(ConcurrencyTest, NoPacketAndNoRequestIsLostWhileAllThreadsRun) {
  {
    std::vector<std::jthread> threads;
    for (unsigned i = 0; i < kDatapathThreads; ++i) threads.emplace_back([this, i] { forward_packets(i); });
    for (unsigned i = 0; i < kClients; ++i) threads.emplace_back([this, i] { ask(i); });
    threads.emplace_back([this] { expire(); });
    threads.emplace_back([this] { reload(); });
  }
  EXPECT_EQ(answered, kClients * kRequests);
  EXPECT_EQ(forwarded, kDatapathThreads * kPackets);
  EXPECT_EQ(service.settings().policy.limits.mappings_per_host, 1000 + kReloads - 1);

  const auto engine = service.shared_engine().lock();
  std::uint64_t counted = 0;
  for (const auto& sides : engine->counters().reasons) counted += sides[0].packets + sides[1].packets;
  EXPECT_EQ(counted, std::uint64_t{kDatapathThreads} * kPackets);
  EXPECT_EQ(engine->counters().mappings_created, std::uint64_t{kDatapathThreads} * kFlows);
  EXPECT_EQ(engine->counters().mappings_removed, 0U);
}

}  // namespace
}  // namespace nat
