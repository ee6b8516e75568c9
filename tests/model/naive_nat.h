// The naive NAT: what natd must do, written to be read and not to be fast. A list, a few maps, loops over
// everything, no hash, no wheel, no lazy anything: before each packet, whatever has run out is taken away.
//
// It knows the words of packets (protocol, endpoints, flags), not their octets. Where the engine has a
// choice (which external endpoint a new mapping gets, which of several remotes it forgets, whether a mapping
// is lost), the naive NAT is given what was chosen and says whether that was allowed.
#pragma once

#include <functional>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "config/port_forward.h"
#include "translation/policy/policy.h"
#include "translation/state/view.h"

namespace nat::test {

// One packet, in words. The remote of an ICMP echo has port 0, as in SessionView.
struct Words {
  Protocol protocol = Protocol::udp;
  Realm in = Realm::internal;
  Endpoint source, destination;
  bool syn = false, ack = false, fin = false, rst = false;
  std::uint32_t sequence = 0, acknowledges = 0;  // of TCP
  bool echo_reply = false;
  bool tells_addresses = false;  // an IP option of its carries addresses
  bool wrong_sum = false;        // of a quoted packet: the checksum of its IP header is wrong

  bool bare_syn() const { return syn && !ack && !fin && !rst; }
  bool opens() const { return protocol == Protocol::tcp ? bare_syn() : !echo_reply; }
};

// What natd says to the sender of a packet it refuses.
enum class Answer { none, host_unreachable, port_unreachable, reset };

// What must happen. The endpoints are those of the packet as it leaves.
struct Expected {
  Reason reason = Reason::not_ours;
  Realm out = Realm::external;
  Endpoint source, destination;
  Endpoint sender{};  // the external endpoint of an internal sender
  Answer answer = Answer::none;
  // Allowed as well, where two things stand in the way and only the engine knows whether the first one does.
  std::optional<Reason> or_reason{};
};

class NaiveNat {
 public:
  struct Session {
    bool live = true;        // else only dormant
    bool confirmed = false;  // the internal side has sent something on it
    bool from_outside = false;
    TimePoint last;   // the last instant at which it lives
    TimePoint ended;  // of a dormant one: when that was noticed
    SessionState state = SessionState::active;
    // Of the internal and the external side: whether an ACK was seen from it, and the sequence number up to
    // which it lets the other side send, as far as it has said so.
    bool acked[2] = {false, false};
    std::optional<std::uint32_t> limit[2];
    // The SYN without ACK that is not answered yet.
    struct Syn {
      int sender;  // 0 internal, 1 external
      std::uint32_t sequence;
    };
    std::optional<Syn> waiting;
  };
  struct Mapping {
    Protocol protocol;
    Endpoint internal, external;
    Behavior behavior;
    Endpoint remote;  // as far as the behaviour looks at it
    Origin origin = Origin::dynamic;
    std::uint16_t first_port = 0;  // of the remote that its first packet went to
    // The external endpoint belongs to another mapping (port overloading); only its sessions are found there.
    bool shares = false;
    std::map<Endpoint, Session> sessions;  // by remote
  };

  // What the engine chose where it had a choice.
  struct Choices {
    std::optional<Endpoint> mapped;  // the external endpoint of the mapping it made for this packet
    std::optional<Endpoint> lost;    // and of the one that it lost before
  };

  // `exact` says that the engine removes everything at the very time it is due; else it may hold a port for a
  // while longer, and no limit may be relied on.
  NaiveNat(Policy policy, bool exact) : exact_(exact) { apply(std::move(policy), {}, {}); }

  // The ports that sockets of the gateway occupy.
  std::set<std::pair<Protocol, std::uint16_t>> sockets;
  // Whether the engine still knows the remote; asked where it had to forget one of several.
  std::function<bool(const Mapping&, Endpoint remote)> remembers;

  Expected judge(const Words& packet, const Choices& chosen, TimePoint now);
  // An ICMP error that quotes a packet. `about` is the quoted packet; the result holds its endpoints as they
  // must be quoted afterwards.
  Expected judge_error(const Words& about, Realm in, bool returns, TimePoint now);
  // The same for one that the gateway itself sends out, about a packet that came in.
  Expected judge_own_error(const Words& about, TimePoint now);
  // With the configured mappings that are wanted.
  void apply(Policy policy, const std::vector<PortForward>& forwards, TimePoint now);
  void flush(Protocol protocol, Endpoint external, TimePoint now);
  // Ports that are given in sequence begin at the first again.
  void forget_order() { last_in_order_.clear(); }
  // Takes away what has run out.
  void settle(TimePoint now);

  // SYNs whose six seconds are over: external endpoint and remote. Their senders must hear of it now.
  std::set<std::pair<Endpoint, Endpoint>> take_due_syns();

  const std::list<Mapping>& mappings() const { return mappings_; }
  // The extra blocks of ports that the host has.
  std::vector<PortRange> extra_blocks_of(Address host) const;
  std::size_t extra_blocks() const { return extra_holders_.size(); }
  const Policy& policy() const { return policy_; }
  bool is_external(Address address) const;
  // Whether a packet that comes from that side has a source that no internal host has.
  bool is_foreign(Realm in, Address source) const;
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
    bool certain = true;  // surely still in quarantine
  };
  enum class Direction { outbound, inbound };
  using PortKey = std::pair<Protocol, Endpoint>;

  // Finding.
  Found by_internal(Protocol protocol, Endpoint internal, Endpoint remote);
  Found by_external(Protocol protocol, Endpoint external, Endpoint remote);
  Mapping* mapping_for(const Words& packet);
  Mapping* mapping_at(Protocol protocol, Endpoint external);
  const Mapping* mapping_at(Protocol protocol, Endpoint external) const;
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
  bool is_exempt(Protocol protocol, Endpoint remote) const;
  Reason stray(const Words& packet) const;

  // Packets; ICMP errors in naive_errors.cpp.
  Expected decide(const Words& packet, const Choices& chosen);
  // The mapping and session the packet leaves by, or the reason why it does not.
  std::optional<Reason> leave(const Words& packet, const Choices& chosen, Found& by, Expected& expected);
  std::optional<Reason> arrive(const Words& packet, bool hairpinned, Found& by);
  std::optional<Reason> filter(const Mapping& mapping, Endpoint remote, bool hairpinned) const;
  // Whether the mapping does for the packet by itself, where there is no room for a session: every remote may
  // send to it, and nothing of the packet has to be remembered.
  bool needs_no_session(const Mapping& mapping, bool hairpinned) const;
  std::optional<Reason> bad_quote(const Words& about) const;
  Answer answer(const Words& packet, Reason refused);

  // Limits.
  std::optional<Reason> no_session(Address internal, const Mapping* mapping, Direction direction,
                                   const Limits& limits) const;
  std::optional<Reason> no_mapping(const Words& packet) const;
  // Tenths of new mappings, under a limit of so many a second.
  std::int64_t debt_of(Address host, std::uint32_t rate) const;

  // Lives; those of TCP in naive_tcp.cpp.
  Mapping& make(const Words& packet, Endpoint chosen);
  Session& open(Mapping& mapping, Endpoint remote, Direction direction);
  void evict(Mapping& mapping);
  void touch(const Mapping& mapping, Session& session, const Words& packet, Direction direction);
  static void touch_tcp(Session& session, const Words& packet, Direction direction, const Timeouts& timeouts,
                        TimePoint now);
  static bool note_syns(Session& session, const Words& packet, int sender);
  static void heard(Session& session, const Words& packet, int sender);
  void end(const Mapping* mapping);

  void forget_hosts();

  // What the laboratory asked for.
  void lose(const Words& packet, const Choices& chosen);
  void filtered(const Words& inbound, Reason refused);

  // Ports: naive_ports.cpp.

  // Whether any host may get the port, and whether a mapping of this packet may, by the rule that fits it and
  // by the class of its internal port.
  bool eligible(Protocol protocol, std::uint16_t port) const;
  bool offered(const Words& packet, Endpoint external) const;
  bool in_class(const Words& packet, Endpoint external) const;
  bool spills_over(const Words& packet, Address external) const;
  bool may_have(const Words& packet, Endpoint external) const {
    return offered(packet, external) && (in_class(packet, external) || spills_over(packet, external.address));
  }
  std::vector<PortRange> ranges_for(const Words& packet, Address external) const;
  // Whether it may have one, taken or not, that is wanted.
  bool any_port(const Words& packet, Address external,
                const std::function<bool(std::uint16_t)>& wanted) const;
  enum class Free { no, perhaps, yes };
  Free free(Protocol protocol, Endpoint external, Endpoint owner) const;
  bool surely_a_port(const Words& packet) const;
  bool surely_a_port(const Words& packet, Address external) const;
  bool may_share(const Words& packet, Endpoint external) const;
  void check_choice(const Words& packet, Endpoint chosen);
  void check_order(const Words& packet, Endpoint chosen);
  void complain(const Words& packet, const std::string& what);
  void rest(PortKey key, Endpoint owner, Duration how_long);
  void count_ports();

  // Port blocks (RFC 7422): arithmetic for a host's own, a map for what was given out besides.
  struct Division {
    std::size_t per_address = 0, share = 0;  // subscribers, and ports of each
    std::size_t first_extra = 0;             // counted in usable ports
    std::size_t extras = 0;
    bool operator==(const Division&) const = default;
  };
  bool blocks_on() const {
    return !policy_.blocks.subscribers.empty() && !policy_.external_addresses.empty();
  }
  Division division() const;
  // Of the host at that address, its extra ones behind its own.
  std::vector<PortRange> blocks_of(Address host, Address external) const;
  PortRange extra_block(std::size_t number) const;
  void divide_anew(const Division& before);
  std::vector<std::size_t> blocks_to_grow(Address host, Address external) const;
  void grow(const Words& packet, Endpoint chosen);

  Policy policy_;
  bool exact_;
  TimePoint now_;
  std::list<Mapping> mappings_;
  std::map<PortKey, Rest> quarantined_;
  std::map<Protocol, std::size_t> port_count_;
  std::vector<std::uint16_t> divided_ports_;  // from 1024 on, without those of the gateway
  std::map<std::pair<Protocol, Address>, std::uint16_t>
      last_in_order_;                                                 // given away by sequential allocation
  std::map<std::pair<Address, std::size_t>, Address> extra_holders_;  // by external address and number
  // The hosts that natd knows: those that had a mapping when the last packet was done with.
  struct Host {
    std::int64_t debt = 0;  // tenths of new mappings that time has not paid for yet, as of `since`
    TimePoint since;
  };
  std::map<Address, Host> hosts_;
  std::map<std::pair<Endpoint, Endpoint>, TimePoint> held_syns_;  // by external endpoint and remote: when due
};

}  // namespace nat::test
