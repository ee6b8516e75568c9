#include "tests/golden/fixture.h"

#include <fstream>
#include <sstream>
#include <stdexcept>

#include "config/document.h"
#include "config/validate.h"
#include "tests/golden/packet_text.h"
#include "tests/support/checksums.h"
#include "translation/net/wire.h"

namespace nat::test {
namespace {

class Reader {
 public:
  explicit Reader(const std::string& path) : path_(path), stream_(path) {
    if (!stream_) throw std::runtime_error(path + ": cannot be read");
    fixture_.path = path;
  }

  Fixture read() {
    for (std::string line; std::getline(stream_, line);) {
      ++line_;
      try {
        read_line(line);
      } catch (const std::exception& problem) {
        throw std::runtime_error(path_ + ":" + std::to_string(line_) + ": " + problem.what());
      }
    }
    if (fixture_.packets.empty()) throw std::runtime_error(path_ + ": no packets");
    return std::move(fixture_);
  }

 private:
  void read_line(const std::string& line) {
    std::istringstream words(line);
    std::string word;
    if (!(words >> word) || word[0] == '#') return;
    if (word == "set") {
      settings_ += line.substr(line.find("set") + 4) + "\n";
    } else if (word == "external") {
      Policy& policy = fixture_.policy;
      for (std::string text; words >> text;) external_.push_back(text);
      apply_settings(policy);
    } else if (word == "at") {
      read_packet(words);
    } else if (fixture_.packets.empty()) {
      throw std::runtime_error("'" + word + "' before the first packet");
    } else if (word == "reply") {
      fixture_.packets.back().reply = packet_from_text(remaining(words));
    } else if (word == "release") {
      words >> word;
      fixture_.packets.back().released.push_back(read_fate(word, words));
    } else {
      fixture_.packets.back().fate = read_fate(word, words);
    }
  }

  void apply_settings(Policy& policy) {
    const Document document = parse_document(settings_, path_);
    const auto settings = validate({}, {&document, 1}, Interfaces::optional);
    if (!settings) throw std::runtime_error(to_string(settings.problems()));
    policy = settings->policy;
    policy.internal_address = Address(10, 0, 0, 254);
    for (const std::string& text : external_) policy.external_addresses.push_back(address(text));
  }

  void read_packet(std::istringstream& words) {
    double at = 0;
    std::string side;
    words >> at >> side;
    FixturePacket packet;
    packet.line = line_;
    packet.time = TimePoint(std::chrono::milliseconds(static_cast<std::int64_t>(at * 1000 + 0.5)));
    packet.in = side_of(side);
    packet.packet = packet_from_text(remaining(words));
    fixture_.packets.push_back(std::move(packet));
  }

  static Fate read_fate(const std::string& reason, std::istringstream& words) {
    const auto parsed = parse_reason(reason);
    if (!parsed) throw std::runtime_error("no reason '" + reason + "'");
    Fate fate{.reason = *parsed, .packet = {}};
    if (action_of(*parsed) != Action::forward) return fate;
    std::string side;
    words >> side;
    fate.out = side_of(side);
    fate.packet = packet_from_text(remaining(words));
    return fate;
  }

  static Realm side_of(const std::string& word) {
    if (word == "internal") return Realm::internal;
    if (word == "external") return Realm::external;
    throw std::runtime_error("'" + word + "' is no side: internal or external");
  }

  static std::string remaining(std::istringstream& words) {
    std::string rest;
    std::getline(words, rest);
    return rest;
  }

  std::string path_;
  std::ifstream stream_;
  unsigned line_ = 0;
  std::string settings_;
  std::vector<std::string> external_;
  Fixture fixture_;
};

}  // namespace

Fixture read_fixture(const std::string& path) { return Reader(path).read(); }

std::string difference(const Fate& expected, const Fate& actual) {
  if (expected.reason != actual.reason) {
    return std::string("expected ") + to_string(expected.reason) + ", was " + to_string(actual.reason);
  }
  if (action_of(expected.reason) != Action::forward) return {};
  if (expected.out != actual.out) return std::string("left on the ") + to_string(actual.out) + " side";
  Octets wanted = expected.packet;
  if (load16(wanted.data() + ip::kIdentification) == 0 && actual.packet.size() >= ip::kMinimumHeader) {
    store16(wanted.data() + ip::kIdentification, load16(actual.packet.data() + ip::kIdentification));
    fix_ip_checksum(wanted);
  }
  if (wanted == actual.packet) return {};
  return "expected " + to_hex(wanted) + "\n       was " + to_hex(actual.packet);
}

}  // namespace nat::test
