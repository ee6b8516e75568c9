#include "natd/store/port_quarantine.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "natd/system/namespace.h"

namespace nat {
namespace {

constexpr const char* kBootFile = "/proc/sys/kernel/random/boot_id";

// Of UDP, then of ICMP; TCP ports have no quarantine.
constexpr std::array<Protocol, 2> kPlanes{Protocol::udp, Protocol::icmp};

}  // namespace

void PortQuarantine::Unmap::operator()(std::uint8_t* memory) const { munmap(memory, kLargest); }

PortQuarantine::Head PortQuarantine::fresh_head() {
  Head head;
  constexpr std::array<char, 8> kMagic{'n', 'a', 't', 'd', 'p', 'r', 't', '1'};
  head.magic = kMagic;
  std::ifstream(kBootFile).read(head.boot.data(), static_cast<std::streamsize>(head.boot.size() - 1));
  head.cookie = namespace_cookie();
  return head;
}

PortQuarantine::PortQuarantine(const std::string& directory) : head_(fresh_head()) {
  static_assert(sizeof(Head) <= kHeadSize);
  std::error_code ignored;
  std::filesystem::create_directories(directory, ignored);
  path_ = namespace_file(directory, ".ports");
  file_ = Descriptor(open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (file_.get() < 0) {
    give_up("cannot write");
    return;
  }
  Head found;
  const bool whole = pread(file_.get(), &found, sizeof found, 0) == static_cast<ssize_t>(sizeof found);
  if (whole && found.magic == head_.magic && found.boot == head_.boot && found.cookie == head_.cookie) {
    head_ = found;
  } else {
    begin_anew();
  }
  map();
}

PortQuarantine::~PortQuarantine() {
  if (file_.get() >= 0 && !needed_) unlink(path_.c_str());
}

void PortQuarantine::begin_anew() {
  head_ = fresh_head();
  if (ftruncate(file_.get(), 0) != 0) give_up("cannot empty");
  write_head();
}

// All of what the file may become; only what is allocated is ever touched.
void PortQuarantine::map() {
  void* const memory = mmap(nullptr, kLargest, PROT_READ | PROT_WRITE, MAP_SHARED, file_.get(), 0);
  if (memory == MAP_FAILED) return give_up("cannot map");
  memory_.reset(static_cast<std::uint8_t*>(memory));
}

std::vector<QuarantinedPort> PortQuarantine::load(Duration rest, TimePoint now) {
  const std::lock_guard lock(mutex_);
  std::vector<QuarantinedPort> found;
  for (std::size_t place = 0; place < head_.addresses.size(); ++place) {
    if (head_.addresses[place] == 0) continue;
    for (std::size_t plane = 0; plane < kPlanes.size(); ++plane) {
      load_plane(place, plane, rest, now, found);
    }
  }
  if (!found.empty()) needed_ = true;
  std::sort(found.begin(), found.end(),
            [](const QuarantinedPort& a, const QuarantinedPort& b) { return a.until < b.until; });
  return found;
}

// Reads it as a file: holes would be filled by looking at them in memory.
void PortQuarantine::load_plane(std::size_t place, std::size_t plane, Duration rest, TimePoint now,
                                std::vector<QuarantinedPort>& found) {
  const std::size_t at = plane_at(place, plane);
  std::vector<Record> records(kPlane / sizeof(Record));
  const ssize_t length = pread(file_.get(), records.data(), kPlane, static_cast<off_t>(at));
  records.resize(length > 0 ? static_cast<std::size_t>(length) / sizeof(Record) : 0);
  for (std::size_t port = 1; port < records.size(); ++port) {
    Record& record = records[port];
    if (record.state != State::in_use && record.state != State::released) continue;
    // What is said to be from the future makes no sense, but may be true of the port.
    if (record.state == State::in_use || record.since > now.time_since_epoch().count()) {
      record.since = now.time_since_epoch().count();
      record.state = State::released;
      store(record, at + port * sizeof(Record));
    }
    const TimePoint since{Duration(record.since)};
    needs_[place].rested = std::max(needs_[place].rested, since + kLongestQuarantine);
    if (since + rest <= now) continue;
    found.push_back({kPlanes[plane],
                     {Address(head_.addresses[place]), static_cast<std::uint16_t>(port)},
                     {Address(record.owner_address), record.owner_port},
                     since + rest});
  }
}

void PortQuarantine::changed(const Event& event) {
  const bool made = event.kind == EventKind::mapping_made;
  if ((!made && event.kind != EventKind::mapping_ended) || event.origin != Origin::dynamic) return;
  const std::lock_guard lock(mutex_);
  note(event.protocol, event.internal, event.external, made, event.at);
}

void PortQuarantine::missed(std::uint64_t changes, std::uint64_t /*drops*/) {
  if (changes > 0) missed_.store(true);
}

void PortQuarantine::note_present(const MappingView& mapping, TimePoint now) {
  if (mapping.origin != Origin::dynamic) return;
  const std::lock_guard lock(mutex_);
  note(mapping.protocol, mapping.internal, mapping.external, true, now);
}

void PortQuarantine::note(Protocol protocol, Endpoint internal, Endpoint external, bool in_use,
                          TimePoint now) {
  if (given_up_ || protocol == Protocol::tcp) return;
  const auto place = place_of(external.address, now);
  if (!place) return;
  const std::size_t at = plane_at(*place, protocol == Protocol::udp ? 0 : 1) + external.port * sizeof(Record);
  if (!allocate(at)) return;
  needed_ = true;
  Record record;
  std::memcpy(&record, memory_.get() + at, sizeof record);
  Need& need = needs_[*place];
  const bool was_in_use = record.state == State::in_use && need.in_use > 0;
  need.in_use = need.in_use - (was_in_use ? 1 : 0) + (in_use ? 1 : 0);
  if (!in_use) need.rested = now + kLongestQuarantine;
  record.since = now.time_since_epoch().count();
  record.owner_address = internal.address.value();
  record.owner_port = internal.port;
  record.state = in_use ? State::in_use : State::released;
  store(record, at);
}

std::optional<std::size_t> PortQuarantine::place_of(Address address, TimePoint now) {
  const auto& addresses = head_.addresses;
  const auto known = std::find(addresses.begin(), addresses.end(), address.value());
  if (known != addresses.end()) return static_cast<std::size_t>(known - addresses.begin());
  const auto place = free_place(now);
  if (place) {
    head_.addresses[*place] = address.value();
    write_head();
  } else if (problem_.empty()) {
    problem_ = "no room for " + address.to_string() + " in " + path_ + ": " + std::to_string(kMostAddresses) +
               " external addresses have ports in use, or had within the hour; use fewer at a time";
  }
  return place;
}

std::optional<std::size_t> PortQuarantine::free_place(TimePoint now) {
  for (std::size_t place = 0; place < kMostAddresses; ++place) {
    if (head_.addresses[place] == 0) return place;
  }
  for (std::size_t place = 0; place < kMostAddresses; ++place) {
    if (needs_[place].in_use > 0 || needs_[place].rested > now) continue;
    constexpr int kForget = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
    if (fallocate(file_.get(), kForget, static_cast<off_t>(plane_at(place, 0)), kPlace) != 0) break;
    for (std::size_t i = 0; i < kPlace / kGranule; ++i) allocated_[place * (kPlace / kGranule) + i] = false;
    return place;
  }
  return std::nullopt;
}

void PortQuarantine::store(const Record& record, std::size_t at) {
  if (allocate(at)) std::memcpy(memory_.get() + at, &record, sizeof record);
}

bool PortQuarantine::allocate(std::size_t at) {
  const std::size_t granule = (at - kHeadSize) / kGranule;
  if (allocated_[granule]) return true;
  if (given_up_) return false;
  const auto begin = static_cast<off_t>(kHeadSize + granule * kGranule);
  int error = 0;
  do {
    error = posix_fallocate(file_.get(), begin, kGranule);
  } while (error == EINTR);
  errno = error;
  if (error != 0) give_up("cannot write");
  allocated_[granule] = error == 0;
  return error == 0;
}

void PortQuarantine::write_head() {
  if (pwrite(file_.get(), &head_, sizeof head_, 0) != static_cast<ssize_t>(sizeof head_)) {
    give_up("cannot write");
  }
}

// With the error of the system call that failed.
void PortQuarantine::give_up(const std::string& what) {
  if (!given_up_) problem_ = what + " " + path_ + ": " + std::strerror(errno);
  given_up_ = true;
}

}  // namespace nat
