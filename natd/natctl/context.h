// What a command of natctl works with: the words after its name, natd to ask, where to print, and how.
//
// stdout is for data, stderr for chatter; the exit codes are the same for all commands.
#pragma once

#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "natd/control/client.h"
#include "natd/natctl/table.h"

namespace nat {

inline constexpr int kDone = 0;
inline constexpr int kRefused = 1;      // by natd; also a trace that ends in a drop
inline constexpr int kUsage = 2;        // natctl did not understand the command
inline constexpr int kUnreachable = 3;  // natd does not answer
inline constexpr int kNotFound = 4;     // there is no such object

struct Style {
  bool json = false;
  bool header = true;
  bool colours = false;
  bool terminal = false;  // stdout is a terminal: JSON is indented
  bool chatter = false;   // stderr is a terminal
};

class Context {
 public:
  // Asks natd one thing; a connection is made for it.
  using Ask = std::function<ControlResult<Json>(const Request&, const ControlClient::Sink&)>;

  Context(Style how, std::ostream& data, std::ostream& chatter, Ask asking)
      : style(how), out(data), err(chatter), ask_(std::move(asking)) {}

  const Style style;
  std::ostream& out;
  std::ostream& err;

  ControlResult<Json> ask(const Request& request, const ControlClient::Sink& sink) const {
    return ask_(request, sink);
  }
  // All items at once, in `items`.
  ControlResult<Json> ask(const Request& request, Json& items) const;
  ControlResult<Json> ask(const Request& request) const;

  void print(const Table& table) const { out << table.render(style.header, style.colours); }
  // One object: `members` after the version of the output.
  void print_json(const Json& members) const;
  // Says first of all what natd does that an RFC forbids, when the answer says so.
  void print_misbehavior(const Json& answer) const;
  // Only where stderr is a terminal.
  void chat(const std::string& sentence) const;
  // Says what went wrong and returns the exit code for it.
  int fail(const ControlError& error) const;
  // The command was not understood; `usage` shows what would be.
  int misuse(const ControlError& error, const std::string& usage) const;

 private:
  int report(const ControlError& error, int code) const;

  Ask ask_;
};

}  // namespace nat
