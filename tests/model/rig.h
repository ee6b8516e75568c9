// The engine and the naive NAT side by side in one small world: a few internal hosts with a few ports, a few
// remotes, and everything that can happen to a gateway, chosen by a seeded stream.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tests/model/byte_judge.h"
#include "tests/model/naive_fragments.h"
#include "tests/model/naive_nat.h"
#include "tests/support/packet_builder.h"
#include "tests/support/test_gateway.h"

namespace nat::test {

// What kind of run it is.
struct Profile {
  const char* name;
  // The engine removes what is due after every operation; else only now and then, and a little at a time.
  bool exact;
  // Few ports and low limits.
  bool scarce;
  // Ports are divided among subscribers, a handful for each.
  bool blocks;
};

inline constexpr Profile kProfiles[] = {{"prompt", true, false, false},
                                        {"late", false, false, false},
                                        {"scarce", true, true, false},
                                        {"blocks", true, true, true}};

// The external addresses, as far as the policy has them.
inline constexpr Address kPool[] = {Address(203, 0, 113, 11), Address(203, 0, 113, 12)};

// "udp 10.0.0.1:5000 > 192.0.2.31:53 from internal".
std::string in_words(const Words& words);

class Rig {
 public:
  Rig(const Profile& profile, std::uint64_t seed);

  // One random operation. False when the two disagree; failure() says how.
  bool step();
  // Everything runs out; nothing may remain.
  bool finish();
  const std::string& failure() const { return failure_; }
  // Datagrams that were sent in fragments and came through whole.
  std::uint64_t reassembled() const { return reassembled_; }
  // Answers that were given to senders of refused packets.
  std::uint64_t confirmed() const { return answered_; }
  const NaiveFragments::Reached& fragments_reached() const { return fragments_.reached(); }
  const Counters& counters() const { return gateway_.engine.counters(); }

 private:
  struct Sent {
    Octets packet;  // as it left the engine
    Words words;    // likewise
    Realm out;
  };

  struct Error {
    Words words;  // of the packet it quotes
    Octets quote;
    std::size_t quoted = 0;  // octets of it
    Realm in = Realm::external;
    bool from_gateway = false;
    Address from;
    std::uint8_t type = 3, code = 0;

    std::size_t header() const { return (quote[0] & 0x0fU) * 4U; }
    // The error as octets, if it quotes these.
    Octets about(const Octets& packet) const;
  };

  // A datagram that is sent in pieces, one now and one then.
  struct Datagram {
    Words words;
    Octets packet;
    std::size_t pieces = 0;            // that must come through; a lost one never does
    std::optional<Expected> expected;  // once its first fragment has come through
    bool rewritten = false;            // its payload was looked at
    std::vector<Octets> through;
  };
  struct Waiting {
    std::uint64_t datagram;
    Octets octets;
  };

  std::uint32_t below(std::uint32_t bound) { return random_.below(bound); }
  bool chance(std::uint32_t percent) { return below(100) < percent; }

  void send_outbound();
  void send_inbound();
  void send_on_session();
  void send_error();
  void send_piece();
  void pass_time();
  void change_policy();
  void flush();
  void restart();
  void compare_tables();
  void compare_blocks();
  void follow_blocks();
  void check_counters();

  Policy first_policy(std::uint64_t seed) const;
  Policy other_policy();
  void misbehave(Policy& policy);
  HostRule random_rule(const Policy& general);
  Words random_words(Protocol protocol, Realm in);
  void choose_flags(Words& words);
  // Numbers of a few connections, and such that mean something to the session; null for none.
  void choose_numbers(Words& words, const NaiveNat::Session* session);
  Endpoint random_internal();
  Endpoint random_remote();
  Endpoint random_external(Protocol protocol);
  Octets build(const Words& words);
  void send(const Words& words);
  void send(const Error& error);
  void send_whole(const Words& words, const Octets& packet);
  void cut_up(const Words& words, const Octets& packet);
  void cut_up_again();
  void send_first(const Piece& piece, std::uint64_t datagram, Octets octets);
  void passed(std::uint64_t datagram, const Outcome& outcome);
  void take_released();
  // What the engine's events have said since.
  struct Before {
    std::size_t created, removed;
  };
  Before before() { return {gateway_.observed().created.size(), gateway_.observed().removed.size()}; }
  NaiveNat::Choices choices_since(const Before& before, const Words& words);
  void check_answer(const Words& words, const Octets& packet, const Outcome& outcome, Answer expected);
  void check_due_syns();
  bool remembers(const NaiveNat::Mapping& mapping, Endpoint remote) const;
  Rewriting rewriting(const Words& words, const Expected& expected) const;
  void check_explanation(const Words& words, const Explanation& explanation, Reason reason, bool mapped);
  Duration to_an_edge();
  void sweep();
  void fail(const std::string& what);

  Profile profile_;
  SeededRandom random_;
  TestGateway gateway_;
  NaiveNat naive_;
  // Of the engine's notices about extra blocks, those followed so far; and the host of each block that was
  // given and has not come back, by external address and first port.
  std::size_t blocks_followed_ = 0;
  std::map<Endpoint, Address> blocks_given_;
  std::vector<Sent> sent_;
  NaiveFragments fragments_;
  std::map<std::uint64_t, Datagram> datagrams_;
  std::vector<Waiting> pieces_;                         // that are still to be sent
  std::map<std::uint64_t, std::uint64_t> datagram_of_;  // of a held piece, by its token
  std::uint64_t next_token_ = 1;
  std::uint64_t reassembled_ = 0;
  std::uint64_t answered_ = 0;
  std::uint16_t next_identification_ = 1;
  std::string doing_;
  std::string failure_;
};

}  // namespace nat::test
