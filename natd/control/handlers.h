// What each command of the protocol does: thin, each calls the service or walks the engine and hands back the
// answer. `watch` is the server's own business, as it never ends.
#pragma once

#include <memory>
#include <optional>

#include "natd/control/protocol.h"
#include "natd/control/reply.h"
#include "natd/control/service.h"

namespace nat {

std::unique_ptr<Reply> handle(Service& service, const Request& request);

// Why a filter cannot be used for the command: a term that it knows nothing of would select nothing, and
// that would look like an answer.
std::optional<ControlError> unfit(ControlCommand command, const Filter& filter);

}  // namespace nat
