// Whether mappings last while they are used: against a filter that ends what it guards, and against chance.
#pragma once

#include "tests/natcheck/stun/findings.h"
#include "tests/natcheck/stun/inquirer.h"

namespace nat::check::stun {

// Provokes the filter of some mappings with an answer from where nothing was asked, and then looks, by
// RESPONSE-PORT, whether they are still there; beside them, some that were left alone. Nothing where the
// latter do not show either, or the server does not know RESPONSE-PORT.
std::optional<bool> survives_filter(const Inquirer& inquirer, const Settings& settings);

// Uses some mappings and looks after each packet whether they are what they were: the same external endpoint
// and, where the mapping does not depend on the remote, the same permission for the server's other endpoint.
// A permission counts as lost only if asking for it again brings it back: then nothing else was in the way.
std::optional<Endurance> endure(const Inquirer& inquirer, const Settings& settings,
                                const Endpoint& other_address, std::optional<Behavior> mapping);

// Whether the mapping of `port`, which the server has seen as `external`, is there: `asker` has the server
// send to it. Nothing if that cannot be found out.
struct AliveQuestion {
  AliveQuestion(Port& asker, Port& port, const Settings& settings, const Endpoint& external);
  std::optional<bool> alive() const;

  Question question;
};

}  // namespace nat::check::stun
