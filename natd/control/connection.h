// One client: its unread octets, the request that is being answered, the output that it has not taken yet.
// Each of them is bounded, and each turn does a bounded piece of work: one read, one page, one write.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <sys/types.h>

#include "natd/control/event_hub.h"
#include "natd/control/protocol.h"
#include "natd/control/reply.h"
#include "natd/control/service.h"
#include "natd/system/event_loop.h"

namespace nat {

// Events in the order of time, with their text, made once for all who watch.
class EventBatch {
 public:
  struct Event {
    TimePoint at;
    std::uint64_t weight = 1;  // packets, of a refusal
    std::variant<MappingView, DropEvent> about;
    std::string text;
  };

  // `interval` and `tick` are how much time repeated and new refusals sum up.
  EventBatch(const std::vector<MappingEvent>& mappings, const std::vector<RefusalEvent>& refusals,
             std::uint64_t lost, Duration interval, Duration tick);

  const std::vector<Event>& events() const { return events_; }
  // Events, or refused packets, that found no place in the hub.
  std::uint64_t lost() const { return lost_; }

 private:
  std::vector<Event> events_;
  std::uint64_t lost_;
};

class Connection {
 public:
  // The output that may wait for the client; an answer's page comes on top of none.
  static constexpr std::size_t kMostOutput = 1U << 20;

  // Greets the client.
  Connection(Descriptor socket, uid_t user, Service& service);

  int fd() const { return socket_.get(); }
  uid_t user() const { return user_; }

  // The epoll events it waits for: none of them while it only watches.
  std::uint32_t wants() const;
  // One turn, when they came.
  void advance(std::uint32_t events);
  bool finished() const { return finished_; }

  bool watching() const { return watch_.has_value(); }
  void tell(const EventBatch& batch);

  // When octets last moved either way.
  TimePoint moved() const { return moved_; }
  // Whether it keeps its place without using it: it is silent, or does not take what it asked for. Who
  // watches and reads is welcome for ever.
  bool idle() const { return !watching() || !output_.empty(); }
  // Says why, as far as the socket takes it, and is finished.
  void close_connection(const ControlError& error);

 private:
  struct Watch {
    std::uint64_t id = 0;
    Filter filter;
    std::uint64_t lost = 0;
  };

  bool hung_up() const;
  void receive();
  void send();
  void answer(const std::string& line);
  void start(const Request& request);
  void next_page();

  Descriptor socket_;
  const uid_t user_;
  Service& service_;
  LineBuffer input_;
  std::string output_;
  std::unique_ptr<Reply> reply_;
  std::optional<Watch> watch_;
  TimePoint moved_;
  bool last_request_ = false;  // the client has closed its side, or is being turned away
  bool finished_ = false;
};

}  // namespace nat
