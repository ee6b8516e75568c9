// Reports to systemd how natd is (sd_notify(3), Type=notify-reload). Without systemd nothing happens.
#pragma once

#include <optional>
#include <string>

#include "translation/base/time.h"

namespace nat {

void notify_ready(const std::string& status);
void notify_status(const std::string& status);
// Followed by notify_ready() when the reload is over, however it went.
void notify_reloading();
void notify_stopping();
void notify_alive();

// How often systemd wants notify_alive() to be called, with a margin; nothing when it does not watch.
std::optional<Duration> watchdog_interval();

}  // namespace nat
