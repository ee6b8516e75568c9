"""Packets made by hand, sent from a lab host as they are, and the silence of its own kernel."""

import contextlib
import socket

SO_MARK = 36
OURS = 1  # the mark of what is sent here, which quiet() lets pass


def send(host, packet):
    """Sends one IPv4 packet, header included; the kernel routes it and changes nothing but an empty checksum."""
    with host.socket(socket.SOCK_RAW, protocol=socket.IPPROTO_RAW) as sock:
        sock.setsockopt(socket.SOL_SOCKET, SO_MARK, OURS)
        raw = bytes(packet)
        sock.sendto(raw, (socket.inet_ntoa(raw[16:20]), 0))


@contextlib.contextmanager
def quiet(host):
    """Inside the block the host's kernel sends no RST and no ICMP unreachable of its own."""
    others = ("-m", "mark", "!", "--mark", str(OURS))
    rules = (("-p", "tcp", "--tcp-flags", "RST", "RST"), ("-p", "icmp", "--icmp-type", "destination-unreachable"))
    for rule in rules:
        host.run("iptables", "-A", "OUTPUT", *others, *rule, "-j", "DROP")
    try:
        yield
    finally:
        for rule in rules:
            host.run("iptables", "-D", "OUTPUT", *others, *rule, "-j", "DROP")
