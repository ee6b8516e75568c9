#include "tests/model/rig.h"

#include <algorithm>
#include <set>
#include <tuple>

#include "tests/model/byte_judge.h"
#include "tests/support/checksums.h"
#include "tests/support/fragments.h"
#include "translation/net/wire.h"

namespace nat::test {
namespace {

constexpr std::uint16_t kInternalPorts[] = {123, 600, 2000, 2001, 4321, 40000};
constexpr std::uint16_t kRemotePorts[] = {53, 7000, 7001};

// Where connections begin to count; some are lower than the one before.
constexpr std::uint32_t kStarts[] = {1000, 0x40000000, 0x80000000, 0xfffff000};

}  // namespace

std::string in_words(const Words& words) {
  std::string text = std::string(to_string(words.protocol)) + " " + words.source.to_string() + " > " +
                     words.destination.to_string() + " from " + to_string(words.in);
  if (words.syn) text += " SYN";
  if (words.ack) text += " ACK";
  if (words.fin) text += " FIN";
  if (words.rst) text += " RST";
  if (words.protocol == Protocol::tcp) {
    text += " " + std::to_string(words.sequence) + "/" + std::to_string(words.acknowledges);
  }
  if (words.echo_reply) text += " reply";
  return text;
}

Rig::Rig(const Profile& profile, std::uint64_t seed)
    : profile_(profile),
      random_(seed),
      gateway_(first_policy(seed), seed),
      naive_(first_policy(seed), profile.exact) {
  gateway_.host.sockets = {{Protocol::udp, 4321}, {Protocol::tcp, 2000}, {Protocol::udp, 5353}};
  if (chance(50)) gateway_.host.sockets.insert({Protocol::icmp, 0});
  naive_.sockets = gateway_.host.sockets;
  naive_.remembers = [this](const NaiveNat::Mapping& mapping, Endpoint remote) {
    return remembers(mapping, remote);
  };
}

bool Rig::step() {
  const std::uint32_t kind = below(1000);
  if (kind < 250) {
    send_outbound();
  } else if (kind < 450) {
    send_inbound();
  } else if (kind < 800) {
    send_on_session();
  } else if (kind < 850) {
    send_error();
  } else if (kind < 900) {
    if (chance(15)) cut_up_again();
    send_piece();
  } else if (kind < 980) {
    pass_time();
  } else if (kind < 988) {
    flush();
  } else if (kind < 990) {
    restart();
  } else {
    change_policy();
  }
  if (profile_.exact) sweep();
  take_released();
  if (profile_.exact) check_due_syns();
  if (failure_.empty() && chance(5)) compare_tables();
  if (!naive_.complaints.empty()) fail(naive_.complaints.front());
  return failure_.empty();
}

// --- What is sent.

Endpoint Rig::random_internal() {
  const auto host = static_cast<std::uint8_t>(1 + below(4));
  return {Address(10, 0, 0, host), kInternalPorts[below(std::size(kInternalPorts))]};
}

Endpoint Rig::random_remote() {
  const auto host = static_cast<std::uint8_t>(31 + below(3));
  return {Address(192, 0, 2, host), kRemotePorts[below(std::size(kRemotePorts))]};
}

Endpoint Rig::random_external(Protocol protocol) {
  std::vector<Endpoint> known;
  for (const auto& mapping : naive_.mappings()) {
    if (mapping.protocol == protocol) known.push_back(mapping.external);
  }
  if (!known.empty() && chance(85)) return known[below(static_cast<std::uint32_t>(known.size()))];
  return {kPool[below(2)], kInternalPorts[below(std::size(kInternalPorts))]};
}

void Rig::choose_flags(Words& words) {
  if (words.protocol != Protocol::tcp) return;
  switch (below(10)) {
    case 0:
    case 1:
    case 2:
      words.syn = true;
      return;
    case 3:
      words.syn = words.ack = true;
      return;
    case 4:
      words.fin = words.ack = true;
      return;
    case 5:
      words.rst = true;
      words.ack = chance(50);
      return;
    default:
      words.ack = true;
  }
}

void Rig::choose_numbers(Words& words, const NaiveNat::Session* session) {
  if (words.protocol != Protocol::tcp) return;
  const auto any = [&] { return kStarts[below(std::size(kStarts))] + 4000 * below(3); };
  words.sequence = any();
  words.acknowledges = any();
  if (session == nullptr) return;
  const int receiver = words.in == Realm::internal ? 1 : 0;
  if (words.syn && session->waiting && chance(75)) {
    words.acknowledges = session->waiting->sequence + 1 + (chance(20) ? below(3) * 65535 / 2 : 0);
  }
  if (words.rst && session->limit[receiver] && chance(75)) {
    constexpr std::uint32_t kBelow[] = {0, 1, 30000, 65535, 65536, 0xffffffff};
    words.sequence = *session->limit[receiver] - kBelow[below(std::size(kBelow))];
  }
}

Words Rig::random_words(Protocol protocol, Realm in) {
  Words words;
  words.protocol = protocol;
  words.in = in;
  choose_flags(words);
  if (protocol == Protocol::tcp && chance(50)) {
    words.ack = words.fin = words.rst = false;
    words.syn = true;
  }
  choose_numbers(words, nullptr);
  words.echo_reply = protocol == Protocol::icmp && chance(in == Realm::external ? 90 : 5);
  return words;
}

void Rig::send_outbound() {
  const Protocol protocol = kProtocols[below(3)];
  Words words = random_words(protocol, Realm::internal);
  words.source = random_internal();
  if (chance(2)) words.source.address = Address(172, 16, 0, 9);
  words.destination = chance(20) ? random_external(protocol) : random_remote();
  send(words);
}

void Rig::send_inbound() {
  const Protocol protocol = kProtocols[below(3)];
  Words words = random_words(protocol, Realm::external);
  words.source = random_remote();
  words.destination = random_external(protocol);
  if (chance(2)) words.destination.address = Address(198, 51, 100, 77);
  send(words);
}

void Rig::send_on_session() {
  std::vector<std::pair<Words, const NaiveNat::Session*>> flows;
  for (const auto& mapping : naive_.mappings()) {
    for (const auto& [remote, session] : mapping.sessions) {
      const bool hairpinned = naive_.is_external(remote.address);
      if (chance(50) || hairpinned) {
        flows.push_back({{.protocol = mapping.protocol,
                          .in = Realm::internal,
                          .source = mapping.internal,
                          .destination = remote},
                         &session});
      } else {
        flows.push_back({{.protocol = mapping.protocol,
                          .in = Realm::external,
                          .source = remote,
                          .destination = mapping.external},
                         &session});
      }
    }
  }
  if (flows.empty()) return;
  auto [words, session] = flows[below(static_cast<std::uint32_t>(flows.size()))];
  choose_flags(words);
  choose_numbers(words, session);
  words.echo_reply = words.protocol == Protocol::icmp && words.in == Realm::external;
  send(words);
}

Octets Rig::build(const Words& words) {
  const std::uint16_t identifier = words.in == Realm::internal ? words.source.port : words.destination.port;
  PacketBuilder packet =
      words.protocol == Protocol::udp ? udp(words.source, words.destination)
      : words.protocol == Protocol::icmp
          ? (words.echo_reply ? echo_reply(words.source.address, words.destination.address, identifier)
                              : echo(words.source.address, words.destination.address, identifier))
          : tcp(words.source, words.destination,
                static_cast<std::uint8_t>((words.syn ? kSyn : 0) | (words.ack ? kAck : 0) |
                                          (words.fin ? kFin : 0) | (words.rst ? kRst : 0)));
  if (words.protocol == Protocol::tcp) {
    packet.sequence(words.sequence);
    if (words.ack) packet.acknowledge(words.acknowledges);
  }
  Octets payload(1 + below(64));
  for (auto& octet : payload) octet = static_cast<std::uint8_t>(random_.next());
  // Now and then an endpoint of the packet in its payload: nothing must touch it.
  if (payload.size() >= 12 && chance(20)) {
    const Endpoint told = chance(50) ? words.source : words.destination;
    const std::size_t at = below(7);
    store32(&payload[at], told.address.value());
    if (chance(70)) store16(&payload[at + 4], told.port);
  }
  packet.payload(payload).identification(next_identification_++);
  if (chance(50)) packet.may_fragment();
  if (words.protocol == Protocol::udp && chance(10)) packet.no_checksum();
  if (chance(5)) packet.broken();
  if (words.tells_addresses) {
    constexpr std::uint8_t kKinds[] = {7, 68, 82, 147, 149};
    packet.ip_options(recording_option(random_internal().address, kKinds[below(5)]));
  } else if (chance(5)) {
    packet.ip_options({148, 4, 0, 0});  // router alert
  }
  return packet.build();
}

void Rig::send(const Words& chosen) {
  Words words = chosen;
  // The remote of a query has no port of its own.
  if (words.protocol == Protocol::icmp) {
    (words.in == Realm::internal ? words.destination : words.source).port = 0;
  }
  words.tells_addresses = chance(3);
  doing_ = in_words(words);
  const Octets packet = build(words);
  if (packet.size() > 44 && !words.tells_addresses && chance(8)) {
    cut_up(words, packet);
  } else {
    send_whole(words, packet);
  }
}

NaiveNat::Choices Rig::choices_since(const Before& before, const Words& words) {
  const auto& [created, removed] = std::tie(gateway_.observed().created, gateway_.observed().removed);
  NaiveNat::Choices choices;
  if (created.size() > before.created) choices.mapped = created.back().external;
  if (words.in == Realm::external || naive_.is_external(words.destination.address)) return choices;
  for (std::size_t i = before.removed; i < removed.size(); ++i) {
    if (removed[i].cause == RemovalCause::misbehaved) choices.lost = removed[i].mapping.external;
  }
  return choices;
}

// Asked of the engine, where the naive NAT cannot know it: what it would do with a packet to there.
bool Rig::remembers(const NaiveNat::Mapping& mapping, Endpoint remote) const {
  const Explanation explanation = gateway_.engine.explain({.protocol = mapping.protocol,
                                                           .in = Realm::internal,
                                                           .source = mapping.internal,
                                                           .destination = remote,
                                                           .tcp_flags = kSyn},
                                                          gateway_.now());
  return std::any_of(explanation.steps.begin(), explanation.steps.end(), [](const Step& step) {
    return std::string(step.name) == "session" && std::string(step.outcome) == "hit";
  });
}

Rewriting Rig::rewriting(const Words& words, const Expected& expected) const {
  if (!naive_.policy().misbehavior.payload_rewriting) return {};
  if (words.in == Realm::external) return {{words.destination, expected.destination}};
  Rewriting rewriting{{words.source, expected.sender}};
  if (expected.out == Realm::internal) rewriting.emplace_back(words.destination, expected.destination);
  return rewriting;
}

void Rig::send_whole(const Words& words, const Octets& packet) {
  const bool plain = words.protocol != Protocol::icmp || words.echo_reply == (words.in == Realm::external);
  const Explanation explanation = gateway_.engine.explain(
      {.protocol = words.protocol,
       .in = words.in,
       .source = words.source,
       .destination = words.destination,
       .tcp_flags = static_cast<std::uint8_t>((words.syn ? kSyn : 0) | (words.ack ? kAck : 0) |
                                              (words.fin ? kFin : 0) | (words.rst ? kRst : 0))},
      gateway_.now());
  const Before before = this->before();
  const Outcome outcome = gateway_.translate(packet, words.in);
  const bool blanked = words.tells_addresses && outcome.forwarded();
  const NaiveNat::Choices chosen = choices_since(before, words);
  const Expected expected = naive_.judge(words, chosen, gateway_.now());
  if (outcome.reason != expected.reason && outcome.reason != expected.or_reason) {
    fail(std::string("the engine says ") + to_string(outcome.reason) + ", expected " +
         to_string(expected.reason));
    return;
  }
  if (plain && !words.tells_addresses && !chosen.lost) {
    check_explanation(words, explanation, outcome.reason, chosen.mapped.has_value());
  }
  check_answer(words, packet, outcome, expected.answer);
  if (!outcome.forwarded()) {
    if (outcome.packet != packet) fail("a packet that was not forwarded was changed");
    return;
  }
  if (outcome.out != expected.out) return fail("it leaves on the wrong side");
  const bool leaves = words.in == Realm::internal;
  std::string wrong = judge_octets(blanked ? without_address_options(packet) : packet, outcome.packet,
                                   expected.source, expected.destination, leaves, rewriting(words, expected));
  if (wrong.empty() && outcome.out == Realm::external) wrong = judge_leaving(outcome.packet);
  if (!wrong.empty()) return fail(wrong);
  Words after = words;
  after.source = expected.source;
  after.destination = expected.destination;
  if (!checksums_valid(outcome.packet)) return;
  sent_.push_back({outcome.packet, after, outcome.out});
  if (sent_.size() > 50) sent_.erase(sent_.begin());
}

// explain() must say what translate() does, up to the port that is chosen at random; and that it is
// chosen so, it must say.
void Rig::check_explanation(const Words& words, const Explanation& explanation, Reason reason, bool mapped) {
  if (!profile_.exact) return;
  const bool hidden =
      naive_.policy().misbehavior.hairpin_internal_source && explanation.reason == Reason::hairpinned;
  if (mapped && !hidden) {
    const Endpoint told = explanation.source;
    const Endpoint made = gateway_.observed().created.back().external;
    if (told.address != made.address || (told.port != 0 && told.port != made.port)) {
      fail("explain foresaw " + told.to_string() + ", and it was " + made.to_string() + " for " +
           in_words(words));
    }
  }
  if (explanation.reason == reason) return;
  const bool hangs_on_the_draw =
      std::any_of(explanation.steps.begin(), explanation.steps.end(),
                  [](const Step& step) { return step.name == "port" && step.outcome == "unknown"; });
  if (mapped && hangs_on_the_draw) return;
  fail(std::string("explain foresaw ") + to_string(explanation.reason) + ", and it was " + to_string(reason) +
       " for " + in_words(words));
}

// What the sender of a refused packet hears, and from whom.
void Rig::check_answer(const Words& words, const Octets& packet, const Outcome& outcome, Answer expected) {
  const Octets& reply = outcome.reply;
  if (reply.empty() || expected == Answer::none) {
    if (reply.empty() != (expected == Answer::none)) fail("an answer too many or too few");
    return;
  }
  ++answered_;
  const bool room = expected == Answer::host_unreachable;
  const Address from = room ? naive_.policy().internal_address : words.destination.address;
  const bool reset = expected == Answer::reset;
  const bool right_way = load32(&reply[ip::kSource]) == from.value() &&
                         load32(&reply[ip::kDestination]) == words.source.address.value();
  if (!right_way || reply[ip::kProtocol] != (reset ? 6 : 1)) return fail("an answer of the wrong kind");
  if (!checksums_valid(reply)) return fail("an answer with a wrong checksum");
  if (reset) {
    if ((reply[20 + 13] & kRst) == 0) fail("an answer that is no reset");
    return;
  }
  if (reply[20] != 3 || reply[21] != (room ? 1 : 3)) return fail("another error than that");
  if (!std::equal(reply.begin() + 28, reply.end(), packet.begin())) fail("the error quotes another packet");
}

// Of SYNs whose six seconds are over.
void Rig::check_due_syns() {
  std::set<std::pair<Endpoint, Endpoint>> told;
  for (const Octets& reply : gateway_.replies()) {
    const std::uint8_t* const quote = &reply[28];
    const std::uint8_t* const ports = quote + std::size_t{quote[0] & 0x0fU} * 4;
    told.insert({{Address(load32(quote + ip::kDestination)), load16(ports + 2)},
                 {Address(load32(quote + ip::kSource)), load16(ports)}});
    ++answered_;
  }
  if (told != naive_.take_due_syns()) fail("another SYN's sender was told that nobody listens");
}

// --- What else happens.

void Rig::pass_time() {
  constexpr int kSeconds[] = {0,   1,   1,   2,   5,   29,  31,  59,  60,   61,
                              119, 121, 239, 240, 241, 299, 300, 301, 7439, 7441};
  Duration step = seconds(kSeconds[below(std::size(kSeconds))]);
  if (step > seconds(1000) && chance(80)) return;
  if (chance(40)) step = to_an_edge();
  gateway_.advance(step);
  if (profile_.exact || chance(30)) sweep();
  naive_.settle(gateway_.now());
}

// The time until some session has lived as long as it may, and a little less or more.
Duration Rig::to_an_edge() {
  std::vector<TimePoint> ends;
  for (const auto& mapping : naive_.mappings()) {
    for (const auto& [remote, session] : mapping.sessions) {
      if (session.live && session.last < gateway_.now() + seconds(400)) ends.push_back(session.last);
    }
  }
  if (ends.empty()) return seconds(1);
  // The engine clears away by whole seconds; a run that relies on it keeps to them.
  constexpr int kTenths[] = {-10, 0, 10, -1, 1, 2};
  const TimePoint end = ends[below(static_cast<std::uint32_t>(ends.size()))];
  const int tenths = kTenths[below(profile_.exact ? 3U : std::uint32_t{std::size(kTenths)})];
  return std::max(Duration(0), end - gateway_.now() + milliseconds(100) * tenths);
}

void Rig::sweep() {
  if (profile_.exact) {
    gateway_.sweep();
  } else {
    gateway_.engine.expire(gateway_.now(), 1 + below(20));
  }
}

void Rig::flush() {
  if (naive_.mappings().empty()) return;
  auto at = naive_.mappings().begin();
  std::advance(at, below(static_cast<std::uint32_t>(naive_.mappings().size())));
  const Protocol protocol = at->protocol;
  const Endpoint external = at->external;
  doing_ = "flush " + external.to_string();
  std::uint64_t cursor = 0;
  do {
    gateway_.engine.flush(
        cursor, 50, [&](const MappingView& m) { return m.protocol == protocol && m.external == external; },
        gateway_.now());
  } while (cursor != 0);
  naive_.flush(protocol, external, gateway_.now());
}

// Another engine goes on where this one was. What it does not take over must not be there.
void Rig::restart() {
  const Gauges gauges = gateway_.engine.gauges();
  if (gauges.datagrams > 0 || gauges.held_syns > 0 || !pieces_.empty()) return;
  // Where limits were lowered below what there is, the tables of another engine have no room for it.
  const Limits& limits = naive_.policy().limits;
  if (gauges.mappings > limits.mappings || gauges.hosts > limits.hosts) return;
  if (gauges.sessions > limits.sessions) return;
  doing_ = "restart";
  const Restored restored = gateway_.restart(1 + below(20));
  if (restored.left_out > 0) fail("a snapshot was not restored whole");
  naive_.forget_order();
  compare_tables();
}

// --- What must be the same.

// Every packet has met one fate and is counted under it, refused or not; a fragment that was held meets a
// second one.
void Rig::check_counters() {
  std::uint64_t packets = 0, refused = 0;
  for (std::size_t r = 0; r < kReasonCount; ++r) {
    const auto reason = static_cast<Reason>(r);
    const std::uint64_t total = gateway_.count(reason);
    packets += total;
    if (action_of(reason) == Action::drop) refused += total;
  }
  const std::uint64_t held = gateway_.engine.gauges().held_fragments;
  if (packets + held != gateway_.sent + gateway_.count(Reason::fragment_held)) {
    fail("the counters do not add up to the packets");
  }
  if (refused != gateway_.observed().refusals.size()) fail("a refused packet was not told");
}

void Rig::compare_tables() {
  check_counters();
  naive_.settle(gateway_.now());
  const auto mappings = gateway_.mappings();
  if (mappings.size() != naive_.mappings().size()) {
    return fail("the engine has " + std::to_string(mappings.size()) + " mappings, expected " +
                std::to_string(naive_.mappings().size()));
  }
  std::set<std::pair<Protocol, Endpoint>> externals;
  for (const MappingView& view : mappings) {
    const auto at = std::find_if(
        naive_.mappings().begin(), naive_.mappings().end(), [&](const NaiveNat::Mapping& mapping) {
          return mapping.protocol == view.protocol && mapping.external == view.external &&
                 mapping.internal == view.internal && mapping.remote == view.remote &&
                 mapping.behavior == view.behavior && mapping.origin == view.origin;
        });
    if (at == naive_.mappings().end()) {
      return fail("a mapping of the engine is unknown: " + view.external.to_string());
    }
    if (!at->shares && !externals.insert({view.protocol, view.external}).second) {
      return fail("two mappings share an endpoint");
    }
    const auto live = std::count_if(at->sessions.begin(), at->sessions.end(),
                                    [](const auto& entry) { return entry.second.live; });
    const bool same = view.sessions == live && view.sessions + view.dormant == at->sessions.size();
    if (profile_.exact && !same) return fail("a mapping has other sessions: " + view.external.to_string());
  }
  std::size_t live = 0;
  for (const auto& mapping : naive_.mappings()) {
    for (const auto& [remote, session] : mapping.sessions) live += session.live ? 1 : 0;
  }
  const auto sessions = gateway_.sessions();
  if (sessions.size() != live) {
    return fail("the engine has " + std::to_string(sessions.size()) + " sessions, expected " +
                std::to_string(live));
  }
  for (const SessionView& view : sessions) {
    const auto mapping = std::find_if(
        naive_.mappings().begin(), naive_.mappings().end(), [&](const NaiveNat::Mapping& candidate) {
          return candidate.protocol == view.protocol && candidate.external == view.external &&
                 candidate.internal == view.internal && candidate.sessions.contains(view.remote);
        });
    if (mapping == naive_.mappings().end()) return fail("a session that should not be");
    const auto session = mapping->sessions.find(view.remote);
    if (session->second.state != view.state) {
      return fail(std::string("a session is ") + to_string(view.state) + ", expected " +
                  to_string(session->second.state));
    }
    if (view.expires <= session->second.last || view.expires > session->second.last + milliseconds(100)) {
      return fail("a session expires at the wrong time");
    }
    if ((view.initiator == Realm::external) != session->second.from_outside) {
      return fail("a session has the wrong initiator");
    }
  }
  if (profile_.blocks) compare_blocks();
}

// Every extra block that is given was with no host, and comes back from whom it was given to.
void Rig::follow_blocks() {
  const auto& told = gateway_.observed().blocks;
  for (; blocks_followed_ < told.size(); ++blocks_followed_) {
    const auto& [block, given] = told[blocks_followed_];
    const Endpoint place{block.external, block.ports.first};
    if (!block.extra) fail("a notice about a block that is no extra one");
    if (given && !blocks_given_.emplace(place, block.host).second) fail("a block was given twice");
    if (given) continue;
    const auto held = blocks_given_.find(place);
    if (held == blocks_given_.end() || held->second != block.host) {
      return fail("a block came back that its host did not have");
    }
    blocks_given_.erase(held);
  }
}

// The extra blocks of each host.
void Rig::compare_blocks() {
  follow_blocks();
  if (blocks_given_.size() != naive_.extra_blocks()) fail("other blocks were told of");
  for (std::uint8_t number = 1; number <= 4; ++number) {
    const Address host(10, 0, 0, number);
    std::vector<PortRange> extras;
    for (const BlockView& block : gateway_.engine.blocks_of(host)) {
      if (block.extra) extras.push_back(block.ports);
    }
    if (extras != naive_.extra_blocks_of(host)) fail(host.to_string() + " has other blocks");
  }
}

bool Rig::finish() {
  doing_ = "let everything run out";
  gateway_.advance(std::chrono::hours(3));
  gateway_.sweep();
  gateway_.advance(seconds(121));
  gateway_.sweep();
  take_released();
  naive_.settle(gateway_.now());
  check_due_syns();
  if (!fragments_.owed.empty() || !fragments_.empty()) fail("a fragment was never let go");
  compare_tables();
  const Gauges gauges = gateway_.engine.gauges();
  const auto configured = static_cast<std::uint32_t>(naive_.mappings().size());
  std::uint32_t used = 0, quarantined = 0;
  for (const Gauges::Pool& pool : gauges.pools) {
    used += pool.used;
    quarantined += pool.quarantined;
  }
  if (gauges.mappings != configured || used != configured) fail("mappings remain");
  if (gauges.sessions != 0 || gauges.dormant != 0) fail("sessions remain");
  if (gauges.hosts > configured) fail("hosts remain");
  if (gauges.records != configured + gauges.hosts) fail("memory was not given back");
  if (quarantined != 0) fail("ports rest for ever");
  if (gauges.held_syns != 0) fail("SYNs are held for ever");
  if (!blocks_given_.empty()) fail("a block never came back");
  if (gauges.datagrams != 0 || gauges.held_fragments != 0 || gauges.held_bytes != 0) fail("fragments remain");
  return failure_.empty();
}

void Rig::fail(const std::string& what) {
  if (failure_.empty()) failure_ = what + " (" + doing_ + ")";
}

}  // namespace nat::test
