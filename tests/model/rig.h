// The engine and the naive NAT side by side in one small world: a few internal hosts with a few ports, a few
// remotes, and everything that can happen to a gateway, chosen by a seeded stream.
#pragma once

#include <string>
#include <vector>

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
};

inline constexpr Profile kProfiles[] = {
    {"prompt", true, false}, {"late", false, false}, {"scarce", true, true}};

class Rig {
 public:
  Rig(const Profile& profile, std::uint64_t seed);

  // One random operation. False when the two disagree; failure() says how.
  bool step();
  // Everything runs out; nothing may remain.
  bool finish();
  const std::string& failure() const { return failure_; }
  const Counters& counters() const { return gateway_.engine.counters(); }

 private:
  struct Sent {
    Octets packet;  // as it left the engine
    Words words;    // likewise
    Realm out;
  };

  std::uint32_t below(std::uint32_t bound) { return random_.below(bound); }
  bool chance(std::uint32_t percent) { return below(100) < percent; }

  void send_outbound();
  void send_inbound();
  void send_on_session();
  void send_error();
  void pass_time();
  void change_policy();
  void flush();
  void compare_tables();
  void check_counters();

  Policy first_policy();
  Policy other_policy();
  Words random_words(Protocol protocol, Realm in);
  void choose_flags(Words& words);
  Endpoint random_internal();
  Endpoint random_remote();
  Endpoint random_external(Protocol protocol);
  Octets build(const Words& words);
  void send(const Words& words);
  void send_whole(const Words& words, const Octets& packet);
  void send_in_fragments(const Words& words, const Octets& packet);
  std::optional<Endpoint> newly_mapped(std::size_t known) const;
  void check_explanation(const Words& words, const Explanation& explanation, Reason reason, bool mapped);
  Duration to_an_edge();
  void sweep();
  void fail(const std::string& what);

  Profile profile_;
  SeededRandom random_;
  TestGateway gateway_;
  NaiveNat naive_;
  std::vector<Sent> sent_;
  std::uint16_t next_identification_ = 1;
  std::string doing_;
  std::string failure_;
};

}  // namespace nat::test
