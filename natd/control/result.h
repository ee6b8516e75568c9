// What can go wrong between natctl and natd, as a value: a code for programs, a sentence for the operator,
// and what to do next.
#pragma once

#include <string>
#include <utility>
#include <variant>

namespace nat {

// The codes are part of the protocol (docs/control-protocol.md).
struct ControlError {
  std::string code;     // "wrong-value"
  std::string message;  // "'x' is not an address"
  std::string hint;     // "write it like 192.0.2.0/24:80"; may be empty
  bool operator==(const ControlError&) const = default;
};

// A value, or why there is none.
template <typename T>
class [[nodiscard]] ControlResult {
 public:
  ControlResult(T value) : content_(std::move(value)) {}
  ControlResult(ControlError error) : content_(std::move(error)) {}

  explicit operator bool() const { return std::holds_alternative<T>(content_); }
  // Only when there is a value.
  T& operator*() { return std::get<T>(content_); }
  const T& operator*() const { return std::get<T>(content_); }
  T* operator->() { return &std::get<T>(content_); }
  const T* operator->() const { return &std::get<T>(content_); }
  // Only when there is none.
  const ControlError& error() const { return std::get<ControlError>(content_); }

 private:
  std::variant<T, ControlError> content_;
};

}  // namespace nat
