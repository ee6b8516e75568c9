#include "natd/datapath/replay/capture.h"

#include <cstdio>
#include <cstring>
#include <optional>
#include <stdexcept>

#include "translation/net/wire.h"

namespace nat {
namespace {

constexpr int kSnapshot = 262144;
constexpr std::uint16_t kTypeIpv4 = 0x0800, kTypeVlan = 0x8100, kTypeServiceVlan = 0x88a8;

std::string hex(std::uint16_t number) {
  char text[8];
  std::snprintf(text, sizeof text, "0x%04x", number);
  return text;
}

bool supported(int link_type) {
  switch (link_type) {
    case DLT_EN10MB:
    case DLT_RAW:
    case DLT_IPV4:
    case DLT_LINUX_SLL:
    case DLT_LINUX_SLL2:
    case DLT_NULL:
    case DLT_LOOP:
      return true;
    default:
      return false;
  }
}

// Where a link layer keeps the type of what it carries, and how long its header is.
struct Layout {
  std::size_t type_at = 0;
  std::size_t header = 0;
};

std::optional<Layout> layout_of(int link_type) {
  switch (link_type) {
    case DLT_EN10MB:
      return Layout{12, 14};
    case DLT_LINUX_SLL:
      return Layout{14, 16};
    case DLT_LINUX_SLL2:
      return Layout{0, 20};
    default:
      return std::nullopt;  // no type field; the IP version decides
  }
}

// Cuts the link header off `frame`. Returns why not, or nothing.
std::string strip(int link_type, std::span<std::uint8_t>& frame) {
  if (const auto layout = layout_of(link_type)) {
    if (frame.size() < layout->header) return "the link header is cut off";
    std::uint16_t type = load16(frame.data() + layout->type_at);
    frame = frame.subspan(layout->header);
    while ((type == kTypeVlan || type == kTypeServiceVlan) && frame.size() >= 4) {
      type = load16(frame.data() + 2);
      frame = frame.subspan(4);
    }
    return type == kTypeIpv4 ? "" : "not IPv4 (type " + hex(type) + ")";
  }
  if (link_type == DLT_NULL || link_type == DLT_LOOP) {
    // The address family has the byte order of whoever captured; only its value for IPv4 is the same
    // everywhere.
    if (frame.size() < 4) return "the link header is cut off";
    frame = frame.subspan(4);
  }
  return !frame.empty() && frame[0] >> 4 == 4 ? "" : "not IPv4";
}

}  // namespace

CaptureReader::CaptureReader(const std::string& path) : path_(path) {
  char error[PCAP_ERRBUF_SIZE] = "";
  file_.reset(pcap_open_offline(path.c_str(), error));
  if (!file_) throw std::runtime_error("cannot read the capture " + path + ": " + error);
  link_type_ = pcap_datalink(file_.get());
  if (supported(link_type_)) return;
  const char* name = pcap_datalink_val_to_name(link_type_);
  throw std::runtime_error(path + ": link type " + (name != nullptr ? name : std::to_string(link_type_)) +
                           " is not known here; Ethernet, raw IP, Linux cooked and BSD loopback are");
}

bool CaptureReader::next(Captured& packet) {
  pcap_pkthdr* header = nullptr;
  const u_char* data = nullptr;
  const int result = pcap_next_ex(file_.get(), &header, &data);
  if (result == PCAP_ERROR_BREAK) return false;
  if (result != 1) {
    throw std::runtime_error(path_ + ": after packet " + std::to_string(count_) + ": " +
                             pcap_geterr(file_.get()));
  }
  frame_.assign(data, data + header->caplen);
  packet = {};
  packet.number = ++count_;
  packet.time = CaptureTime{header->ts.tv_sec} * 1000000 + header->ts.tv_usec;
  packet.cut = header->caplen < header->len;
  packet.octets = frame_;
  packet.skipped = strip(link_type_, packet.octets);
  if (!packet.skipped.empty()) packet.octets = {};
  return true;
}

CaptureWriter::CaptureWriter(const std::string& path)
    : path_(path), format_(pcap_open_dead(DLT_RAW, kSnapshot)) {
  if (!format_) throw std::runtime_error("cannot write " + path + ": out of memory");
  file_.reset(pcap_dump_open(format_.get(), path.c_str()));
  if (!file_) throw std::runtime_error("cannot write " + std::string(pcap_geterr(format_.get())));
}

void CaptureWriter::write(std::span<const std::uint8_t> octets, CaptureTime time) {
  pcap_pkthdr header{};
  header.ts.tv_sec = time / 1000000;
  header.ts.tv_usec = time % 1000000;
  header.caplen = header.len = static_cast<bpf_u_int32>(octets.size());
  pcap_dump(reinterpret_cast<u_char*>(file_.get()), &header, octets.data());
}

void CaptureWriter::finish() {
  if (pcap_dump_flush(file_.get()) != 0 || std::ferror(pcap_dump_file(file_.get())) != 0) {
    throw std::runtime_error("cannot write " + path_ + ": is the disk full?");
  }
}

}  // namespace nat
