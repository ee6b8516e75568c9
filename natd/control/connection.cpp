#include "natd/control/connection.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <exception>
#include <utility>

#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "natd/control/handlers.h"
#include "natd/control/records.h"
#include "natd/system/clock.h"

namespace nat {
namespace {

// Until a watcher that fell behind learns how much it lost, so that it does not learn it with every event.
constexpr std::size_t kCaughtUp = Connection::kMostOutput / 2;

// Of an items line, beside the items.
constexpr std::size_t kEnvelope = 64;

bool would_block(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

}  // namespace

EventBatch::EventBatch(const std::vector<MappingEvent>& mappings, const std::vector<RefusalEvent>& refusals,
                       std::uint64_t lost, Duration interval, Duration tick)
    : lost_(lost) {
  const WallClock clock = WallClock::read();
  const auto seconds = [](Duration duration) { return static_cast<double>(duration.count()) / 1000; };
  for (const MappingEvent& event : mappings) {
    events_.push_back({event.at, 1, event.mapping, compact(event_record(event, clock))});
  }
  for (const RefusalEvent& event : refusals) {
    const double sum = seconds(event.repeated ? interval : tick);
    events_.push_back({event.at, event.packets, event.refusal, compact(event_record(event, sum, clock))});
  }
  std::stable_sort(events_.begin(), events_.end(),
                   [](const Event& a, const Event& b) { return a.at < b.at; });
}

Connection::Connection(Descriptor socket, uid_t user, Service& service)
    : socket_(std::move(socket)),
      user_(user),
      service_(service),
      output_(hello_line(service.version())),
      moved_(monotonic_now()) {
  send();
}

std::uint32_t Connection::wants() const {
  if (!output_.empty() || reply_) return EPOLLOUT;
  if (watching()) return 0;
  return EPOLLIN;
}

void Connection::advance(std::uint32_t events) {
  if ((events & (EPOLLHUP | EPOLLERR)) != 0 && hung_up()) finished_ = true;
  if (finished_) return;
  if ((events & EPOLLIN) != 0 && wants() == EPOLLIN) receive();
  if (output_.empty() && reply_) next_page();
  send();
  if (finished_ || reply_ || watching() || !output_.empty()) return;
  if (auto line = input_.take_line()) {
    answer(*line);
  } else if (input_.overlong()) {
    close_connection(
        {"request-too-long",
         "a request may have " + std::to_string(kLongestRequest) + " octets and ends with a newline", ""});
  } else if (last_request_) {
    finished_ = true;
  }
}

// The event may have been meant for an earlier owner of the descriptor's number.
bool Connection::hung_up() const {
  pollfd poll{socket_.get(), 0, 0};
  return ::poll(&poll, 1, 0) > 0 && (poll.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0;
}

void Connection::receive() {
  std::array<char, 16384> octets;
  const std::size_t room = std::min(octets.size(), input_.room());
  if (room == 0) return;
  const ssize_t count = recv(socket_.get(), octets.data(), room, MSG_DONTWAIT);
  if (count > 0) {
    input_.add({octets.data(), static_cast<std::size_t>(count)});
    moved_ = monotonic_now();
  } else if (count == 0) {
    last_request_ = true;
  } else if (!would_block(errno)) {
    finished_ = true;
  }
}

void Connection::send() {
  if (output_.empty() || finished_) return;
  const ssize_t count = ::send(socket_.get(), output_.data(), output_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (count > 0) {
    output_.erase(0, static_cast<std::size_t>(count));
    moved_ = monotonic_now();
  } else if (count < 0 && !would_block(errno)) {
    finished_ = true;
  }
  if (output_.empty()) output_.shrink_to_fit();
}

void Connection::answer(const std::string& line) {
  const auto parsed = parse_request(line);
  if (const auto* rejection = std::get_if<Rejection>(&parsed)) {
    output_ += error_line(rejection->id, rejection->error);
  } else {
    start(std::get<Request>(parsed));
  }
  // A client that has got the answer to `watch` must miss nothing from then on: it goes out with the next
  // turn, when the server listens for events.
  if (!watching()) send();
}

void Connection::start(const Request& request) {
  if (request.command == ControlCommand::watch) {
    if (const auto error = unfit(request.command, request.filter)) {
      output_ += error_line(request.id, *error);
      return;
    }
    watch_ = Watch{request.id, request.filter, 0};
    output_ += to_line({{"id", request.id}, {"watching", true}});
    return;
  }
  try {
    reply_ = handle(service_, request);
  } catch (const std::exception& error) {
    output_ += error_line(request.id, {"failed", error.what(), ""});
  }
}

void Connection::next_page() {
  std::string page;
  bool more = false;
  try {
    more = reply_->next(page);
  } catch (const std::exception& error) {
    page = error_line(std::nullopt, {"failed", error.what(), ""});
  }
  if (!more) reply_.reset();
  if (page.size() > kMostOutput) {
    reply_.reset();
    page = error_line(std::nullopt, {"too-many", "the answer is longer than natd sends in one piece", ""});
  }
  output_ += page;
}

void Connection::tell(const EventBatch& batch) {
  if (!watch_ || finished_) return;
  Watch& watch = *watch_;
  watch.lost += batch.lost();
  std::string items;
  if (watch.lost > 0 && output_.size() < kCaughtUp) {
    const double time = WallClock::read().seconds(monotonic_now());
    items = compact({{"time", time}, {"event", "lost"}, {"count", std::exchange(watch.lost, 0)}});
  }
  for (const EventBatch::Event& event : batch.events()) {
    if (!watch.filter.matches_event(event.about)) continue;
    if (output_.size() + items.size() + event.text.size() + kEnvelope > kMostOutput) {
      watch.lost += event.weight;
    } else {
      items += (items.empty() ? "" : ",") + event.text;
    }
  }
  if (items.empty()) return;
  output_ += "{\"id\":" + std::to_string(watch.id) + ",\"items\":[" + items + "]}\n";
  send();
}

void Connection::close_connection(const ControlError& error) {
  if (finished_) return;
  if (output_.empty()) {
    output_ = error_line(std::nullopt, error);
    send();
  }
  finished_ = true;
}

}  // namespace nat
