"""Captures on interfaces of the lab, and questions to ask of them.

tcpdump writes, this module reads: classic pcap, Ethernet, IPv4 and ARP, as much as the assertions need.
Byte-exact tests use scapy on the same files.
"""

import contextlib
import dataclasses
import ipaddress
import pathlib
import signal
import struct

from .waiting import wait_until

_ICMP_ERRORS = (3, 4, 5, 11, 12)


@dataclasses.dataclass(frozen=True)
class Packet:
    """One IPv4 packet, or an ARP message with the two protocol addresses as source and destination."""

    time: float
    protocol: int | str  # an IP protocol number, or "arp"
    source: str
    destination: str
    ttl: int
    payload: bytes  # what follows the IP header, as far as it was captured

    @property
    def ports(self):
        """(source, destination) of TCP and UDP; None in later fragments and other protocols."""
        if self.protocol in (6, 17) and len(self.payload) >= 4:
            return struct.unpack("!HH", self.payload[:4])
        return None

    @property
    def quoted(self):
        """The packet that an ICMP error quotes, or None."""
        if self.protocol == 1 and len(self.payload) >= 28 and self.payload[0] in _ICMP_ERRORS:
            return _ipv4(self.time, self.payload[8:])
        return None

    def addresses(self):
        """Every address in its headers, those inside an ICMP error's quote included."""
        inner = self.quoted.addresses() if self.quoted else set()
        return {self.source, self.destination} | inner

    def __str__(self):
        ports = "{}>{}".format(*self.ports) if self.ports else ""
        quote = f" quoting [{self.quoted}]" if self.quoted else ""
        return f"{self.source} > {self.destination} protocol {self.protocol} ttl {self.ttl} {ports}{quote}"


def _dotted(raw):
    return ".".join(map(str, raw))


def _ipv4(time, raw):
    if len(raw) < 20 or raw[0] >> 4 != 4:
        return None
    length = (raw[0] & 15) * 4
    fragment = struct.unpack("!H", raw[6:8])[0] & 0x1FFF
    protocol = raw[9] if fragment == 0 else f"fragment of {raw[9]}"
    return Packet(time, protocol, _dotted(raw[12:16]), _dotted(raw[16:20]), raw[8], bytes(raw[length:]))


def _frame(time, raw):
    kind = struct.unpack("!H", raw[12:14])[0] if len(raw) >= 14 else 0
    if kind == 0x0800:
        return _ipv4(time, raw[14:])
    if kind == 0x0806 and len(raw) >= 42:
        return Packet(time, "arp", _dotted(raw[28:32]), _dotted(raw[38:42]), 0, b"")
    return None


def read(path):
    """The IPv4 and ARP packets of a pcap file, in order. A last record cut short is left out."""
    raw = path.read_bytes()
    if len(raw) < 24:
        return []
    order = "<" if raw[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    packets, at = [], 24
    while at + 16 <= len(raw):
        seconds, micros, kept, _ = struct.unpack(order + "IIII", raw[at:at + 16])
        if at + 16 + kept > len(raw):
            break
        packet = _frame(seconds + micros / 1e6, raw[at + 16:at + 16 + kept])
        if packet:
            packets.append(packet)
        at += 16 + kept
    return packets


class Capture:
    """tcpdump on one interface of a host, from construction to stop() or the end of the `with` block.

    `direction` is "in", "out" or "inout", as the host sees it.
    """

    def __init__(self, lab, host, interface, expression="", snap=160, direction="inout"):
        self.path = lab.path / f"{host}-{interface}-{id(self):x}.pcap"
        self._process = lab.start(host, "tcpdump", "-i", interface, "-Q", direction, "-s", snap, "-U", "-n",
                                  "-Z", "root", "-B", 16384, "--immediate-mode", "-w", self.path, *expression.split(),
                                  ready=r"listening on", name="tcpdump")

    def packets(self):
        """What has been written so far."""
        return read(self.path)

    def wait_for(self, predicate, what, timeout=5.0):
        """Waits for a packet that fulfils the predicate and returns it."""
        return wait_until(lambda: next(filter(predicate, self.packets()), None), what, timeout)

    def stop(self):
        """Ends the capture with everything written; returns its packets."""
        self._process.send(signal.SIGINT)
        self._process.wait()
        return self.packets()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.end()


@contextlib.contextmanager
def kept(lab, directory, name):
    """While it lasts, writes what passes both sides of the gateway to files that stay: NAME-lan0.pcap, NAME-wan0.pcap.

    Does nothing without a directory. For corpora of the fuzzers: at most 20000 packets of each side.
    """
    if not directory:
        yield
        return
    path = pathlib.Path(directory)
    path.mkdir(parents=True, exist_ok=True)
    writers = [lab.start(lab.gw, "tcpdump", "-i", interface, "-s", 400, "-c", 20000, "-n", "-Z", "root", "-w",
                         path / f"{name}-{interface}.pcap", ready=r"listening on", name="tcpdump")
               for interface in ("lan0", "wan0")]
    try:
        yield
    finally:
        for writer in writers:
            writer.end()


def leaks(packets, inside=("10.0.0.0/8",)):
    """The packets that carry an address of the inside networks in any header."""
    networks = [ipaddress.ip_network(network) for network in inside]

    def is_inside(address):
        return any(ipaddress.ip_address(address) in network for network in networks)

    return [packet for packet in packets if any(map(is_inside, packet.addresses()))]
