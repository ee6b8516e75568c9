#include "tests/golden/packet_text.h"

#include <charconv>
#include <map>
#include <stdexcept>

#include "tests/support/fragments.h"
#include "tests/support/packet_builder.h"

namespace nat::test {
namespace {

// Takes words off the front of a line.
class Words {
 public:
  explicit Words(std::string_view text) : rest_(text) { skip_blanks(); }

  bool done() const { return rest_.empty(); }
  std::string_view rest() const { return rest_; }

  std::string_view next() {
    const std::size_t end = std::min(rest_.find(' '), rest_.size());
    const std::string_view word = rest_.substr(0, end);
    if (word.empty()) throw std::invalid_argument("the packet ends too early");
    rest_.remove_prefix(end);
    skip_blanks();
    return word;
  }
  void expect(std::string_view word) {
    if (next() != word) throw std::invalid_argument("expected '" + std::string(word) + "'");
  }
  std::uint32_t number(std::uint32_t largest) {
    const std::string_view word = next();
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
    if (error != std::errc() || end != word.data() + word.size() || value > largest) {
      throw std::invalid_argument("'" + std::string(word) + "' is not a number up to " +
                                  std::to_string(largest));
    }
    return value;
  }
  Endpoint endpoint() {
    const std::string_view word = next();
    const auto parsed = Endpoint::parse(word);
    if (!parsed) throw std::invalid_argument("'" + std::string(word) + "' is not ADDRESS:PORT");
    return *parsed;
  }
  Address address() {
    const std::string_view word = next();
    const auto parsed = Address::parse(word);
    if (!parsed) throw std::invalid_argument("'" + std::string(word) + "' is not an address");
    return *parsed;
  }

 private:
  void skip_blanks() {
    while (!rest_.empty() && rest_.front() == ' ') rest_.remove_prefix(1);
  }
  std::string_view rest_;
};

std::uint8_t flags_from(std::string_view word) {
  static const std::map<char, std::uint8_t> kFlags{{'F', kFin},  {'S', kSyn}, {'R', kRst},
                                                   {'P', kPush}, {'A', kAck}, {'-', std::uint8_t{0}}};
  std::uint8_t flags = 0;
  for (const char letter : word) {
    const auto flag = kFlags.find(letter);
    if (flag == kFlags.end()) throw std::invalid_argument("no TCP flag '" + std::string(1, letter) + "'");
    flags |= flag->second;
  }
  return flags;
}

// What follows the endpoints of every kind of packet.
void read_rest(Words& words, PacketBuilder& packet) {
  while (!words.done()) {
    if (words.rest().front() == '"') {
      const std::string_view text = words.rest();
      if (text.size() < 2 || text.back() != '"') throw std::invalid_argument("the text does not end");
      packet.payload(text.substr(1, text.size() - 2));
      return;
    }
    const std::string_view word = words.next();
    if (word == "ttl") {
      packet.ttl(static_cast<std::uint8_t>(words.number(255)));
    } else if (word == "tos") {
      packet.type_of_service(static_cast<std::uint8_t>(words.number(255)));
    } else if (word == "ipid") {
      packet.identification(static_cast<std::uint16_t>(words.number(65535)));
    } else if (word == "seq") {
      packet.sequence(words.number(0xffffffff));
    } else if (word == "ack") {
      packet.acknowledge(words.number(0xffffffff));
    } else if (word == "win") {
      packet.window(static_cast<std::uint16_t>(words.number(65535)));
    } else if (word == "rest") {
      packet.rest_of_header(words.number(0xffffffff));
    } else if (word == "options") {
      packet.ip_options(octets_from_hex(words.next()));
    } else if (word == "zeros") {
      packet.payload(Octets(words.number(65000)));
    } else if (word == "may-fragment") {
      packet.may_fragment();
    } else if (word == "no-checksum") {
      packet.no_checksum();
    } else if (word == "broken") {
      packet.broken();
    } else {
      throw std::invalid_argument("no property '" + std::string(word) + "'");
    }
  }
}

Octets icmp_from(Words& words) {
  const Address source = words.address();
  words.expect(">");
  const Address destination = words.address();
  const std::string_view kind = words.next();
  const std::size_t slash = kind.find('/');
  if (slash == std::string_view::npos) throw std::invalid_argument("say TYPE/CODE");
  Words type(kind.substr(0, slash)), code(kind.substr(slash + 1));
  const auto type_number = static_cast<std::uint8_t>(type.number(255));
  const auto code_number = static_cast<std::uint8_t>(code.number(255));
  // The properties of the error stand before the quote, those of the quoted packet behind it.
  const std::string_view line = words.rest();
  const std::size_t at = line.find("quotes ");
  if (at == std::string_view::npos) throw std::invalid_argument("an ICMP error quotes a packet");
  Words quote(line.substr(at + 7));
  const std::size_t length =
      quote.rest().starts_with("all ") ? (quote.next(), SIZE_MAX) : quote.number(65535);
  quote.expect("of");
  const Octets about = packet_from_text(quote.rest());
  PacketBuilder packet = icmp_error(source, destination, type_number, code_number, about, length);
  Words properties(line.substr(0, at));
  read_rest(properties, packet);
  return packet.build();
}

Octets fragment_from(Words& words) {
  const std::uint32_t number = words.number(10000);
  words.expect("of");
  const std::uint32_t size = words.number(65528);
  words.expect("of");
  const auto pieces = cut(packet_from_text(words.rest()), size);
  if (number == 0 || number > pieces.size()) throw std::invalid_argument("there is no such fragment");
  return pieces[number - 1];
}

PacketBuilder begin(std::string_view kind, Words& words) {
  if (kind == "udp" || kind == "tcp") {
    const Endpoint source = words.endpoint();
    words.expect(">");
    const Endpoint destination = words.endpoint();
    if (kind == "udp") return udp(source, destination);
    return tcp(source, destination, flags_from(words.next()));
  }
  if (kind == "echo" || kind == "echo-reply") {
    const Address source = words.address();
    words.expect(">");
    const Address destination = words.address();
    words.expect("id");
    const auto identifier = static_cast<std::uint16_t>(words.number(65535));
    return kind == "echo" ? echo(source, destination, identifier)
                          : echo_reply(source, destination, identifier);
  }
  if (kind == "protocol") {
    const auto number = static_cast<std::uint8_t>(words.number(255));
    const Address source = words.address();
    words.expect(">");
    return other_protocol(source, words.address(), number);
  }
  throw std::invalid_argument("no kind of packet '" + std::string(kind) + "'");
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  throw std::invalid_argument("'" + std::string(1, c) + "' is not a hexadecimal digit");
}

}  // namespace

Octets packet_from_text(std::string_view text) {
  Words words(text);
  const std::string_view kind = words.next();
  if (kind == "hex") return octets_from_hex(words.rest());
  if (kind == "icmp") return icmp_from(words);
  if (kind == "fragment") return fragment_from(words);
  PacketBuilder packet = begin(kind, words);
  read_rest(words, packet);
  return packet.build();
}

Octets octets_from_hex(std::string_view text) {
  Octets octets;
  int high = -1;
  for (const char c : text) {
    if (c == ' ') continue;
    const int digit = hex_digit(c);
    if (high < 0) {
      high = digit;
    } else {
      octets.push_back(static_cast<std::uint8_t>(high * 16 + digit));
      high = -1;
    }
  }
  if (high >= 0) throw std::invalid_argument("half an octet at the end");
  return octets;
}

std::string to_hex(const Octets& octets) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (std::size_t i = 0; i < octets.size(); ++i) {
    if (i > 0 && i % 2 == 0) text += ' ';
    text += kDigits[octets[i] >> 4];
    text += kDigits[octets[i] & 15];
  }
  return text;
}

}  // namespace nat::test
