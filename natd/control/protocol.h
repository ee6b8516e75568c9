// The words that natctl and natd exchange: one JSON object on each line, described for other programs in
// docs/control-protocol.md. Everything here is pure: octets of a client go in, a Request or the reason why
// it is none comes out.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/port_forward.h"
#include "natd/control/filter.h"
#include "natd/control/json.h"
#include "natd/control/result.h"
#include "translation/policy/policy.h"

namespace nat {

inline constexpr int kControlProtocol = 1;
inline constexpr std::size_t kLongestRequest = 64U << 10;  // octets, without the newline
inline constexpr const char* kDefaultControlPath = "/run/natd/control.sock";

enum class ControlCommand : std::uint8_t {
  show_mappings,
  show_sessions,
  show_stats,
  show_config,
  show_refused,
  set,
  port_forward_add,
  port_forward_delete,
  port_forward_list,
  flush,
  watch,
  trace,
  whose
};
// "show-mappings".
const char* to_string(ControlCommand command);

// What `trace` asks: a packet that need not exist, or one of `show-refused` by its number. Without a
// direction natd takes the packet as inbound when the destination is one of its external addresses.
struct TraceRequest {
  Protocol protocol = Protocol::udp;
  Endpoint source;
  Endpoint destination;
  std::optional<Realm> in;
  std::optional<std::uint64_t> number{};  // of a refused packet, instead of all that
  bool operator==(const TraceRequest&) const = default;
};

struct Request {
  std::uint64_t id = 0;  // chosen by the client, repeated in the answer; at most 2^53
  ControlCommand command = ControlCommand::show_stats;
  Filter filter;                         // of show-mappings, show-sessions, show-refused, flush and watch
  std::vector<std::string> assignments;  // of set: "udp.timeout=5min"
  PortForward forward;                   // of port-forward-add
  std::string which;                     // of port-forward-delete: a name, a mapping's id, or "tcp 8443"
  TraceRequest trace;                    // of trace
  Endpoint whose;                        // of whose; port 0 for an internal host
  bool operator==(const Request&) const = default;
};

// Why a line is no request, with the id when that much could be read.
struct Rejection {
  std::optional<std::uint64_t> id;
  ControlError error;
};

// One line, without its newline. Members that the command does not take are refused: a misspelt filter must
// not become no filter.
std::variant<Request, Rejection> parse_request(std::string_view line);
// The line that parse_request() reads, with its newline.
std::string format_request(const Request& request);

// What natd says first.
std::string hello_line(const std::string& version);
std::string error_line(std::optional<std::uint64_t> id, const ControlError& error);

// Cuts what arrives into lines, and holds no more than one longest request and its newline.
class LineBuffer {
 public:
  // How much may be added now.
  std::size_t room() const { return kLongestRequest + 1 - held_.size(); }
  // At most room().
  void add(std::span<const char> octets) { held_.append(octets.data(), octets.size()); }
  // The next whole line, without its newline and a carriage return before it.
  std::optional<std::string> take_line();
  // Full of something that is no line.
  bool overlong() const { return room() == 0 && held_.find('\n') == std::string::npos; }
  bool empty() const { return held_.empty(); }

 private:
  std::string held_;
};

}  // namespace nat
