// From text to Settings: every value in its range, every value fit for the others, and nothing below what the
// RFCs demand unless `lab = yes`. All that is wrong is reported at once.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "config/diagnostic.h"
#include "config/document.h"
#include "config/settings.h"

namespace nat {

// A capture is replayed without interfaces.
enum class Interfaces : std::uint8_t { required, optional };

// `base`, then each document over it, the later the stronger. A list is replaced as a whole by the next
// document that mentions it.
Result<Settings> validate(const Settings& base, std::span<const Document> documents,
                          Interfaces interfaces = Interfaces::required);

}  // namespace nat
