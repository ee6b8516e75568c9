"""Packets octet by octet: what arrives at a host is compared with what should have.

An Ear hears every IPv4 packet that arrives at a host's eth0, whole. `seen_after` builds the expectation with scapy, which
computes every checksum anew.
"""

import select
import socket
import time

from scapy.layers.inet import ICMP, IP, TCP, UDP

ETH_P_IP = 0x0800
SO_RCVBUFFORCE = 33
SOL_PACKET, PACKET_IGNORE_OUTGOING = 263, 23


class Ear:
    """Listens from construction to close()."""

    def __init__(self, host, interface="eth0"):
        self.address = host.address
        self._socket = host.socket(socket.SOCK_DGRAM, family=socket.AF_PACKET,
                                   protocol=socket.htons(ETH_P_IP))
        self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 24)
        # What the host itself sends would crowd out what it hears.
        self._socket.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
        self._socket.bind((interface, ETH_P_IP))

    def hear(self, wanted=lambda _packet: True, timeout=3.0):
        """The next packet for this host that is wanted, as octets; None when none comes in time."""
        deadline = time.monotonic() + timeout
        while (left := deadline - time.monotonic()) > 0:
            if not select.select([self._socket], [], [], left)[0]:
                break
            octets, origin = self._socket.recvfrom(65535)
            packet = octets[:int.from_bytes(octets[2:4], "big")]
            if origin[2] != socket.PACKET_OUTGOING and socket.inet_ntoa(packet[16:20]) == self.address and wanted(packet):
                return packet
        return None

    def forget(self):
        """Leaves out what has arrived so far."""
        while select.select([self._socket], [], [], 0)[0]:
            self._socket.recv(65535)

    def close(self):
        self._socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def seen_after(packet, hops, source=None, destination=None):
    """The packet as scapy would have made it with other endpoints, (address, port) each, `hops` routers on.

    A checksum that was given stays as it was given.
    """
    seen = packet.copy()
    seen.ttl -= hops
    transport = next((seen[layer] for layer in (TCP, UDP) if layer in seen), None)
    if source:
        seen.src = source[0]
        if transport:
            transport.sport = source[1]
        elif ICMP in seen:
            seen[ICMP].id = source[1]
    if destination:
        seen.dst = destination[0]
        if transport:
            transport.dport = destination[1]
        elif ICMP in seen:
            seen[ICMP].id = destination[1]
    return bytes(seen)


def with_identification(octets, like):
    """`octets` with the identification of `like`, and the header checksum for it."""
    changed = IP(octets)
    changed.id = IP(like).id
    del changed.chksum
    return bytes(changed)
