// Capture files: IPv4 packets out of any of the usual link layers, and into files of bare IP packets
// (LINKTYPE_RAW), with libpcap. Errors are std::runtime_error with the file's name.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <pcap/pcap.h>

namespace nat {

// When a packet was captured, as the file says: microseconds since 1970.
using CaptureTime = std::int64_t;

struct Captured {
  std::uint64_t number = 0;  // from 1, as analysers count
  CaptureTime time = 0;
  std::span<std::uint8_t> octets;  // from the IP header on; valid, and may be changed, until the next is read
  bool cut = false;                // the capture does not hold the whole packet
  std::string skipped;             // why it is no IPv4 packet; then there are no octets
};

class CaptureReader {
 public:
  // pcap and pcapng; Ethernet (with VLAN tags), raw IP, Linux cooked (both versions), BSD loopback.
  explicit CaptureReader(const std::string& path);

  // False at the end of the file. A damaged file is an error where the damage is.
  bool next(Captured& packet);

 private:
  struct Close {
    void operator()(pcap_t* file) const { pcap_close(file); }
  };

  std::string path_;
  std::unique_ptr<pcap_t, Close> file_;
  int link_type_ = 0;
  std::uint64_t count_ = 0;
  std::vector<std::uint8_t> frame_;
};

class CaptureWriter {
 public:
  explicit CaptureWriter(const std::string& path);

  void write(std::span<const std::uint8_t> octets, CaptureTime time);
  // Writes out what is buffered and says whether all of it reached the disk.
  void finish();

 private:
  struct Close {
    void operator()(pcap_t* file) const { pcap_close(file); }
    void operator()(pcap_dumper_t* file) const { pcap_dump_close(file); }
  };

  std::string path_;
  std::unique_ptr<pcap_t, Close> format_;
  std::unique_ptr<pcap_dumper_t, Close> file_;
};

}  // namespace nat
