// Sessions: one mapping and one remote endpoint each, found from both sides of the gateway.
//
// A session is one cache line that holds everything a packet of it needs (both rewrites, the TCP state, the
// deadline, the byte counts), so that a packet costs one line of an index and one line here. What only expiry
// needs lies apart. Keys, internal and external, are not stored twice: the indexes refer to the records.
#pragma once

#include <cstdint>

#include "translation/base/hash_index.h"
#include "translation/base/siphash.h"
#include "translation/base/slab.h"
#include "translation/base/timer_wheel.h"
#include "translation/net/endpoint.h"
#include "translation/state/tcp_track.h"

namespace nat {

struct Session {
  Address internal_address, external_address, remote_address;
  std::uint16_t internal_port, external_port, remote_port;
  Protocol protocol;
  bool live : 1;             // in use; counted as a session
  bool dormant : 1;          // expired, kept only so that the filter knows the remote while the mapping lives
  bool confirmed : 1;        // a packet went out: the remote is one that the internal side has contacted
  bool from_outside : 1;     // the first packet came in
  bool established : 1;      // it was notified as such
  std::uint16_t generation;  // how many sessions had this number before; goes round
  std::uint8_t profile;      // of its mapping
  std::uint32_t mapping;
  Tick deadline;
  TcpTrack tcp;
  std::uint64_t sent_bytes, received_bytes;

  Endpoint internal() const { return {internal_address, internal_port}; }
  Endpoint external() const { return {external_address, external_port}; }
  Endpoint remote() const { return {remote_address, remote_port}; }
};

// Every session hangs in one list of its mapping, and in the timer wheel while live or in the queue of
// dormant ones.
struct SessionLinks {
  std::uint32_t previous_of_mapping;
  std::uint32_t next_of_mapping;
};

struct SessionKey {
  Protocol protocol;
  Endpoint own;  // internal or external, by the index asked
  Endpoint remote;
};

class SessionTable {
 public:
  SessionTable(std::uint32_t capacity, const HashSecret& secret)
      : sessions_(capacity),
        links_(capacity),
        timers_(capacity),
        secret_(secret),
        by_internal_(capacity),
        by_external_(capacity) {}

  // By (protocol, internal endpoint, remote endpoint); kNone when there is none. Finds dormant ones too.
  std::uint32_t find_outbound(const SessionKey& key) const {
    return by_internal_.find(hash(key), [&](std::uint32_t number) {
      const Session& s = sessions_[number];
      return s.internal_port == key.own.port && s.remote_port == key.remote.port &&
             s.internal_address == key.own.address && s.remote_address == key.remote.address &&
             s.protocol == key.protocol;
    });
  }
  // By (protocol, external endpoint, remote endpoint).
  std::uint32_t find_inbound(const SessionKey& key) const {
    return by_external_.find(hash(key), [&](std::uint32_t number) {
      const Session& s = sessions_[number];
      return s.external_port == key.own.port && s.remote_port == key.remote.port &&
             s.external_address == key.own.address && s.remote_address == key.remote.address &&
             s.protocol == key.protocol;
    });
  }

  // Brings what a look-up needs into the cache, in two steps: the index first, then, some packets later, the
  // record. The hash returned by the first step is the second's argument.
  std::uint64_t prefetch_index(const SessionKey& key, Direction direction) const {
    const std::uint64_t hashed = hash(key);
    index(direction).prefetch(hashed);
    return hashed;
  }
  void prefetch_session(std::uint64_t hashed, Direction direction) const {
    const std::uint32_t number = index(direction).guess(hashed);
    if (number != kNone) __builtin_prefetch(&sessions_[number], 1);
  }

  // kNone when the table is full. The endpoints of `session` must be set; it is found from both sides
  // afterwards.
  std::uint32_t insert(const Session& session);
  void erase(std::uint32_t number);

  Session& operator[](std::uint32_t number) { return sessions_[number]; }
  const Session& operator[](std::uint32_t number) const { return sessions_[number]; }
  SessionLinks& links(std::uint32_t number) { return links_[number]; }
  const SessionLinks& links(std::uint32_t number) const { return links_[number]; }
  ZeroedArray<TimerLink>& timers() { return timers_; }

  bool full() const { return sessions_.used() == sessions_.capacity(); }
  std::uint32_t used() const { return sessions_.used(); }
  std::uint32_t capacity() const { return sessions_.capacity(); }
  std::uint32_t high_water() const { return sessions_.high_water(); }

 private:
  const HashIndex& index(Direction direction) const {
    return direction == Direction::outbound ? by_internal_ : by_external_;
  }
  std::uint64_t hash(const SessionKey& key) const {
    return siphash13(secret_, std::uint64_t{key.own.address.value()} << 32 | key.remote.address.value(),
                     std::uint64_t{key.own.port} << 32 | std::uint64_t{key.remote.port} << 16 |
                         static_cast<std::uint64_t>(key.protocol));
  }

  Slab<Session> sessions_;
  ZeroedArray<SessionLinks> links_;
  ZeroedArray<TimerLink> timers_;
  HashSecret secret_;
  HashIndex by_internal_;
  HashIndex by_external_;
};

// A doubly linked list of sessions of one mapping.
struct SessionList {
  std::uint32_t head = kNone;
  std::uint32_t tail = kNone;
  std::uint32_t count = 0;
};

void append(SessionTable& table, SessionList& list, std::uint32_t number);
void remove(SessionTable& table, SessionList& list, std::uint32_t number);

}  // namespace nat
