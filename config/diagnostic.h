// What is wrong with a configuration, for a person: where it is, what it is, and what to do next.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace nat {

// A place in a file, or "command line" as a whole. Lines and columns count from 1; 0 means none.
struct Location {
  std::string source;
  unsigned line = 0;
  unsigned column = 0;
};

struct Diagnostic {
  Location at;
  std::string key;      // "udp.timeout", when it is about one
  std::string message;  // "unknown key 'filtring' in [udp]"
  std::string hint;     // "did you mean 'filtering'?", or empty

  // "/etc/natd/natd.conf:9:1: error: unknown key 'filtring' in [udp]; did you mean 'filtering'?"
  std::string to_string() const;
};

using Diagnostics = std::vector<Diagnostic>;

// One on each line, the newline included.
std::string to_string(const Diagnostics& problems);

// Text from outside natd in single quotes: printable, and shortened when it is long.
std::string in_quotes(std::string_view text);

// A value, or why there is none.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : content_(std::move(value)) {}
  Result(Diagnostic problem) : content_(Diagnostics{std::move(problem)}) {}
  // There must be at least one.
  Result(Diagnostics problems) : content_(std::move(problems)) {}

  explicit operator bool() const { return std::holds_alternative<T>(content_); }
  // Only when there is a value.
  T& operator*() { return std::get<T>(content_); }
  const T& operator*() const { return std::get<T>(content_); }
  T* operator->() { return &std::get<T>(content_); }
  const T* operator->() const { return &std::get<T>(content_); }
  // Only when there is none.
  const Diagnostics& problems() const { return std::get<Diagnostics>(content_); }

 private:
  std::variant<T, Diagnostics> content_;
};

}  // namespace nat
