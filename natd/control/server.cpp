#include "natd/control/server.h"

#include <algorithm>
#include <exception>
#include <map>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include <pthread.h>
#include <sys/epoll.h>

#include "natd/control/connection.h"
#include "natd/control/listener.h"
#include "natd/engine/random.h"
#include "natd/observe/log.h"
#include "natd/system/clock.h"

namespace nat {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMostClients = 16;
// Of one user who is not root, so that no user can keep root out.
constexpr std::ptrdiff_t kMostClientsOfUser = 8;
constexpr int kAcceptsOfTurn = 16;
// A client may be silent between requests, or not take its answer, for so long.
constexpr Duration kIdleTimeout = 30s;
// When all places are taken, for so long.
constexpr Duration kPatienceWhenFull = 1s;
constexpr Duration kTick = 100ms;  // between two looks at the events
// Repeated refusals are summed up for so many ticks.
constexpr int kTicksOfInterval = 10;

HashSecret new_secret() {
  KernelRandom random;
  return {random.next(), random.next()};
}

}  // namespace

class ControlServer::Loop {
 public:
  Loop(Service& service, std::string path, std::string group)
      : service_(service), path_(std::move(path)), group_(std::move(group)) {}
  ~Loop() { stop(); }
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  void start() {
    listener_.emplace(path_, group_);
    listen();
    sweep_.every(1s);
    service_.shared_engine().subscribe(hub_);
    thread_ = std::thread([this] { run(); });
  }

  void stop() noexcept {
    if (thread_.joinable()) {
      quit_.wake();
      thread_.join();
    }
    if (listener_) service_.shared_engine().unsubscribe(hub_);
    while (!clients_.empty()) forget(clients_.begin()->first);
    if (listener_) loop_.forget(listener_->fd());
    listener_.reset();
  }

 private:
  struct Client {
    Connection connection;
    std::optional<std::uint32_t> awaited;  // the events that the loop waits for, once it does
  };
  using Clients = std::map<int, Client>;  // by descriptor

  void run() {
    pthread_setname_np(pthread_self(), "natd-control");
    try {
      loop_.run();
    } catch (const std::exception& error) {
      log_error(std::string("the control socket ended: ") + error.what() +
                "; restart natd to use natctl again");
    }
  }

  // --- Coming

  void listen() {
    loop_.watch(listener_->fd(), EPOLLIN, [this](std::uint32_t) { accept(); });
  }

  void accept() {
    for (int i = 0; i < kAcceptsOfTurn; ++i) {
      bool exhausted = false;
      auto guest = listener_->accept(exhausted);
      if (exhausted) {
        // Who cannot be accepted stays at the door; without a pause the loop would spin.
        loop_.forget(listener_->fd());
        resume_.at(monotonic_now() + kTick);
      }
      if (!guest) return;
      admit(std::move(*guest));
    }
  }

  void admit(ControlListener::Peer guest) {
    const int fd = guest.socket.get();
    Connection connection(std::move(guest.socket), guest.user, service_);
    if (!guest.allowed) {
      return connection.close_connection({"not-permitted", "this user may not steer natd",
                                          group_.empty()
                                              ? "run natctl as root, or name a group in control.group"
                                              : "run natctl as root or as a member of the group " + group_});
    }
    if (!make_place(guest.user)) {
      return connection.close_connection(
          {"busy", "natd serves as many clients as it can", "try again, or end a 'natctl watch'"});
    }
    clients_.emplace(fd, Client{std::move(connection), {}});
    settle(fd);
  }

  // Whether there is room for one more of the user's. A client that keeps its place idle loses it.
  bool make_place(uid_t user) {
    const auto of_user = std::count_if(clients_.begin(), clients_.end(), [&](const auto& client) {
      return client.second.connection.user() == user;
    });
    const bool user_full = user != 0 && of_user >= kMostClientsOfUser;
    if (clients_.size() < kMostClients && !user_full) return true;
    const TimePoint latest = monotonic_now() - kPatienceWhenFull;
    auto idlest = clients_.end();
    for (auto it = clients_.begin(); it != clients_.end(); ++it) {
      const Connection& candidate = it->second.connection;
      if (user_full && candidate.user() != user) continue;
      if (!candidate.idle() || candidate.moved() > latest) continue;
      if (idlest == clients_.end() || candidate.moved() < idlest->second.connection.moved()) idlest = it;
    }
    if (idlest == clients_.end()) return false;
    idlest->second.connection.close_connection({"busy", "another client needed the place", "connect again"});
    forget(idlest->first);
    return true;
  }

  // --- Being served

  void turn(int fd, std::uint32_t events) {
    clients_.at(fd).connection.advance(events);
    settle(fd);
  }

  // After anything was done with a client: waits for what it wants now, or ends it.
  void settle(int fd) {
    Client& client = clients_.at(fd);
    if (client.connection.finished()) return forget(fd);
    const std::uint32_t wanted = client.connection.wants();
    if (client.awaited == wanted) return;
    loop_.forget(fd);
    loop_.watch(fd, wanted, [this, fd](std::uint32_t events) { turn(fd, events); });
    client.awaited = wanted;
    follow_events();
  }

  void forget(int fd) {
    loop_.forget(fd);
    clients_.erase(fd);
    follow_events();
  }

  // Descriptors of all clients, as serving one of them may end it.
  std::vector<int> descriptors() const {
    std::vector<int> all;
    for (const auto& [fd, client] : clients_) all.push_back(fd);
    return all;
  }

  void sweep() {
    const TimePoint latest = monotonic_now() - kIdleTimeout;
    for (const int fd : descriptors()) {
      Connection& connection = clients_.at(fd).connection;
      if (connection.watching() || connection.moved() > latest) continue;
      connection.close_connection(
          {"timed-out", "no request came for " + std::to_string(kIdleTimeout.count() / 1000) + " seconds",
           "connect again when there is one"});
      settle(fd);
    }
  }

  // --- Events

  void follow_events() {
    const bool wanted = std::any_of(clients_.begin(), clients_.end(),
                                    [](const auto& client) { return client.second.connection.watching(); });
    if (wanted == following_) return;
    following_ = wanted;
    service_.shared_engine().deliver();  // what happened before is not for those who come now
    hub_.watch(wanted);
    if (wanted) {
      tick_.every(kTick);
    } else {
      tick_.at(kNever);
    }
  }

  void tell() {
    service_.shared_engine().deliver();
    const bool interval_ends = ++ticks_ % kTicksOfInterval == 0;
    std::uint64_t lost = hub_.take_mappings(mappings_);
    lost += hub_.take_refusals(interval_ends, refusals_);
    const EventBatch batch(mappings_, refusals_, lost, kTick * kTicksOfInterval, kTick);
    for (const int fd : descriptors()) {
      clients_.at(fd).connection.tell(batch);
      settle(fd);
    }
  }

  Service& service_;
  const std::string path_;
  const std::string group_;
  EventHub hub_{new_secret()};
  EventLoop loop_;
  Wakeup quit_{loop_, [this] { loop_.stop(); }};
  Timer sweep_{loop_, [this] { sweep(); }};
  Timer tick_{loop_, [this] { tell(); }};
  Timer resume_{loop_, [this] { listen(); }};
  std::optional<ControlListener> listener_;
  Clients clients_;
  bool following_ = false;
  int ticks_ = 0;
  std::vector<MappingEvent> mappings_;  // of the last tick; their memory goes round
  std::vector<RefusalEvent> refusals_;
  std::thread thread_;
};

ControlServer::ControlServer(Service& service, std::string path, std::string group)
    : loop_(std::make_unique<Loop>(service, std::move(path), std::move(group))) {}

ControlServer::~ControlServer() = default;

void ControlServer::start() { loop_->start(); }

void ControlServer::stop() noexcept { loop_->stop(); }

}  // namespace nat
