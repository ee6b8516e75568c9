// An answer that is written a page at a time: the next page is made when the one before has been written, so
// an answer of any length takes the memory of one page.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "natd/control/json.h"

namespace nat {

class Reply {
 public:
  virtual ~Reply() = default;
  // Adds the next lines to `out`, often none: a turn's worth of work. False when the answer is complete.
  virtual bool next(std::string& out) = 0;
};

inline constexpr std::size_t kItemsOfPage = 256;

// {"id":1,"items":[...]}
inline std::string items_line(std::uint64_t id, Json items) {
  return to_line({{"id", id}, {"items", std::move(items)}});
}

// {"id":1,"done":true,...}
inline std::string done_line(std::uint64_t id, const Json& members = Json::object()) {
  Json message{{"id", id}, {"done", true}};
  message.update(members);
  return to_line(message);
}

// Items that are there already, and what is said once they are written.
class ListReply : public Reply {
 public:
  ListReply(std::uint64_t id, Json items, Json members)
      : id_(id), items_(std::move(items)), members_(std::move(members)) {}
  bool next(std::string& out) override;

 private:
  const std::uint64_t id_;
  const Json items_;
  const Json members_;
  std::size_t written_ = 0;
};

// Lines that are there already.
class LineReply : public Reply {
 public:
  explicit LineReply(std::string line) : line_(std::move(line)) {}
  bool next(std::string& out) override {
    out += line_;
    return false;
  }

 private:
  const std::string line_;
};

}  // namespace nat
