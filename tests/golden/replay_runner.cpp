#include <algorithm>
#include <deque>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include <nlohmann/json.hpp>
#include <stdlib.h>

#include "natd/datapath/replay/capture.h"
#include "natd/datapath/replay/replay.h"
#include "tests/golden/packet_text.h"
#include "tests/golden/runners.h"
#include "tests/support/checksums.h"
#include "translation/net/wire.h"

namespace nat::test {
namespace {

using Json = nlohmann::json;

// A directory that goes when its owner goes.
class Scratch {
 public:
  Scratch() {
    std::string pattern = (std::filesystem::temp_directory_path() / "natd-golden-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr)
      throw std::runtime_error("cannot make a directory for the replay");
    path_ = pattern;
  }
  ~Scratch() { std::filesystem::remove_all(path_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  std::string file(const char* name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

bool internal(Address source) {
  const auto networks = private_networks();
  return std::any_of(networks.begin(), networks.end(),
                     [&](const Prefix& network) { return network.contains(source); });
}

bool suits_replay(const Fixture& fixture) {
  return std::all_of(fixture.packets.begin(), fixture.packets.end(), [](const FixturePacket& packet) {
    if (packet.packet.size() < ip::kMinimumHeader || packet.packet[0] >> 4 != 4) return false;
    return internal(Address(load32(packet.packet.data() + ip::kSource))) == (packet.in == Realm::internal);
  });
}

std::deque<Octets> packets_in(const std::string& path) {
  std::deque<Octets> packets;
  CaptureReader reader(path);
  for (Captured packet; reader.next(packet);)
    packets.emplace_back(packet.octets.begin(), packet.octets.end());
  return packets;
}

// What replay wrote, read in the order of its verdicts.
class Results {
 public:
  explicit Results(const Scratch& scratch) : verdicts_(scratch.file("out/verdicts.jsonl")) {
    sides_[0] = packets_in(scratch.file("out/internal.pcap"));
    sides_[1] = packets_in(scratch.file("out/external.pcap"));
  }

  struct Line {
    std::uint64_t number = 0;
    bool released = false;
    Fate fate;
    Octets reply;
  };
  bool next(Line& line) {
    std::string text;
    if (!std::getline(verdicts_, text)) return false;
    const Json json = Json::parse(text);
    line = {};
    line.number = json.at("number").get<std::uint64_t>();
    line.released = json.contains("released");
    line.fate.reason = parse_reason(json.at("reason").get<std::string>()).value();
    if (json.contains("out")) {
      line.fate.out = json["out"] == "internal" ? Realm::internal : Realm::external;
      line.fate.packet = take(line.fate.out);
    }
    if (json.contains("reply"))
      line.reply = take(json["reply"] == "internal" ? Realm::internal : Realm::external);
    return true;
  }

 private:
  Octets take(Realm side) {
    std::deque<Octets>& packets = sides_[side == Realm::internal ? 0 : 1];
    if (packets.empty()) throw std::runtime_error("a capture ends before its verdicts");
    Octets packet = std::move(packets.front());
    packets.pop_front();
    return packet;
  }

  std::ifstream verdicts_;
  std::deque<Octets> sides_[2];
};

// As it leaves a router.
Fate routed(Fate fate) {
  if (fate.packet.empty()) return fate;
  --fate.packet[ip::kTtl];
  fix_ip_checksum(fate.packet);
  return fate;
}

}  // namespace

void write_capture(const Fixture& fixture, const std::string& path) {
  CaptureWriter writer(path);
  for (const FixturePacket& packet : fixture.packets) {
    const auto time = std::chrono::duration_cast<std::chrono::microseconds>(packet.time.time_since_epoch());
    writer.write(packet.packet, CaptureTime{1700000000} * 1000000 + time.count());
  }
  writer.finish();
}

std::vector<std::string> run_on_replay(const Fixture& fixture) {
  std::vector<std::string> problems;
  if (!suits_replay(fixture)) return problems;
  const Scratch scratch;
  write_capture(fixture, scratch.file("in.pcap"));
  ReplayJob job;
  job.capture = scratch.file("in.pcap");
  job.directory = scratch.file("out");
  job.policy = fixture.policy;
  replay(job);

  Results results(scratch);
  // What is let go stands in the fixture under the packet that let it go, and in the verdicts anywhere.
  std::deque<Fate> expected_releases;
  for (const FixturePacket& packet : fixture.packets) {
    expected_releases.insert(expected_releases.end(), packet.released.begin(), packet.released.end());
  }
  for (Results::Line line; results.next(line);) {
    const FixturePacket& packet = fixture.packets.at(line.number - 1);
    const auto complain = [&](const std::string& what) {
      problems.push_back(fixture.path + ":" + std::to_string(packet.line) + ": replay: " + what);
    };
    Fate expected = packet.fate;
    if (line.released) {
      if (expected_releases.empty()) {
        complain("let go unexpectedly");
        continue;
      }
      expected = expected_releases.front();
      expected_releases.pop_front();
    } else if (line.reply != packet.reply) {
      complain("the reply was " + to_hex(line.reply));
    }
    const std::string wrong = difference(routed(expected), line.fate);
    if (!wrong.empty()) complain(wrong);
  }
  if (!expected_releases.empty()) problems.push_back(fixture.path + ": replay: fragments were not let go");
  return problems;
}

}  // namespace nat::test
