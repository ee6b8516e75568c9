#include "natd/control/records.h"

#include <chrono>

#include "natd/system/clock.h"

namespace nat {
namespace {

// Seconds, to the millisecond.
Json seconds_left(TimePoint expires, TimePoint now) {
  if (expires == kNever) return nullptr;
  return static_cast<double>(std::max<Duration::rep>(0, (expires - now).count())) / 1000.0;
}

// The remote of an echo session has no port, nor has that of an address-dependent mapping.
std::string endpoint_text(Endpoint endpoint) {
  return endpoint.port == 0 ? endpoint.address.to_string() : endpoint.to_string();
}

void put_origin(Json& record, const MappingView& mapping) {
  record["origin"] = to_string(mapping.origin);
  if (!mapping.name.empty()) record["name"] = mapping.name;
}

std::string protocol_name(std::uint8_t number) {
  const auto protocol = protocol_of(number);
  return protocol ? to_string(*protocol) : "ip-" + std::to_string(number);
}

}  // namespace

Json mapping_record(const MappingView& mapping, TimePoint now) {
  Json record{{"id", mapping.id},
              {"proto", to_string(mapping.protocol)},
              {"internal", mapping.internal.to_string()},
              {"external", mapping.external.to_string()},
              {"mapping", to_string(mapping.behavior)},
              {"filtering", to_string(mapping.filtering)}};
  if (mapping.remote != Endpoint{}) record["remote"] = endpoint_text(mapping.remote);
  record["sessions"] = mapping.sessions;
  record["dormant"] = mapping.dormant;
  record["expires"] = seconds_left(mapping.expires, now);
  put_origin(record, mapping);
  return record;
}

Json session_record(const SessionView& session, TimePoint now) {
  return {{"mapping", session.mapping_id},
          {"proto", to_string(session.protocol)},
          {"state", to_string(session.state)},
          {"internal", session.internal.to_string()},
          {"external", session.external.to_string()},
          {"remote", endpoint_text(session.remote)},
          {"initiator", to_string(session.initiator)},
          {"sent", session.sent_bytes},
          {"received", session.received_bytes},
          {"expires", seconds_left(session.expires, now)}};
}

Json block_record(const BlockView& block) {
  Json record{{"external", block.external.to_string()},
              {"first", block.ports.first},
              {"last", block.ports.last},
              {"extra", block.extra},
              {"host", nullptr}};
  if (!block.host.unspecified()) record["host"] = block.host.to_string();
  return record;
}

Json pool_record(const Gauges::Pool& pool) {
  return {{"address", pool.address.to_string()},
          {"proto", to_string(pool.protocol)},
          {"used", pool.used},
          {"quarantined", pool.quarantined},
          {"capacity", pool.capacity}};
}

Json reason_records(const Counters& counters) {
  Json records = Json::array();
  for (std::size_t r = 0; r < kReasonCount; ++r) {
    const auto reason = static_cast<Reason>(r);
    const auto total = counters.total(reason);
    const auto& sides = counters.reasons[r];
    records.push_back({{"outcome", to_string(action_of(reason))},
                       {"reason", to_string(reason)},
                       {"packets", total.packets},
                       {"bytes", total.bytes},
                       {"from_internal", sides[static_cast<std::size_t>(Realm::internal)].packets},
                       {"from_external", sides[static_cast<std::size_t>(Realm::external)].packets},
                       {"sentence", sentence(reason)}});
  }
  return records;
}

Json counter_record(const Counters& counters) {
  return {{"mappings_created", counters.mappings_created},
          {"mappings_removed", counters.mappings_removed},
          {"sessions_created", counters.sessions_created},
          {"sessions_removed", counters.sessions_removed},
          {"passed_without_session", counters.passed_without_session},
          {"icmp_errors_made", counters.icmp_errors_made},
          {"icmp_errors_suppressed", counters.icmp_errors_suppressed},
          {"syns_not_held", counters.syns_not_held}};
}

Json gauge_record(const Gauges& gauges, const Limits& limits) {
  return {{"mappings", gauges.mappings},
          {"mappings_limit", limits.mappings},
          {"sessions", gauges.sessions},
          {"sessions_limit", limits.sessions},
          {"dormant", gauges.dormant},
          {"hosts", gauges.hosts},
          {"hosts_limit", limits.hosts},
          {"fragmented_datagrams", gauges.datagrams},
          {"fragmented_datagrams_limit", limits.fragments},
          {"held_fragments", gauges.held_fragments},
          {"held_fragments_limit", limits.held_fragments},
          {"held_bytes", gauges.held_bytes},
          {"held_bytes_limit", limits.fragment_bytes},
          {"held_syns", gauges.held_syns},
          {"held_syns_limit", limits.held_syns}};
}

Json lock_holds_record(const LockHoldsByPurpose& holds) {
  Json record = Json::object();
  for (const LockPurpose purpose : kLockPurposes) {
    const LockHolds& of = holds[static_cast<std::size_t>(purpose)];
    record[to_string(purpose)] = {{"count", of.count},
                                  {"longest", std::chrono::duration<double>(of.longest).count()},
                                  {"buckets", of.buckets}};
  }
  return record;
}

Json explanation_record(const Explanation& explanation, Realm in) {
  const Action action = action_of(explanation.reason);
  Json record{{"in", to_string(in)}, {"steps", Json::array()}};
  for (const Step& step : explanation.steps) {
    record["steps"].push_back({{"step", step.name}, {"outcome", step.outcome}, {"detail", step.detail}});
  }
  record["outcome"] = to_string(action);
  record["reason"] = to_string(explanation.reason);
  record["sentence"] = sentence(explanation.reason);
  if (action == Action::forward) {
    record["out"] = to_string(explanation.out);
    // A port that is still to be chosen has no text, where there are ports at all.
    const auto endpoint = [&](Endpoint e) {
      if (explanation.portless) return Json(e.address.to_string());
      return e.port == 0 ? Json(nullptr) : Json(e.to_string());
    };
    record["source"] = endpoint(explanation.source);
    record["destination"] = endpoint(explanation.destination);
  }
  if (!explanation.remedy.empty()) record["remedy"] = explanation.remedy;
  if (!explanation.setting.empty()) record["setting"] = explanation.setting;
  return record;
}

Json kind_record(const DropLog::Kind& kind, TimePoint now) {
  const DropEvent& refusal = kind.drop;
  const auto age = [now](TimePoint time) { return static_cast<double>((now - time).count()) / 1000.0; };
  return {{"number", kind.number},
          {"age", age(kind.last)},
          {"first", age(kind.first)},
          {"reason", to_string(refusal.reason)},
          {"in", to_string(refusal.in)},
          {"proto", protocol_name(refusal.ip_protocol)},
          {"source", endpoint_text(refusal.source)},
          {"destination", endpoint_text(refusal.destination)},
          {"packets", kind.packets},
          {"bytes", kind.bytes}};
}

Json refused_record(const DropLog::Kind& kind, TimePoint now) {
  Json record = kind_record(kind, now);
  record.update(explanation_record(kind.explanation, kind.drop.in));
  return record;
}

WallClock WallClock::read() {
  const auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
  return {monotonic_now(), std::chrono::duration_cast<std::chrono::milliseconds>(since_1970).count()};
}

double WallClock::seconds(TimePoint time) const {
  return static_cast<double>(unix_milliseconds + (time - engine).count()) / 1000.0;
}

Json event_record(const MappingEvent& event, const WallClock& clock) {
  const MappingView& mapping = event.mapping;
  Json record{{"time", clock.seconds(event.at)},
              {"event", event.created ? "mapping-created" : "mapping-removed"},
              {"id", mapping.id},
              {"proto", to_string(mapping.protocol)},
              {"internal", mapping.internal.to_string()},
              {"external", mapping.external.to_string()}};
  if (mapping.remote != Endpoint{}) record["remote"] = endpoint_text(mapping.remote);
  put_origin(record, mapping);
  if (!event.created) record["cause"] = to_string(event.cause);
  return record;
}

Json event_record(const RefusalEvent& event, double interval, const WallClock& clock) {
  const DropEvent& refusal = event.refusal;
  return {{"time", clock.seconds(event.at)},
          {"event", "refused"},
          {"reason", to_string(refusal.reason)},
          {"in", to_string(refusal.in)},
          {"proto", protocol_name(refusal.ip_protocol)},
          {"source", endpoint_text(refusal.source)},
          {"destination", endpoint_text(refusal.destination)},
          {"packets", event.packets},
          {"bytes", event.bytes},
          {"interval", interval}};
}

}  // namespace nat
