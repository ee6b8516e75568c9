// natd_model [--operations N] [--seeds N] [--seed N]: runs the engine beside the naive NAT.
//
// Prints the first disagreement with the seed and the number of the operation, which is all one needs to see
// it again.
#include <array>
#include <cstdlib>
#include <iostream>
#include <string>

#include "tests/model/rig.h"

namespace {

struct Options {
  std::uint64_t operations = 42000;  // for each seed and profile
  std::uint64_t seeds = 6;
  std::uint64_t first_seed = 1;
};

using nat::Reason;

// What must have happened at least once in all the runs together; else the world is too poor to prove much.
constexpr Reason kMustHappen[] = {Reason::translated,
                                  Reason::hairpinned,
                                  Reason::fragment_held,
                                  Reason::not_ours,
                                  Reason::gateway_traffic,
                                  Reason::no_mapping,
                                  Reason::unsolicited_syn,
                                  Reason::filtered_by_address,
                                  Reason::filtered_by_port,
                                  Reason::tcp_no_session,
                                  Reason::echo_no_session,
                                  Reason::session_conflict,
                                  Reason::hairpin_off,
                                  Reason::no_external_address,
                                  Reason::ports_exhausted,
                                  Reason::mapping_limit,
                                  Reason::session_limit,
                                  Reason::host_limit,
                                  Reason::host_mapping_limit,
                                  Reason::host_session_limit,
                                  Reason::fragment_of_refused,
                                  Reason::icmp_no_session,
                                  Reason::fragment_tiny,
                                  Reason::fragment_overlap,
                                  Reason::fragment_timeout,
                                  Reason::fragment_limit,
                                  Reason::mapping_session_limit,
                                  Reason::creation_rate,
                                  Reason::exempt,
                                  Reason::address_option,
                                  Reason::icmp_quote_bad_checksum,
                                  Reason::icmp_quotes_internal,
                                  Reason::foreign_source,
                                  Reason::denied_by_rule};

std::array<std::uint64_t, nat::kReasonCount> happened{};
std::uint64_t reassembled = 0;
std::uint64_t confirmed = 0;
std::uint64_t passed_without_session = 0;
nat::test::NaiveFragments::Reached fragments;

bool often(std::uint64_t times, const std::string& what) {
  if (times >= 100) return true;
  std::cout << "model: only " << times << " times " << what << "\n";
  return false;
}

void add(const nat::test::NaiveFragments::Reached& reached) {
  fragments.begun_anew += reached.begun_anew;
  fragments.waiting_beside_decided += reached.waiting_beside_decided;
  for (std::size_t i = 0; i < reached.all.size(); ++i) {
    fragments.share[i] += reached.share[i];
    fragments.all[i] += reached.all[i];
  }
}

// A quarter of the fragments held, or of their bytes, is more than the few that a datagram here has.
bool fragments_rich_enough() {
  bool rich = often(fragments.begun_anew, "an identification returned after its datagram was complete");
  rich &= often(fragments.waiting_beside_decided, "a datagram was given up where some waited and some not");
  rich &= often(fragments.share[0], "a source was at its share of datagrams");
  const char* const what[] = {"places for datagrams", "places for fragments", "bytes for fragments"};
  for (std::size_t i = 0; i < std::size(what); ++i) {
    rich &= often(fragments.all[i], std::string("all ") + what[i] + " were used");
  }
  return rich;
}

bool rich_enough() {
  if (reassembled == 0) std::cout << "model: no datagram in fragments ever came through\n";
  if (confirmed == 0) std::cout << "model: nobody ever got an answer\n";
  bool rich = fragments_rich_enough() && reassembled > 0 && confirmed > 0;
  rich &= often(passed_without_session, "a packet passed without a session");
  for (const Reason reason : kMustHappen) {
    if (happened[static_cast<std::size_t>(reason)] > 0) continue;
    std::cout << "model: nothing ever met " << nat::to_string(reason) << "\n";
    rich = false;
  }
  return rich;
}

bool run(const nat::test::Profile& profile, std::uint64_t seed, std::uint64_t operations) {
  nat::test::Rig rig(profile, seed);
  for (std::uint64_t operation = 0; operation < operations; ++operation) {
    if (!rig.step()) {
      std::cout << "model: " << profile.name << ", seed " << seed << ", operation " << operation << ": "
                << rig.failure() << "\n";
      return false;
    }
  }
  if (!rig.finish()) {
    std::cout << "model: " << profile.name << ", seed " << seed << ", at the end: " << rig.failure() << "\n";
    return false;
  }
  reassembled += rig.reassembled();
  confirmed += rig.confirmed();
  passed_without_session += rig.counters().passed_without_session;
  add(rig.fragments_reached());
  for (std::size_t i = 0; i < nat::kReasonCount; ++i) {
    happened[i] += rig.counters().total(static_cast<Reason>(i)).packets;
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    const std::uint64_t value = std::strtoull(argv[i + 1], nullptr, 10);
    if (name == "--operations") options.operations = value;
    if (name == "--seeds") options.seeds = value;
    if (name == "--seed") {
      options.first_seed = value;
      options.seeds = 1;
    }
  }
  bool agreed = true;
  for (const auto& profile : nat::test::kProfiles) {
    for (std::uint64_t seed = 0; seed < options.seeds && agreed; ++seed) {
      agreed = run(profile, options.first_seed + seed, options.operations);
    }
  }
  if (agreed) {
    std::cout << "model: " << std::size(nat::test::kProfiles) * options.seeds * options.operations
              << " operations, no disagreement\n";
  }
  // A short run cannot be expected to see everything.
  const bool long_enough = options.seeds * options.operations >= Options().seeds * Options().operations;
  if (agreed && long_enough) agreed = rich_enough();
  return agreed ? 0 : 1;
}
