#include "natd/control/table_dump.h"

#include <chrono>
#include <optional>
#include <thread>
#include <unordered_set>
#include <utility>

#include "natd/control/protocol.h"
#include "natd/control/records.h"
#include "natd/system/clock.h"

namespace nat {
namespace {

// Records seen under one hold of the lock. To remove one costs more than to look at it.
constexpr unsigned kVisitBudget = 256;
constexpr unsigned kFlushBudget = 128;
// Mappings that a filter by remote or state may select; the memory of one such request.
constexpr std::size_t kMostSelected = 65536;
// Lets a datapath thread that waits for the lock have it: a mutex favours who comes back at once.
constexpr std::chrono::microseconds kYield{60};

// One walk over a table, a bounded step at a time.
class Walk {
 public:
  explicit Walk(Service& service) : service_(service) {}

  // Whether there is more after this step. `step` gets the engine and the cursor.
  template <typename Step>
  bool advance(Step step) {
    if (begun_) std::this_thread::sleep_for(kYield);
    begun_ = true;
    const auto engine = service_.shared_engine().lock();
    step(engine, cursor_);
    return cursor_ != 0;
  }

 private:
  Service& service_;
  std::uint64_t cursor_ = 0;
  bool begun_ = false;
};

std::string too_many(std::uint64_t id) {
  return error_line(
      id, {"too-many", "more than " + std::to_string(kMostSelected) + " mappings have such sessions",
           "narrow the filter, by internal for example"});
}

// Which mappings a filter means. Terms about sessions need a walk over the sessions first.
class Selection {
 public:
  Selection(Service& service, const Filter& filter)
      : filter_(filter), session_filter_(filter), walk_(service), ready_(!filter.asks_for_sessions()) {
    session_filter_.origin.reset();
  }

  // A step towards knowing them. Nothing once they are known; else whether to come again, with the reason in
  // `out` when there is none to come again for.
  std::optional<bool> prepare(std::uint64_t id, std::string& out) {
    if (!ready_) {
      collect();
      return true;
    }
    if (!overflown()) return std::nullopt;
    out += too_many(id);
    return false;
  }

  bool contains(const MappingView& mapping) const {
    return filter_.matches(mapping) && (!filter_.asks_for_sessions() || selected_.contains(mapping.id));
  }

 private:
  bool overflown() const { return selected_.size() > kMostSelected; }

  void collect() {
    const bool more = walk_.advance([&](const SharedEngine::Lock& engine, std::uint64_t& cursor) {
      engine->visit_sessions(cursor, kVisitBudget, engine.now(), [&](const SessionView& session) {
        if (session_filter_.matches(session)) selected_.insert(session.mapping_id);
      });
    });
    ready_ = !more || overflown();
  }

  const Filter filter_;
  Filter session_filter_;
  Walk walk_;
  bool ready_;
  std::unordered_set<std::uint64_t> selected_;
};

class MappingDump : public Reply {
 public:
  MappingDump(Service& service, std::uint64_t id, const Filter& filter)
      : id_(id), selection_(service, filter), walk_(service) {}

  bool next(std::string& out) override {
    if (const auto more = selection_.prepare(id_, out)) return *more;
    std::vector<MappingView> found;
    const TimePoint now = monotonic_now();
    std::uint32_t total = 0;
    const bool more = walk_.advance([&](const SharedEngine::Lock& engine, std::uint64_t& cursor) {
      engine->visit_mappings(cursor, kVisitBudget, engine.now(), [&](const MappingView& mapping) {
        ++total;
        if (selection_.contains(mapping)) found.push_back(mapping);
      });
    });
    total_ += total;
    shown_ += found.size();
    Json items = Json::array();
    for (const MappingView& mapping : found) items.push_back(mapping_record(mapping, now));
    if (!items.empty()) out += items_line(id_, std::move(items));
    if (!more) out += done_line(id_, {{"shown", shown_}, {"total", total_}});
    return more;
  }

 private:
  const std::uint64_t id_;
  Selection selection_;
  Walk walk_;
  std::uint64_t shown_ = 0;
  std::uint64_t total_ = 0;
};

class SessionDump : public Reply {
 public:
  SessionDump(Service& service, std::uint64_t id, const Filter& filter)
      : id_(id), filter_(filter), walk_(service) {}

  bool next(std::string& out) override {
    std::vector<SessionView> found;
    const TimePoint now = monotonic_now();
    const bool more = walk_.advance([&](const SharedEngine::Lock& engine, std::uint64_t& cursor) {
      engine->visit_sessions(cursor, kVisitBudget, engine.now(), [&](const SessionView& session) {
        ++total_;
        if (filter_.matches(session)) found.push_back(session);
      });
    });
    shown_ += found.size();
    Json items = Json::array();
    for (const SessionView& session : found) items.push_back(session_record(session, now));
    if (!items.empty()) out += items_line(id_, std::move(items));
    if (!more) out += done_line(id_, {{"shown", shown_}, {"total", total_}});
    return more;
  }

 private:
  const std::uint64_t id_;
  const Filter filter_;
  Walk walk_;
  std::uint64_t shown_ = 0;
  std::uint64_t total_ = 0;
};

class Flush : public Reply {
 public:
  Flush(Service& service, std::uint64_t id, const Filter& filter)
      : id_(id), selection_(service, filter), walk_(service) {}

  bool next(std::string& out) override {
    if (const auto more = selection_.prepare(id_, out)) return *more;
    const bool more = walk_.advance([&](const SharedEngine::Lock& engine, std::uint64_t& cursor) {
      const Engine::Flushed flushed = engine->flush(
          cursor, kFlushBudget, [&](const MappingView& mapping) { return selection_.contains(mapping); },
          engine.now());
      mappings_ += flushed.mappings;
      sessions_ += flushed.sessions;
    });
    if (!more) out += done_line(id_, {{"removed", {{"mappings", mappings_}, {"sessions", sessions_}}}});
    return more;
  }

 private:
  const std::uint64_t id_;
  Selection selection_;
  Walk walk_;
  std::uint64_t mappings_ = 0;
  std::uint64_t sessions_ = 0;
};

}  // namespace

std::unique_ptr<Reply> dump_mappings(Service& service, std::uint64_t id, const Filter& filter) {
  return std::make_unique<MappingDump>(service, id, filter);
}

std::unique_ptr<Reply> dump_sessions(Service& service, std::uint64_t id, const Filter& filter) {
  return std::make_unique<SessionDump>(service, id, filter);
}

std::unique_ptr<Reply> flush_mappings(Service& service, std::uint64_t id, const Filter& filter) {
  return std::make_unique<Flush>(service, id, filter);
}

}  // namespace nat
