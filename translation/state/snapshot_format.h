// The records of a snapshot and how each is written and read. Numbers are little-endian.
#pragma once

#include <bit>
#include <cstdint>
#include <span>
#include <vector>

#include "translation/base/siphash.h"
#include "translation/state/state.h"

namespace nat {

enum class SnapshotRecord : std::uint8_t {
  header = 1,
  host,
  block,
  mapping,
  session,
  quarantine,
  counters,
  end
};

inline constexpr std::uint64_t kSnapshotMagic = 0x31706e736474616e;  // "natdsnp1"

// One step of the checksum over a piece of octets, at any boundaries.
class SnapshotChecksum {
 public:
  explicit SnapshotChecksum(std::uint64_t value = 0) : value_(value) {}
  void add(std::span<const std::uint8_t> record) {
    value_ = siphash13({value_, record.size()}, 0, 0);
    for (const std::uint8_t octet : record) value_ = std::rotl((value_ ^ octet) * 0x9e3779b97f4a7c15, 29);
  }
  std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_;
};

class SnapshotWriter {
 public:
  void begin(SnapshotRecord record) { put(static_cast<std::uint8_t>(record)); }
  template <typename T>
  void put(T value) {
    static_assert(std::is_integral_v<T>);
    for (std::size_t i = 0; i < sizeof(T); ++i) {
      octets_.push_back(static_cast<std::uint8_t>(static_cast<std::uint64_t>(value) >> 8 * i));
    }
  }
  void put(Endpoint endpoint) {
    put(endpoint.address.value());
    put(endpoint.port);
  }
  std::vector<std::uint8_t>& octets() { return octets_; }

 private:
  std::vector<std::uint8_t> octets_;
};

// Reads past the end give zeros, and are noted.
class SnapshotReader {
 public:
  explicit SnapshotReader(std::span<const std::uint8_t> octets) : octets_(octets) {}
  template <typename T>
  T take() {
    if (octets_.size() - at_ < sizeof(T)) {
      failed_ = true;
      return {};
    }
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i) value |= std::uint64_t{octets_[at_ + i]} << 8 * i;
    at_ += sizeof(T);
    return static_cast<T>(value);
  }
  Endpoint take_endpoint() {
    const Address address(take<std::uint32_t>());
    return {address, take<std::uint16_t>()};
  }
  // A value of an enumeration whose last one is `last`.
  template <typename E>
  E take_enum(E last) {
    const auto value = take<std::uint8_t>();
    if (value > static_cast<std::uint8_t>(last)) failed_ = true;
    return static_cast<E>(value);
  }
  Protocol take_protocol();
  void fail() { failed_ = true; }
  bool failed() const { return failed_; }
  std::size_t at() const { return at_; }
  bool at_end() const { return at_ == octets_.size(); }

 private:
  std::span<const std::uint8_t> octets_;
  std::size_t at_ = 0;
  bool failed_ = false;
};

// The records as values, apart from the tables.
struct SavedHost {
  Address address, external;
  CreationDebt debt;
};
struct SavedBlock {
  Address external, host;
  std::uint16_t first = 0;
};
struct SavedMapping {
  Mapping mapping{};  // without lists, host and numbers of generations
  StaticMapping fixed;
};
struct SavedSession {
  MappingId mapping = 0;
  Session session{};
};
struct SavedQuarantine {
  Protocol protocol = Protocol::udp;
  Endpoint external, owner;
  std::int64_t until = 0;
};

void write(SnapshotWriter& out, const SavedHost& host);
void write(SnapshotWriter& out, const SavedBlock& block);
void write(SnapshotWriter& out, const SavedMapping& mapping);
void write(SnapshotWriter& out, const SavedSession& session);
void write(SnapshotWriter& out, const SavedQuarantine& quarantine);
void write(SnapshotWriter& out, const Counters& counters);

// What makes no sense in itself fails the reader.
SavedHost read_host(SnapshotReader& in);
SavedBlock read_block(SnapshotReader& in);
SavedMapping read_mapping(SnapshotReader& in);
SavedSession read_session(SnapshotReader& in);
SavedQuarantine read_quarantine(SnapshotReader& in);
Counters read_counters(SnapshotReader& in);

}  // namespace nat
