// What was probably meant by a word that is none of the known ones.
#pragma once

#include <span>
#include <string_view>

#include "config/option.h"

namespace nat {

// The candidate that was most likely meant; empty when none comes near.
std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates);

// "unknown key 'filtring' in [udp]" and "did you mean 'filtering'?".
OptionError unknown_key(std::string_view key);

}  // namespace nat
