// Settings of the kernel below /proc/sys, by keys such as "net/ipv4/ip_forward".
#pragma once

#include <optional>
#include <string>

namespace nat {

// The value with one blank between its words: the kernel prints tabs where operators write blanks. None when
// it cannot be read; errno says why.
std::optional<std::string> read_sysctl(const std::string& key);

// Returns the error number, 0 for none.
int write_sysctl(const std::string& key, const std::string& value);

// The words of a text with one blank between them.
std::string words_of(const std::string& text);

}  // namespace nat
