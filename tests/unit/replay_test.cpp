#include "natd/datapath/replay/replay.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <pcap/pcap.h>
#include <unistd.h>

#include "natd/datapath/replay/capture.h"
#include "translation/engine.h"
#include "translation/net/wire.h"

namespace nat {
namespace {

using Json = nlohmann::json;
using Octets = std::vector<std::uint8_t>;

constexpr Address kHost(10, 0, 0, 1);
constexpr Address kServer(192, 0, 2, 31);
constexpr Address kExternal(203, 0, 113, 11);

// RFC 1071, over the whole of it: 0 when the checksum in it is right.
std::uint16_t checksum(std::span<const std::uint8_t> octets) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < octets.size(); i += 2) {
    sum += static_cast<std::uint32_t>(octets[i] << 8 | (i + 1 < octets.size() ? octets[i + 1] : 0));
  }
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

struct Datagram {
  Endpoint source;
  Endpoint destination;
  std::uint8_t ttl = 64;
  std::size_t payload = 8;
  std::uint16_t identification = 7;
};

Octets ip_header(const Datagram& datagram, std::size_t payload, std::uint16_t fragment_field) {
  Octets header(20);
  header[0] = 0x45;
  store16(&header[2], static_cast<std::uint16_t>(20 + payload));
  store16(&header[4], datagram.identification);
  store16(&header[6], fragment_field);
  header[8] = datagram.ttl;
  header[9] = 17;
  store32(&header[12], datagram.source.address.value());
  store32(&header[16], datagram.destination.address.value());
  store16(&header[10], checksum(header));
  return header;
}

// UDP without a checksum, which is legal and stays so; not to be fragmented, so that its identification means
// nothing.
Octets udp_packet(const Datagram& datagram) {
  Octets packet = ip_header(datagram, 8 + datagram.payload, ip::kDontFragment);
  packet.resize(28 + datagram.payload, 0xaa);
  store16(&packet[20], datagram.source.port);
  store16(&packet[22], datagram.destination.port);
  store16(&packet[24], static_cast<std::uint16_t>(8 + datagram.payload));
  store16(&packet[26], 0);
  return packet;
}

// The same in two fragments, the first with 8 octets behind the UDP header.
std::pair<Octets, Octets> fragments(const Datagram& datagram) {
  const Octets whole = udp_packet(datagram);
  Octets first = ip_header(datagram, 16, ip::kMoreFragments);
  first.insert(first.end(), whole.begin() + 20, whole.begin() + 36);
  Octets second = ip_header(datagram, whole.size() - 36, 2);
  second.insert(second.end(), whole.begin() + 36, whole.end());
  return {first, second};
}

Octets framed(std::uint16_t type, const Octets& payload, const Octets& tag = {}) {
  Octets frame(12, 0x02);
  frame.insert(frame.end(), tag.begin(), tag.end());
  frame.push_back(static_cast<std::uint8_t>(type >> 8));
  frame.push_back(static_cast<std::uint8_t>(type));
  frame.insert(frame.end(), payload.begin(), payload.end());
  return frame;
}

class ReplayTest : public testing::Test {
 protected:
  ReplayTest() {
    std::string pattern = testing::TempDir() + "natd-replay-XXXXXX";
    EXPECT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
    job_.capture = directory_ + "/in.pcap";
    job_.directory = directory_ + "/out";
    job_.policy.external_addresses = {kExternal};
  }
  ~ReplayTest() override { std::filesystem::remove_all(directory_); }

  void capture(int link_type, const std::vector<Octets>& frames, int apart_ms = 10) const {
    pcap_t* const format = pcap_open_dead(link_type, 65535);
    pcap_dumper_t* const file = pcap_dump_open(format, job_.capture.c_str());
    ASSERT_NE(file, nullptr);
    int milliseconds = 0;
    for (const Octets& frame : frames) {
      pcap_pkthdr header{};
      header.ts.tv_sec = 1700000000 + milliseconds / 1000;
      header.ts.tv_usec = milliseconds % 1000 * 1000;
      header.caplen = header.len = static_cast<bpf_u_int32>(frame.size());
      pcap_dump(reinterpret_cast<u_char*>(file), &header, frame.data());
      milliseconds += apart_ms;
    }
    pcap_dump_close(file);
    pcap_close(format);
  }

  std::vector<Octets> left(const char* file) const {
    std::vector<Octets> packets;
    CaptureReader reader(job_.directory + "/" + file);
    for (Captured packet; reader.next(packet);)
      packets.emplace_back(packet.octets.begin(), packet.octets.end());
    return packets;
  }

  std::vector<Json> verdicts() const {
    std::vector<Json> lines;
    std::ifstream file(job_.directory + "/verdicts.jsonl");
    for (std::string line; std::getline(file, line);) lines.push_back(Json::parse(line));
    return lines;
  }

  std::string bytes(const char* file) const {
    std::ifstream stream(job_.directory + "/" + file, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
  }

  std::string directory_;
  ReplayJob job_;
  const Datagram question_{{kHost, 5000}, {kServer, 53}};
  const Datagram answer_{{kServer, 53}, {kExternal, 5000}};
};

TEST_F(ReplayTest, TranslatesBothWaysAndRoutes) {
  capture(DLT_RAW, {udp_packet(question_), udp_packet(answer_)});
  const ReplaySummary summary = replay(job_);
  EXPECT_EQ(summary.packets, 2u);
  EXPECT_EQ(summary.forwarded, 2u);

  const auto outside = left("external.pcap");
  ASSERT_EQ(outside.size(), 1u);
  Datagram expected{{kExternal, 5000}, {kServer, 53}, 63};
  EXPECT_EQ(outside[0], udp_packet(expected));
  EXPECT_EQ(checksum({outside[0].data(), 20}), 0);

  const auto inside = left("internal.pcap");
  ASSERT_EQ(inside.size(), 1u);
  expected = {{kServer, 53}, {kHost, 5000}, 63};
  EXPECT_EQ(inside[0], udp_packet(expected));

  const auto lines = verdicts();
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0],
            Json::parse(R"({"number": 1, "time": "1700000000.000000", "side": "internal", "length": 36,
      "protocol": "udp", "source": "10.0.0.1:5000", "destination": "192.0.2.31:53", "verdict": "forward",
      "reason": "translated", "out": "external", "new_source": "203.0.113.11:5000",
      "new_destination": "192.0.2.31:53"})"));
  EXPECT_EQ(lines[1]["time"], "1700000000.010000");
  EXPECT_EQ(lines[1]["side"], "external");
  EXPECT_EQ(lines[1]["new_destination"], "10.0.0.1:5000");
}

TEST_F(ReplayTest, TheSameInputsGiveTheSameOctets) {
  std::vector<Octets> packets;
  for (std::uint8_t host = 1; host <= 200; ++host) {
    packets.push_back(udp_packet({{Address(10, 0, 0, host), 5000}, {kServer, 53}}));
  }
  capture(DLT_RAW, packets);
  replay(job_);
  const std::string first[] = {bytes("internal.pcap"), bytes("external.pcap"), bytes("verdicts.jsonl")};
  replay(job_);
  EXPECT_EQ(bytes("internal.pcap"), first[0]);
  EXPECT_EQ(bytes("external.pcap"), first[1]);
  EXPECT_EQ(bytes("verdicts.jsonl"), first[2]);
  job_.seed = 2;
  replay(job_);
  EXPECT_NE(bytes("external.pcap"), first[1]) << "200 hosts with one port: 199 ports are drawn";
}

TEST_F(ReplayTest, TimeIsThatOfTheCapture) {
  // The answer comes after the mapping has ended.
  capture(DLT_RAW, {udp_packet(question_), udp_packet(answer_)}, 301 * 1000);
  replay(job_);
  const auto lines = verdicts();
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[1]["verdict"], "drop");
  EXPECT_EQ(lines[1]["reason"], "no-mapping");
  EXPECT_TRUE(left("internal.pcap").empty());
}

TEST_F(ReplayTest, APacketWithoutTimeToLiveMakesNoMapping) {
  Datagram last = question_;
  last.ttl = 1;
  capture(DLT_RAW, {udp_packet(last), udp_packet(answer_)});
  replay(job_);
  const auto lines = verdicts();
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0]["reason"], "ttl-expired");
  EXPECT_EQ(lines[1]["reason"], "no-mapping");
  EXPECT_TRUE(left("external.pcap").empty());
}

// Replay is the one router that natd itself is: what is explained of a packet with little time to live
// happens.
TEST_F(ReplayTest, ExplainForetellsWhereATimeToLiveEnds) {
  const Octets opening = udp_packet(question_);
  const Datagram inbound = answer_;
  const Datagram hairpinned{{Address(10, 0, 0, 2), 6000}, {kExternal, 5000}};
  for (Datagram datagram : {question_, inbound, hairpinned}) {
    for (const std::uint8_t ttl : {std::uint8_t{1}, std::uint8_t{2}}) {
      datagram.ttl = ttl;
      SCOPED_TRACE(datagram.source.to_string() + " with " + std::to_string(ttl));
      const Realm in = datagram.source.address == kServer ? Realm::external : Realm::internal;
      SeededRandom random(job_.seed);
      Engine engine(job_.policy, random, nullptr, TimePoint());
      Octets first = opening, asked = udp_packet(datagram);
      engine.translate({.octets = first}, Realm::internal, TimePoint());
      const Explanation told = engine.explain({.octets = asked}, in, TimePoint());
      capture(DLT_RAW, {opening, asked});
      replay(job_);
      EXPECT_EQ(verdicts().at(1)["reason"], to_string(told.reason));
      EXPECT_EQ(told.reason == Reason::ttl_expired, ttl == 1);
      EXPECT_EQ(told.remedy, ttl == 1 ? "none: its sender must give it a larger time to live" : "");
    }
  }
}

TEST_F(ReplayTest, TheInternalNetworksDecideTheSide) {
  job_.internal = {Prefix(Address(192, 0, 2, 0), 24)};
  capture(DLT_RAW, {udp_packet({{kServer, 5000}, {kHost, 53}})});
  replay(job_);
  EXPECT_EQ(verdicts().at(0)["side"], "internal");
  EXPECT_EQ(verdicts().at(0)["new_source"], "203.0.113.11:5000");
}

TEST_F(ReplayTest, ReadsEthernetWithAndWithoutTagsAndSkipsWhatIsNotIPv4) {
  const Octets packet = udp_packet(question_);
  capture(DLT_EN10MB, {framed(0x0800, packet), framed(0x0800, packet, {0x81, 0x00, 0x00, 0x05}),
                       framed(0x0806, Octets(28))});
  const ReplaySummary summary = replay(job_);
  EXPECT_EQ(summary.forwarded, 2u);
  EXPECT_EQ(summary.skipped, 1u);
  EXPECT_EQ(left("external.pcap").size(), 2u);
  EXPECT_EQ(verdicts().at(2)["skipped"], "not IPv4 (type 0x0806)");
}

TEST_F(ReplayTest, ReadsLinuxCookedCaptures) {
  const Octets packet = udp_packet(question_);
  Octets cooked(16);
  store16(&cooked[14], 0x0800);
  cooked.insert(cooked.end(), packet.begin(), packet.end());
  capture(DLT_LINUX_SLL, {cooked});
  EXPECT_EQ(replay(job_).forwarded, 1u);

  Octets cooked2(20);
  store16(&cooked2[0], 0x0800);
  cooked2.insert(cooked2.end(), packet.begin(), packet.end());
  capture(DLT_LINUX_SLL2, {cooked2});
  EXPECT_EQ(replay(job_).forwarded, 1u);
}

TEST_F(ReplayTest, AHeldFragmentIsToldTwice) {
  Datagram large = question_;
  large.payload = 100;
  const auto [first, second] = fragments(large);
  capture(DLT_RAW, {second, first});
  replay(job_);
  const auto lines = verdicts();
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[0]["reason"], "fragment-held");
  EXPECT_EQ(lines[0]["source"], "10.0.0.1");
  EXPECT_EQ(lines[1]["number"], 2);
  EXPECT_EQ(lines[2]["number"], 1);
  EXPECT_EQ(lines[2]["released"], true);
  EXPECT_EQ(lines[2]["new_source"], "203.0.113.11");
  EXPECT_EQ(left("external.pcap").size(), 2u);
}

TEST_F(ReplayTest, AFragmentWithoutAFirstOneIsGivenUpWhenItsTimeIsUp) {
  Datagram large = question_;
  large.payload = 100;
  capture(DLT_RAW, {fragments(large).second});
  replay(job_);
  const auto lines = verdicts();
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[1]["reason"], "fragment-timeout");
  const double waited = std::stod(lines[1]["time"].get<std::string>()) - 1700000000;
  EXPECT_GE(waited, 2.0);
  EXPECT_LT(waited, 3.0);
  EXPECT_TRUE(left("external.pcap").empty());
}

TEST_F(ReplayTest, OctetsThatAreNoPacketAreDroppedWithAReason) {
  capture(DLT_RAW, {Octets{0x45, 0, 0}, Octets(40, 0x4f)});
  replay(job_);
  for (const Json& line : verdicts()) EXPECT_EQ(line["reason"], "malformed-ip") << line;
}

TEST_F(ReplayTest, SaysWhatIsMissing) {
  EXPECT_THROW(replay(job_), std::runtime_error) << "there is no capture";
  capture(DLT_RAW, {udp_packet(question_)});
  job_.policy.external_addresses.clear();
  EXPECT_THROW(replay(job_), std::runtime_error) << "there is no external address";
  job_.policy.external_addresses = {kExternal};
  job_.directory = "/proc/none/out";
  EXPECT_THROW(replay(job_), std::runtime_error) << "there is no place to write to";
}

}  // namespace
}  // namespace nat
