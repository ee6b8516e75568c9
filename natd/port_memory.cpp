#include "natd/port_memory.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "natd/host/namespace.h"

namespace nat {
namespace {

constexpr const char* kBootFile = "/proc/sys/kernel/random/boot_id";

// Of UDP, then of ICMP; TCP ports do not rest.
constexpr std::array<Protocol, 2> kPlanes{Protocol::udp, Protocol::icmp};

}  // namespace

void PortMemory::Unmap::operator()(std::uint8_t* memory) const { munmap(memory, kLargest); }

PortMemory::Head PortMemory::fresh_head() {
  Head head;
  constexpr std::array<char, 8> kMagic{'n', 'a', 't', 'd', 'p', 'r', 't', '1'};
  head.magic = kMagic;
  std::ifstream(kBootFile).read(head.boot.data(), static_cast<std::streamsize>(head.boot.size() - 1));
  head.cookie = namespace_cookie();
  return head;
}

PortMemory::PortMemory(const std::string& directory) : head_(fresh_head()) {
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

PortMemory::~PortMemory() {
  if (file_.get() >= 0 && !needed_) unlink(path_.c_str());
}

void PortMemory::begin_anew() {
  head_ = fresh_head();
  if (ftruncate(file_.get(), 0) != 0) give_up("cannot empty");
  write_head();
}

// All of what the file may become; only what is allocated is ever touched.
void PortMemory::map() {
  void* const memory = mmap(nullptr, kLargest, PROT_READ | PROT_WRITE, MAP_SHARED, file_.get(), 0);
  if (memory == MAP_FAILED) return give_up("cannot map");
  memory_.reset(static_cast<std::uint8_t*>(memory));
}

std::vector<RestingPort> PortMemory::recall(Duration rest, TimePoint now) {
  std::vector<RestingPort> found;
  for (std::size_t place = 0; place < head_.addresses.size(); ++place) {
    if (head_.addresses[place] == 0) continue;
    for (std::size_t plane = 0; plane < kPlanes.size(); ++plane) {
      recall_plane(place, plane, rest, now, found);
    }
  }
  if (!found.empty()) needed_ = true;
  std::sort(found.begin(), found.end(),
            [](const RestingPort& a, const RestingPort& b) { return a.until < b.until; });
  return found;
}

// Reads it as a file: holes would be filled by looking at them in memory.
void PortMemory::recall_plane(std::size_t place, std::size_t plane, Duration rest, TimePoint now,
                              std::vector<RestingPort>& found) {
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
    if (since + rest <= now) continue;
    found.push_back({kPlanes[plane],
                     {Address(head_.addresses[place]), static_cast<std::uint16_t>(port)},
                     {Address(record.owner_address), record.owner_port},
                     since + rest});
  }
}

void PortMemory::note(const MappingView& mapping, bool in_use, TimePoint now) {
  if (!problem_.empty() || mapping.protocol == Protocol::tcp || mapping.origin != Origin::dynamic) return;
  const auto place = place_of(mapping.external.address);
  if (!place) return;
  const std::size_t at =
      plane_at(*place, mapping.protocol == Protocol::udp ? 0 : 1) + mapping.external.port * sizeof(Record);
  if (!allocate(at)) return;
  needed_ = true;
  Record record;
  record.since = now.time_since_epoch().count();
  record.owner_address = mapping.internal.address.value();
  record.owner_port = mapping.internal.port;
  record.state = in_use ? State::in_use : State::released;
  store(record, at);
}

std::optional<std::size_t> PortMemory::place_of(Address address) {
  for (std::size_t place = 0; place < head_.addresses.size(); ++place) {
    if (head_.addresses[place] == address.value()) return place;
    if (head_.addresses[place] != 0) continue;
    head_.addresses[place] = address.value();
    write_head();
    return place;
  }
  return std::nullopt;
}

void PortMemory::store(const Record& record, std::size_t at) {
  if (allocate(at)) std::memcpy(memory_.get() + at, &record, sizeof record);
}

bool PortMemory::allocate(std::size_t at) {
  const std::size_t granule = (at - kHeadSize) / kGranule;
  if (allocated_[granule]) return true;
  if (!problem_.empty()) return false;
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

void PortMemory::write_head() {
  if (pwrite(file_.get(), &head_, sizeof head_, 0) != static_cast<ssize_t>(sizeof head_)) {
    give_up("cannot write");
  }
}

// With the error of the system call that failed.
void PortMemory::give_up(const std::string& what) {
  if (problem_.empty()) problem_ = what + " " + path_ + ": " + std::strerror(errno);
}

}  // namespace nat
