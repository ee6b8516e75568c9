#include "tests/traversal/peer.h"

#include <algorithm>

#include <unistd.h>

namespace nat::traversal {
namespace {

template <typename Value>
bool contains(const std::vector<Value>& values, const Value& value) {
  return std::find(values.begin(), values.end(), value) != values.end();
}

Endpoint shifted(const Endpoint& endpoint, int offset) {
  return {endpoint.address, static_cast<std::uint16_t>(endpoint.port + offset)};
}

}  // namespace

Peer::Peer(const PeerSettings& settings, std::function<void(const Result&)> introduced)
    : settings_(settings),
      introduced_(std::move(introduced)),
      input_(check::Descriptor(settings.start == Start::enter ? dup(STDIN_FILENO) : -1)),
      line_(make_line(settings.protocol, settings.local, settings.server)),
      run_(check::random_number()),
      begin_(Clock::now()),
      next_tick_(begin_),
      next_join_(begin_) {
  result_.settings = settings;
  result_.local = line_->local();
}

Result Peer::run() {
  for (TimePoint now = begin_; !over(now); now = Clock::now()) {
    if (now >= next_tick_) tick(now);
    check::serve_once({&signals_, &input_, &line_->port()}, std::min(next_tick_, deadline()));
    entered_ = entered_ || input_.take() || input_.over();
    for (const Heard& heard : line_->take_heard()) take(heard);
    for (const Endpoint& remote : line_->take_opened()) {
      if (remote == settings_.server) {
        next_tick_ = next_join_ = now;
      } else if (nonce_ != 0) {
        say(Kind::knock, remote);
      }
    }
    if (nonce_ != 0 && !start_at_ && told_to_start()) start_at_ = Clock::now() + settings_.delay;
    if (start_at_ && !begun_) next_tick_ = std::min(next_tick_, *start_at_);
  }
  Message leave;
  leave.kind = Kind::leave;
  leave.nonce = run_;
  leave.from = settings_.name;
  leave.to = settings_.partner;
  line_->send(leave, settings_.server);
  if (introduced_at_ && result_.outcome != Outcome::reached) {
    result_.duration = std::chrono::duration_cast<milliseconds>(Clock::now() - *introduced_at_);
  }
  result_.heard = sources_;
  result_.partner_reached = partner_stage_ == Stage::done;
  result_.rebuffs = line_->rebuffs();
  return result_;
}

bool Peer::over(TimePoint now) {
  if (result_.outcome == Outcome::refused || !result_.reason.empty()) return true;
  if (signals_.raised()) {
    result_.reason = "interrupted";
    return true;
  }
  if (result_.outcome == Outcome::reached && partner_stage_ == Stage::done) return true;
  return now >= deadline();
}

TimePoint Peer::deadline() const {
  switch (result_.outcome) {
    case Outcome::no_server:
      return begin_ + settings_.timeout;
    case Outcome::alone:
      return begin_ + settings_.wait;
    default:
      return introduced_at_.value_or(begin_) + settings_.delay + settings_.patience;
  }
}

void Peer::tick(TimePoint now) {
  next_tick_ = now + PeerSettings::kInterval;
  line_->reach(settings_.server, now);
  if (now >= next_join_) join(now);
  if (nonce_ == 0) return;
  if (start_at_ && now >= *start_at_) call(now);
  for (const Endpoint& source : sources_) say(Kind::knock, source);
  if (stage_ != Stage::none) say(Kind::notice, settings_.server, stage_);
}

void Peer::join(TimePoint now) {
  next_join_ = nonce_ == 0 ? now : now + kRejoin;
  Message message;
  message.kind = Kind::join;
  message.nonce = run_;
  message.cookie = cookie_;
  message.from = settings_.name;
  message.to = settings_.partner;
  message.internal = line_->local();
  line_->send(message, settings_.server);
}

// Speaks to the targets, once more.
void Peer::call(TimePoint now) {
  const bool opener = settings_.technique == Technique::sequential && settings_.name < settings_.partner;
  const bool first = !std::exchange(begun_, true);
  if (stage_ == Stage::none) stage_ = Stage::begun;
  if (opener && !first) {
    if (stage_ != Stage::begun || now < *start_at_ + kOpening) return;
    line_->stop_reaching(settings_.server);
    stage_ = Stage::opened;
    return;
  }
  for (const Endpoint& target : targets_) {
    if (result_.outcome != Outcome::reached) line_->reach(target, now);
    if (!contains(sources_, target)) say(Kind::knock, target);
  }
}

bool Peer::told_to_start() const {
  if (settings_.technique == Technique::sequential && settings_.name > settings_.partner) {
    return partner_stage_ >= Stage::opened;
  }
  switch (settings_.start) {
    case Start::now:
      return true;
    case Start::after_peer:
      return !sources_.empty() || partner_stage_ >= Stage::begun;
    case Start::never:
      return false;
    case Start::enter:
      return entered_;
  }
  return false;
}

void Peer::take(const Heard& heard) {
  const Message& message = heard.message;
  const bool direct = message.kind == Kind::knock || message.kind == Kind::answer;
  const bool relayed = heard.from == settings_.server;
  if (relayed && message.to == settings_.name && message.from == settings_.partner && !direct) {
    take_from_server(message);
  } else if (direct && nonce_ != 0) {
    take_from_partner(heard);
  }
}

void Peer::take_from_server(const Message& message) {
  if (message.kind == Kind::introduce) return take_introduction(message);
  if (message.kind == Kind::notice && message.nonce == nonce_) {
    partner_stage_ = std::max(partner_stage_, message.stage);
    return;
  }
  if (message.nonce != run_) return;
  if (message.kind == Kind::refused) result_.outcome = Outcome::refused;
  if (message.kind != Kind::seen) return;
  if (result_.outcome == Outcome::no_server) result_.outcome = Outcome::alone;
  result_.external = message.external;
  if (cookie_ != message.cookie) next_tick_ = next_join_ = Clock::now();
  cookie_ = message.cookie;
}

void Peer::take_introduction(const Message& message) {
  if (message.nonce == nonce_ || result_.outcome == Outcome::reached) return;
  nonce_ = message.nonce;
  result_.outcome = Outcome::no_way;
  result_.partner_external = message.external;
  result_.partner_internal = message.internal;
  partner_stage_ = stage_ = Stage::none;
  sources_.clear();
  start_at_.reset();
  begun_ = false;
  next_join_ = Clock::now() + kRejoin;
  choose_role();
  if (!introduced_at_) introduced_(result_);
  introduced_at_ = Clock::now();
}

// What the technique makes of the introduction: whom to call, and whether to.
void Peer::choose_role() {
  targets_.clear();
  const auto add = [&](const Endpoint& target) {
    if (target != line_->local() && !contains(targets_, target)) targets_.push_back(target);
  };
  const bool we_are_public = result_.external == result_.local;
  const bool partner_is_public = result_.partner_external == result_.partner_internal;
  switch (settings_.technique) {
    case Technique::relay:
      return add(settings_.server);
    case Technique::predict:
      return add(shifted(result_.partner_external, settings_.offset));
    case Technique::reverse:
      if (!we_are_public && !partner_is_public) {
        result_.reason = "both are behind gateways, and connection reversal needs one that is not";
      }
      if (we_are_public && (!partner_is_public || settings_.name < settings_.partner))
        settings_.start = Start::never;
      return add(result_.partner_external);
    case Technique::punch:
    case Technique::sequential:
      break;
  }
  if (settings_.try_internal) add(result_.partner_internal);
  if (settings_.try_external) add(result_.partner_external);
}

void Peer::take_from_partner(const Heard& heard) {
  const Message& message = heard.message;
  const bool genuine =
      message.nonce == nonce_ && message.from == settings_.partner && message.to == settings_.name;
  const bool relayed = heard.from == settings_.server;
  if (relayed && (!genuine || settings_.technique != Technique::relay)) return;
  if (!genuine || !allowed(heard.from)) {
    ++result_.rejected;
    return line_->cut(heard.from);
  }
  const bool news = !contains(sources_, heard.from);
  if (news && sources_.size() >= kSources) return;
  if (news) sources_.push_back(heard.from);
  if (message.kind == Kind::knock) {
    say(Kind::answer, heard.from);
    if (news) say(Kind::knock, heard.from);
    return;
  }
  if (result_.outcome == Outcome::reached) return;
  result_.outcome = Outcome::reached;
  result_.remote = heard.from;
  result_.seen_as = message.external;
  result_.duration = std::chrono::duration_cast<milliseconds>(Clock::now() - *introduced_at_);
  stage_ = Stage::done;
  line_->stop_reaching(settings_.server);
  say(Kind::notice, settings_.server, stage_);
}

bool Peer::allowed(const Endpoint& source) const {
  if (settings_.technique == Technique::relay) return source == settings_.server;
  return !settings_.strict || source == result_.partner_external ||
         (settings_.try_internal && source == result_.partner_internal);
}

void Peer::say(Kind kind, const Endpoint& to, Stage stage) {
  Message message;
  message.kind = kind;
  message.stage = stage;
  message.nonce = nonce_;
  message.from = settings_.name;
  message.to = settings_.partner;
  if (kind == Kind::answer && to != settings_.server) message.external = to;
  line_->send(message, to);
}

}  // namespace nat::traversal
