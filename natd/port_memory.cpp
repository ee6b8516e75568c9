#include "natd/port_memory.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "natd/host/namespace.h"

namespace nat {
namespace {

constexpr std::int64_t kHeadSize = 4096;
constexpr std::size_t kNumbers = 65536;
constexpr const char* kBootFile = "/proc/sys/kernel/random/boot_id";

// Of UDP, then of ICMP; TCP ports do not rest.
constexpr std::array<Protocol, 2> kPlanes{Protocol::udp, Protocol::icmp};

std::int64_t plane_at(std::size_t place, std::size_t plane, std::size_t record_size) {
  return kHeadSize + static_cast<std::int64_t>((place * kPlanes.size() + plane) * kNumbers * record_size);
}

}  // namespace

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
    problem_ = "cannot write " + path_ + ": " + std::strerror(errno);
    return;
  }
  Head found;
  const bool whole = pread(file_.get(), &found, sizeof found, 0) == static_cast<ssize_t>(sizeof found);
  if (whole && found.magic == head_.magic && found.boot == head_.boot && found.cookie == head_.cookie) {
    head_ = found;
  } else {
    begin_anew();
  }
}

PortMemory::~PortMemory() {
  if (file_.get() >= 0 && !needed_) unlink(path_.c_str());
}

void PortMemory::begin_anew() {
  head_ = fresh_head();
  if (ftruncate(file_.get(), 0) != 0) problem_ = "cannot empty " + path_ + ": " + std::strerror(errno);
  write(&head_, sizeof head_, 0);
}

std::vector<RestingPort> PortMemory::recall(Duration rest, TimePoint now) {
  std::vector<RestingPort> found;
  std::vector<Record> plane(kNumbers);
  for (std::size_t place = 0; problem_.empty() && place < head_.addresses.size(); ++place) {
    for (std::size_t number = 0; number < kPlanes.size() && head_.addresses[place] != 0; ++number) {
      const std::int64_t at = plane_at(place, number, sizeof(Record));
      const ssize_t length = pread(file_.get(), plane.data(), plane.size() * sizeof(Record), at);
      const std::size_t records = length > 0 ? static_cast<std::size_t>(length) / sizeof(Record) : 0;
      for (std::size_t port = 1; port < records; ++port) {
        Record& record = plane[port];
        if (record.state != State::in_use && record.state != State::released) continue;
        // What is said to be from the future makes no sense, but may be true of the port.
        if (record.state == State::in_use || record.since > now.time_since_epoch().count()) {
          record.since = now.time_since_epoch().count();
          record.state = State::released;
          write(&record, sizeof record, at + static_cast<std::int64_t>(port * sizeof(Record)));
        }
        const TimePoint until = TimePoint(Duration(record.since)) + rest;
        if (until <= now) continue;
        found.push_back({kPlanes[number],
                         {Address(head_.addresses[place]), static_cast<std::uint16_t>(port)},
                         {Address(record.owner_address), record.owner_port},
                         until});
      }
    }
  }
  if (!found.empty()) needed_ = true;
  std::sort(found.begin(), found.end(),
            [](const RestingPort& a, const RestingPort& b) { return a.until < b.until; });
  return found;
}

void PortMemory::note(const MappingView& mapping, bool in_use, TimePoint now) {
  if (!problem_.empty() || mapping.protocol == Protocol::tcp || mapping.origin != Origin::dynamic) return;
  const int place = place_of(mapping.external.address);
  if (place < 0) return;
  needed_ = true;
  Record record;
  record.since = now.time_since_epoch().count();
  record.owner_address = mapping.internal.address.value();
  record.owner_port = mapping.internal.port;
  record.state = in_use ? State::in_use : State::released;
  const std::size_t plane = mapping.protocol == Protocol::udp ? 0 : 1;
  write(&record, sizeof record,
        plane_at(static_cast<std::size_t>(place), plane, sizeof record) +
            static_cast<std::int64_t>(mapping.external.port * sizeof record));
}

int PortMemory::place_of(Address address) {
  for (std::size_t place = 0; place < head_.addresses.size(); ++place) {
    if (head_.addresses[place] == address.value()) return static_cast<int>(place);
    if (head_.addresses[place] != 0) continue;
    head_.addresses[place] = address.value();
    write(&head_, sizeof head_, 0);
    return static_cast<int>(place);
  }
  return -1;
}

void PortMemory::write(const void* from, std::size_t length, std::int64_t at) {
  if (pwrite(file_.get(), from, length, at) == static_cast<ssize_t>(length)) return;
  if (problem_.empty()) problem_ = "cannot write " + path_ + ": " + std::strerror(errno);
}

}  // namespace nat
