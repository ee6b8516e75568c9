#include "translation/state/session_table.h"

namespace nat {

static_assert(sizeof(Session) == 64, "a session is one cache line; the slab begins at one");

std::uint32_t SessionTable::insert(const Session& session) {
  const std::uint32_t number = sessions_.take();
  if (number == kNone) return kNone;
  sessions_[number] = session;
  by_internal_.insert(hash({session.protocol, session.internal(), session.remote()}), number);
  by_external_.insert(hash({session.protocol, session.external(), session.remote()}), number);
  return number;
}

void SessionTable::erase(std::uint32_t number) {
  Session& session = sessions_[number];
  by_internal_.erase(hash({session.protocol, session.internal(), session.remote()}), number);
  by_external_.erase(hash({session.protocol, session.external(), session.remote()}), number);
  session.live = false;
  session.dormant = false;
  sessions_.give_back(number);
}

void append(SessionTable& table, SessionList& list, std::uint32_t number) {
  table.links(number) = {list.tail, kNone};
  if (list.tail == kNone) {
    list.head = number;
  } else {
    table.links(list.tail).next_of_mapping = number;
  }
  list.tail = number;
  ++list.count;
}

void remove(SessionTable& table, SessionList& list, std::uint32_t number) {
  const SessionLinks link = table.links(number);
  (link.previous_of_mapping == kNone ? list.head : table.links(link.previous_of_mapping).next_of_mapping) =
      link.next_of_mapping;
  (link.next_of_mapping == kNone ? list.tail : table.links(link.next_of_mapping).previous_of_mapping) =
      link.previous_of_mapping;
  --list.count;
}

}  // namespace nat
