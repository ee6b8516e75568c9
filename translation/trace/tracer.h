// What would become of a packet, step by step and in words, without touching it or the tables: the decisions
// of the pipeline (Decider), asked in the same order, with the facts that they use.
#pragma once

#include <optional>
#include <string>

#include "translation/pipeline/pipeline.h"
#include "translation/trace/explanation.h"
#include "translation/trace/remedy.h"

namespace nat {

class Tracer {
 public:
  explicit Tracer(const Pipeline& pipeline)
      : state_(pipeline.state()),
        lifecycle_(pipeline.lifecycle()),
        ports_(pipeline.lifecycle().ports()),
        decider_(pipeline.decider()),
        fragments_(pipeline.fragments()) {}

  // With `happened`, what became of the packet just now, else what would.
  Explanation explain(const Packet& packet, Realm in, std::optional<Reason> happened = std::nullopt) const;
  Explanation explain(const Probe& probe) const;

 private:
  // An explanation in the making, and the facts that the remedy follows from.
  struct Draft : Explanation {
    Refused facts;
    Address opened;  // as Decider::inbound has it

    void step(const char* name, const char* outcome, std::string detail) {
      steps.push_back({name, outcome, std::move(detail)});
    }
  };

  void packet(const Packet& packet, Realm in, std::optional<Reason> happened, Draft& draft) const;
  // Whether the packet goes on through the pipeline, as first fragments do.
  bool fragment(const PacketView& view, Realm in, std::optional<Reason> happened, Draft& draft) const;
  void whole(const PacketView& view, const Packet& packet, Realm in, Draft& draft) const;
  void hop(const PacketView& view, const Packet& packet, Draft& draft) const;
  void error(const PacketView& view, const Packet& packet, Realm in, Draft& draft) const;
  void error_inbound(const Quote& quote, Draft& draft) const;
  void error_outbound(const PacketView& view, const Quote& quote, bool from_gateway, Draft& draft) const;

  // flow_trace.cpp
  void flow(const Flow& flow, Realm in, Draft& draft) const;
  void outbound(const Flow& flow, Draft& draft) const;
  bool target(const Flow& flow, Draft& draft) const;
  void hairpinned(const Flow& flow, Draft& draft) const;
  void unpicked_port(const Flow& flow, Draft& draft) const;
  bool room(const Flow& flow, const Decision& decision, Draft& draft) const;
  void inbound(const Flow& flow, bool hairpinned, Draft& draft) const;
  void inbound_refusal(const Flow& flow, const Decision& decision, Draft& draft) const;
  static void without_session(const Decision& decision, Draft& draft);
  std::string filter_text(std::uint32_t mapping) const;
  std::string mapping_text(std::uint32_t mapping) const;
  std::string contacted_text(std::uint32_t mapping) const;

  const State& state_;
  const Lifecycle& lifecycle_;
  const PortAllocator& ports_;
  const Decider& decider_;
  const Fragments& fragments_;
};

}  // namespace nat
