// Which mappings, sessions and refused packets a client asked for: terms that must all hold.
//
//   [proto P] [internal|external|remote ADDR[/LEN][:PORT]] [origin O] [reason R] [state S]
//
// The daemon matches, so that only what was asked for crosses the socket.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "natd/control/result.h"
#include "translation/state/event.h"

namespace nat {

// "192.0.2.0/24:80", "192.0.2.1", or ":80" for a port of any address.
struct Place {
  Prefix prefix;
  std::optional<std::uint16_t> port;

  static std::optional<Place> parse(std::string_view text);
  std::string to_string() const;
  bool contains(Endpoint endpoint) const {
    return prefix.contains(endpoint.address) && (!port || *port == endpoint.port);
  }
  bool operator==(const Place&) const = default;
};

struct Filter {
  std::optional<Protocol> protocol;
  std::optional<Place> internal;
  std::optional<Place> external;
  std::optional<Place> remote;
  std::optional<Origin> origin;
  std::optional<Reason> reason;
  std::optional<SessionState> state;

  // From the words of a command line.
  static ControlResult<Filter> parse(std::span<const std::string> words);
  // One term; each may be set once.
  std::optional<ControlError> set(std::string_view term, std::string_view value);
  // What set() takes, in the order of the grammar.
  std::vector<std::pair<std::string, std::string>> terms() const;

  // A remote or a state is a matter of sessions; of a mapping it means that it has such a session.
  bool asks_for_sessions() const { return remote.has_value() || state.has_value(); }

  // The terms that a mapping answers by itself: not `remote` and `state`.
  bool matches(const MappingView& mapping) const;
  bool matches(const SessionView& session) const;
  // `remote` is the far end of the packet, `internal` and `external` are the near one as the packet names it.
  bool matches(const DropEvent& refusal) const;
  // What `watch` shows. The `remote` of a mapping is the one it was made for, if it was made for one.
  bool matches_event(const std::variant<MappingView, DropEvent>& about) const;

  bool operator==(const Filter&) const = default;
};

inline constexpr std::array<std::string_view, 7> kFilterTerms = {"proto",  "internal", "external", "remote",
                                                                 "origin", "reason",   "state"};

// What a term can be, where it can be listed.
std::vector<std::string_view> filter_choices(std::string_view term);

}  // namespace nat
