// Why a packet met the fate it met. The list is reasons.def; enumerators, names, sentences and counters all
// come from it, so nothing can be dropped without saying why.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace nat {

enum class Action : std::uint8_t { forward, pass, hold, drop };

enum class Reason : std::uint8_t {
#define REASON(enumerator, name, outcome, sentence) enumerator,
#include "translation/net/reasons.def"
#undef REASON
};

inline constexpr Action kReasonActions[] = {
#define REASON(enumerator, name, outcome, sentence) Action::outcome,
#include "translation/net/reasons.def"
#undef REASON
};

inline constexpr std::size_t kReasonCount = sizeof(kReasonActions) / sizeof(kReasonActions[0]);

constexpr Action action_of(Reason reason) { return kReasonActions[static_cast<std::size_t>(reason)]; }

// "filtered-by-address".
const char* to_string(Reason reason);
// "The mapping has never contacted this remote address."
const char* sentence(Reason reason);
// "drop".
const char* to_string(Action action);

std::optional<Reason> parse_reason(std::string_view name);

}  // namespace nat
