// For every reason a situation in which a packet meets it, and the comparison of what Engine::explain says
// with what translate then does.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "config/settings.h"
#include "tests/support/octets.h"
#include "tests/support/test_gateway.h"

namespace nat::test {

inline constexpr auto kIn1 = "10.0.0.1:4321";
inline constexpr auto kIn2 = "10.0.0.2:4322";
inline constexpr auto kOut1 = "192.0.2.31:7000";
inline constexpr auto kOut2 = "192.0.2.32:7000";
inline constexpr auto kExternal = "203.0.113.11:4321";
inline constexpr auto kNowhere = "203.0.113.11:9";

// A situation in which a packet meets a certain fate.
struct Scenario {
  Octets packet;
  Realm in = Realm::external;
  Policy policy = plain_policy();
  std::function<void(TestGateway&)> arrange = [](TestGateway&) {};
  // Does what the remedy says, where that is no setting.
  std::function<void(TestGateway&, const Explanation&)> relieve{};
  bool hopeless = false;  // no remedy
  bool from_gateway = false;
};

// A packet from in1's kIn1 to kOut1.
void open_mapping(TestGateway& gateway);

// A datagram of 4,000 octets, in pieces of `size`.
std::vector<Octets> pieces(const char* source, const char* destination, std::size_t size = 1480);

// An error of a router outside about a packet of the external address, of which it quotes so many octets.
Octets error_about(const Octets& packet, std::size_t quoted = SIZE_MAX);

// None for a reason that needs no scenario.
std::optional<Scenario> scenario_of(Reason reason);

// Asks, then does; whatever was predicted must happen, and the asking must change nothing.
Outcome ask_and_do(TestGateway& gateway, const Octets& packet, Realm in, Explanation& told,
                   bool from_gateway = false);

// What `natctl set`, or the file and a restart, make of the assignments.
Settings assigned(const Settings& settings, const std::vector<std::string>& assignments);
Policy assigned(const Policy& policy, const std::string& assignment);

// The packet of the scenario passes, and the trace says so.
void expect_passes(TestGateway& gateway, const Scenario& scenario);

}  // namespace nat::test
