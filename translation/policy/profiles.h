// The profiles of a policy, ready for use: which one a mapping gets, and from which ports it may choose.
#pragma once

#include <cstdint>
#include <vector>

#include "translation/policy/policy.h"

namespace nat {

inline constexpr std::uint16_t kFirstUserPort = 1024;

// Where the ports of a profile come from. Ports below 1024 are for internal ports below 1024 and the others
// for the others (RFC 4787 REQ-3a); where one of the classes has no port at all, the other serves both.
// Identifiers of ICMP queries have no classes.
struct PortRules {
  std::vector<PortRange> system, user, identifiers;

  const std::vector<PortRange>& of(Protocol protocol, std::uint16_t internal_port) const;
  // Those of the other class; none for identifiers.
  const std::vector<PortRange>& of_other_class(Protocol protocol, std::uint16_t internal_port) const;
};

class Profiles {
 public:
  static constexpr std::uint8_t kGeneral = 0;  // of whatever no rule names

  void configure(const Policy& policy);

  // The number of the profile for mappings that a packet from `internal` to `remote_port` makes.
  std::uint8_t find(Protocol protocol, Endpoint internal, std::uint16_t remote_port) const {
    return rules_.empty() ? kGeneral : search(protocol, internal, remote_port);
  }
  const Profile& operator[](std::uint8_t number) const { return profiles_[number]; }
  const PortRules& ports(std::uint8_t number) const { return ports_[number]; }
  bool only_general() const { return rules_.empty(); }
  // Every range that a profile may choose from.
  std::vector<PortRange> all_ranges() const;

 private:
  std::uint8_t search(Protocol protocol, Endpoint internal, std::uint16_t remote_port) const;

  std::vector<HostRule> rules_;
  std::vector<Profile> profiles_;  // the general one, then one for each rule
  std::vector<PortRules> ports_;
};

}  // namespace nat
