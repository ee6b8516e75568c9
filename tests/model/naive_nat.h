// The naive NAT: what natd must do, written to be read and not to be fast. Two maps, loops over everything,
// no hash, no wheel, no lazy anything: before each packet, whatever has run out is taken away.
//
// It knows the words of packets (protocol, endpoints, flags), not their octets. Where the engine has a
// choice, which external endpoint a new mapping gets, the naive NAT is told what was chosen and says whether
// that was allowed.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "translation/policy.h"
#include "translation/view.h"

namespace nat::test {

// One packet, in words. The remote of an ICMP echo has port 0, as in SessionView.
struct Words {
  Protocol protocol = Protocol::udp;
  Realm in = Realm::internal;
  Endpoint source, destination;
  bool syn = false, ack = false, fin = false, rst = false;
  bool far_off = false;  // its sequence number is far outside of every window
  bool echo_reply = false;

  bool bare_syn() const { return syn && !ack && !fin && !rst; }
  bool opens() const { return protocol == Protocol::tcp ? bare_syn() : !echo_reply; }
};

// What must happen. The endpoints are those of the packet as it leaves.
struct Expected {
  Reason reason = Reason::not_ours;
  Realm out = Realm::external;
  Endpoint source, destination;
  // Allowed as well, where two things stand in the way and only the engine knows whether the first one does.
  std::optional<Reason> or_reason{};
};

class NaiveNat {
 public:
  struct Session {
    bool live = true;       // else only remembered
    bool answered = false;  // the internal side has sent something on it
    bool from_outside = false;
    TimePoint last;  // the last instant at which it lives
    SessionState state = SessionState::active;
    bool acked[2] = {false, false};  // an ACK was seen from the internal, the external side
  };
  struct Mapping {
    Protocol protocol;
    Endpoint internal, external;
    Behavior behavior;
    Endpoint remote;  // as far as the behaviour looks at it
    Origin origin = Origin::dynamic;
    std::uint16_t first_port = 0;          // of the remote that its first packet went to
    std::map<Endpoint, Session> sessions;  // by remote
  };

  // `exact` says that the engine removes everything at the very time it is due; else it may hold a port for a
  // while longer, and no limit may be relied on.
  NaiveNat(Policy policy, bool exact) : exact_(exact) { apply(std::move(policy), {}); }

  // The ports that sockets of the gateway occupy.
  std::set<std::pair<Protocol, std::uint16_t>> sockets;

  // `chosen` is the external endpoint of the mapping the engine made for this packet, if it made one.
  Expected judge(const Words& packet, std::optional<Endpoint> chosen, TimePoint now);
  // An ICMP error that quotes a packet. `about` is the quoted packet; the result holds its endpoints as they
  // must be quoted afterwards.
  Expected judge_error(const Words& about, Realm in, bool returns, TimePoint now);
  void apply(Policy policy, TimePoint now);
  void flush(Protocol protocol, Endpoint external, TimePoint now);
  // Takes away what has run out.
  void settle(TimePoint now);

  const std::map<std::pair<Protocol, Endpoint>, Mapping>& mappings() const { return mappings_; }
  const Policy& policy() const { return policy_; }
  bool is_external(Address address) const;
  // What was wrong with the engine's choices so far.
  std::vector<std::string> complaints;

 private:
  struct Found {
    Mapping* mapping = nullptr;
    Session* session = nullptr;
  };
  // An external port that was in use not long ago.
  struct Rest {
    Endpoint owner;
    TimePoint until;
    bool certain = true;  // surely still at rest
  };
  enum class Direction { outbound, inbound };
  using PortKey = std::pair<Protocol, Endpoint>;

  Found by_internal(Protocol protocol, Endpoint internal, Endpoint remote);
  Found by_external(Protocol protocol, Endpoint external, Endpoint remote);
  Mapping* mapping_for(const Words& packet);
  Mapping* mapping_at(Protocol protocol, Endpoint external);
  // The first rule that fits; null when none does.
  const HostRule* rule_for(Protocol protocol, Endpoint internal, std::uint16_t remote_port) const;
  const Profile& profile_for(Protocol protocol, Endpoint internal, std::uint16_t remote_port) const {
    const HostRule* rule = rule_for(protocol, internal, remote_port);
    return rule == nullptr ? policy_ : rule->profile;
  }
  const Profile& profile_of(const Mapping& mapping) const {
    return profile_for(mapping.protocol, mapping.internal, mapping.first_port);
  }
  const Profile& profile_of(const Words& outbound) const {
    return profile_for(outbound.protocol, outbound.source, outbound.destination.port);
  }
  bool serves(Protocol protocol, std::uint16_t port) const;
  Reason stray(const Words& packet) const;

  // The mapping and session the packet leaves by, or the reason why it does not.
  std::optional<Reason> leave(const Words& packet, std::optional<Endpoint> chosen, Found& by,
                              Expected& expected);
  std::optional<Reason> arrive(const Words& packet, bool hairpinned, Found& by);
  void misbehave(const Words& inbound, Reason refused);
  std::optional<Reason> filter(const Mapping& mapping, Endpoint remote, bool hairpinned) const;
  std::optional<Reason> no_session(Address internal, const Mapping* mapping, Direction direction,
                                   const Limits& limits) const;
  std::optional<Reason> no_mapping(const Words& packet) const;
  Session& open(Mapping& mapping, Endpoint remote, Direction direction);
  void touch(const Mapping& mapping, Session& session, const Words& packet, Direction direction);
  static void touch_tcp(Session& session, const Words& packet, Direction direction, const Timeouts& timeouts,
                        TimePoint now);
  void end(PortKey key);

  // Ports.
  // Whether anybody may get the port, and whether a mapping of this packet may, by the rule that fits it.
  bool eligible(Protocol protocol, std::uint16_t port) const;
  bool offered(const Words& packet, std::uint16_t port) const;
  bool in_class(const Words& packet, std::uint16_t external) const;
  enum class Free { no, perhaps, yes };
  Free free(Protocol protocol, Endpoint external, Endpoint owner) const;
  bool surely_a_port(const Words& packet) const;
  void check_choice(const Words& packet, Endpoint chosen);
  void complain(const Words& packet, const std::string& what);
  void rest(PortKey key, Endpoint owner);

  Policy policy_;
  bool exact_;
  TimePoint now_;
  std::map<PortKey, Mapping> mappings_;  // by external endpoint
  std::map<PortKey, Rest> resting_;
  std::map<Protocol, std::size_t> port_count_;
};

}  // namespace nat::test
