// The xtables target NFQUEUE inside natd's own nftables table, for kernels without the nft `queue` statement.
//
// The kernel lets nftables rules use xtables targets (that is how iptables-nft works), but nft(8) has no
// words for it. So this rule is added by netlink, at the head of the queue chain of the table that rules.h
// made. Compared with calling iptables it leaves no table or chain of iptables behind, works whichever
// variant of iptables is installed, and no iptables-restore of the operator can remove it.
#pragma once

#include <cstdint>

namespace nat {

// Throws std::runtime_error with a sentence when the kernel has no such target.
void add_queue_target(std::uint16_t first_queue, unsigned queues);

}  // namespace nat
