#include "natd/datapath/replay/replay.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include <nlohmann/json.hpp>

#include "natd/datapath/replay/capture.h"
#include "translation/engine.h"
#include "translation/net/checksum.h"

namespace nat {
namespace {

using Json = nlohmann::ordered_json;

// Records that may become due between two packets are handled in steps of this many.
constexpr unsigned kExpiryBudget = 4096;

std::string seconds(CaptureTime time) {
  char text[40];
  std::snprintf(text, sizeof text, "%lld.%06lld", static_cast<long long>(time / 1000000),
                static_cast<long long>(time % 1000000));
  return text;
}

// "10.0.0.1:5000", or without the port where the packet has none.
void put_tuple(Json& line, const PacketView& view, const char* source, const char* destination) {
  const bool ports = view.translatable() && !view.later_fragment() && !view.icmp_error();
  line[source] = ports ? view.source().to_string() : view.source_address().to_string();
  line[destination] = ports ? view.destination().to_string() : view.destination_address().to_string();
}

std::string protocol_name(const PacketView& view) {
  switch (view.ip_protocol()) {
    case static_cast<std::uint8_t>(Protocol::icmp):
    case static_cast<std::uint8_t>(Protocol::tcp):
    case static_cast<std::uint8_t>(Protocol::udp):
      return to_string(view.protocol());
    default:
      return std::to_string(view.ip_protocol());
  }
}

void decrement_ttl(std::span<std::uint8_t> octets) {
  std::uint8_t* const header = octets.data();
  const std::uint16_t before = load16(header + ip::kTtl);
  header[ip::kTtl] = static_cast<std::uint8_t>(header[ip::kTtl] - 1);
  const auto delta = ChecksumDelta().change16(before, load16(header + ip::kTtl));
  store16(header + ip::kChecksum, delta.apply(load16(header + ip::kChecksum)));
}

class Replay {
 public:
  explicit Replay(const ReplayJob& job);
  ReplaySummary run();

 private:
  void handle(Captured& packet);
  void advance(TimePoint now);
  void conclude(Json& line, const Verdict& verdict, Realm in, std::span<std::uint8_t> octets,
                CaptureTime time);
  void take_released(CaptureTime time);
  void finish();
  Realm side_of(Address source) const;
  bool dies_here(const PacketView& view) const;
  CaptureWriter& writer(Realm realm) { return realm == Realm::internal ? internal_ : external_; }
  void put(const Json& line) {
    verdicts_ << line.dump(-1, ' ', false, Json::error_handler_t::replace) << '\n';
  }

  const ReplayJob& job_;
  CaptureReader capture_;
  std::string verdicts_path_;
  CaptureWriter internal_;
  CaptureWriter external_;
  std::ofstream verdicts_;
  SeededRandom random_;
  TimePoint now_{};
  TimePoint due_{};
  CaptureTime last_ = 0;
  std::unique_ptr<Engine> engine_;
  ReplaySummary summary_;
};

std::string in_directory(const std::string& directory, const char* name) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) throw std::runtime_error("cannot make the directory " + directory + ": " + error.message());
  return (std::filesystem::path(directory) / name).string();
}

Replay::Replay(const ReplayJob& job)
    : job_(job),
      capture_(job.capture),
      verdicts_path_(in_directory(job.directory, "verdicts.jsonl")),
      internal_(in_directory(job.directory, "internal.pcap")),
      external_(in_directory(job.directory, "external.pcap")),
      verdicts_(verdicts_path_, std::ios::trunc),
      random_(job.seed) {
  if (!verdicts_) throw std::runtime_error("cannot write " + verdicts_path_);
}

Realm Replay::side_of(Address source) const {
  const auto holds = [source](const Prefix& prefix) { return prefix.contains(source); };
  return std::any_of(job_.internal.begin(), job_.internal.end(), holds) ? Realm::internal : Realm::external;
}

// A router judges the TTL before it translates; what is for the gateway itself or for a group is not
// forwarded.
bool Replay::dies_here(const PacketView& view) const {
  const Address destination = view.destination_address();
  return view.ttl() <= 1 && destination != job_.policy.internal_address && !destination.multicast() &&
         !destination.broadcast();
}

// Everything that falls due before the packet does so at its own time.
void Replay::advance(TimePoint now) {
  now_ = std::max(now_, now);
  while (due_ <= now_) {
    const TimePoint when = std::max(due_, TimePoint(std::chrono::milliseconds(1)));
    due_ = engine_->expire(when, kExpiryBudget);
    take_released(std::chrono::duration_cast<std::chrono::microseconds>(when.time_since_epoch()).count());
  }
}

void Replay::conclude(Json& line, const Verdict& verdict, Realm in, std::span<std::uint8_t> octets,
                      CaptureTime time) {
  line["verdict"] = to_string(verdict.action());
  line["reason"] = to_string(verdict.reason);
  if (verdict.action() == Action::forward) {
    line["out"] = to_string(verdict.out);
    decrement_ttl(octets);
    PacketView view;
    if (!PacketView::parse(octets, view)) put_tuple(line, view, "new_source", "new_destination");
    writer(verdict.out).write(octets, time);
    ++summary_.forwarded;
  }
  if (verdict.action() == Action::drop) ++summary_.dropped;
  if (!verdict.reply.empty()) {
    line["reply"] = to_string(in);
    writer(in).write(verdict.reply, time);
  }
  put(line);
}

void Replay::take_released(CaptureTime time) {
  Released released;
  while (engine_->take_released(released)) {
    Json line;
    line["number"] = released.token >> 1;
    line["time"] = seconds(time);
    line["released"] = true;
    const Realm in = (released.token & 1) != 0 ? Realm::external : Realm::internal;
    line["side"] = to_string(in);
    conclude(line, released.verdict, in, released.octets, time);
  }
  GeneratedPacket own;
  while (engine_->take_generated(own)) {
    put({{"time", seconds(time)}, {"sent", to_string(own.out)}});
    writer(own.out).write(own.octets, time);
  }
}

void Replay::handle(Captured& packet) {
  Json line;
  line["number"] = packet.number;
  line["time"] = seconds(packet.time);
  ++summary_.packets;
  if (packet.cut) {
    line["cut"] = true;
    ++summary_.cut;
  }
  if (!packet.skipped.empty()) {
    line["skipped"] = packet.skipped;
    ++summary_.skipped;
    return put(line);
  }
  PacketView view;
  const bool readable = !PacketView::parse(packet.octets, view);
  const Realm in = readable ? side_of(view.source_address()) : Realm::external;
  if (readable) {
    line["side"] = to_string(in);
    line["protocol"] = protocol_name(view);
    put_tuple(line, view, "source", "destination");
    line["length"] = view.total_length();
  }
  Verdict verdict;
  if (readable && dies_here(view)) {
    verdict.reason = Reason::ttl_expired;
  } else {
    Packet question;
    question.octets = readable ? view.octets() : packet.octets;
    question.token = packet.number << 1 | (in == Realm::external ? 1 : 0);
    verdict = engine_->translate(question, in, now_);
    packet.octets = question.octets;
  }
  conclude(line, verdict, in, packet.octets, packet.time);
  take_released(packet.time);
}

// Held fragments are given up, and held SYNs answered, at their own times, as they would be if the capture
// had gone on in silence.
void Replay::finish() {
  const auto holds = [this] {
    const Gauges gauges = engine_->gauges();
    return gauges.held_fragments > 0 || gauges.held_syns > 0;
  };
  while (engine_ && due_ != kNever && holds()) advance(due_);
  internal_.finish();
  external_.finish();
  if (!verdicts_.flush()) throw std::runtime_error("cannot write " + verdicts_path_ + ": is the disk full?");
}

ReplaySummary Replay::run() {
  Captured packet;
  while (capture_.next(packet)) {
    // Captures of several interfaces are not always in order; the engine's clock never runs backwards.
    packet.time = last_ = std::max(last_, packet.time);
    const TimePoint time(std::chrono::milliseconds(packet.time / 1000));
    if (!engine_) {
      engine_ = std::make_unique<Engine>(job_.policy, random_, nullptr, time);
      due_ = kNever;
      now_ = time;
    }
    advance(time);
    handle(packet);
    due_ = std::min(due_, engine_->expire(now_, kExpiryBudget));
    take_released(packet.time);
  }
  finish();
  return summary_;
}

}  // namespace

std::vector<Prefix> private_networks() {
  return {Prefix(Address(10, 0, 0, 0), 8), Prefix(Address(172, 16, 0, 0), 12),
          Prefix(Address(192, 168, 0, 0), 16)};
}

ReplaySummary replay(const ReplayJob& job) {
  if (job.policy.external_addresses.empty()) {
    throw std::runtime_error(
        "replay needs an external address to translate to: --set pool.address=203.0.113.1");
  }
  return Replay(job).run();
}

}  // namespace nat
