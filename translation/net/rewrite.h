// Changing the addresses, ports and identifiers of a packet, and every checksum that covers them, in place
// (RFC 3022 section 4.2, RFC 1624). What was a wrong checksum stays wrong by as much. Nothing else is
// touched: no flag, no option but where the operator wants those blanked in which addresses travel, and no
// payload (requirement NO7) but where a laboratory asks for just that.
#pragma once

#include "translation/net/packet.h"

namespace nat {

// For a later fragment only the address changes: it has no transport header, and the first fragment carries
// the whole change of the checksum. For an ICMP echo the port of the endpoint is its identifier.
void rewrite_source(const PacketView& view, Endpoint source, ChecksumState checksum);
void rewrite_destination(const PacketView& view, Endpoint destination, ChecksumState checksum);

void rewrite_identification(const PacketView& view, std::uint16_t identification);

// The same inside an ICMP error, with the checksums of the quoted headers, as far as they are quoted, and of
// the error itself (RFC 5508 section 4). The quote's endpoints are brought up to date.
void rewrite_quote_source(const PacketView& view, Quote& quote, Endpoint source);
void rewrite_quote_destination(const PacketView& view, Quote& quote, Endpoint destination);

// Options in which addresses travel (net/ip_options.h) become ones that do nothing, in the packet's header
// and in the one that an ICMP error quotes.
void blank_address_options(const PacketView& view);
void blank_quote_address_options(const PacketView& view, const Quote& quote);

// Payload, which belongs to the hosts alone (see translation/policy/misbehavior.h): each four octets that are
// the address of `from` become that of `to`, and so does the port behind them where it follows. Packets
// without a transport header, and ICMP, stay as they are.
void rewrite_payload(const PacketView& view, Endpoint from, Endpoint to, ChecksumState checksum);

// Only the address field of the IP header and its checksum; for ICMP errors, whose checksum covers no
// address.
void rewrite_source_address(const PacketView& view, Address source);
void rewrite_destination_address(const PacketView& view, Address destination);

}  // namespace nat
