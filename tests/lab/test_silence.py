"""What no host asked for is dropped without a word, and no internal address is reachable from outside."""

import socket
import struct
import time

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP

from natlab import capture, raw, topology, traffic, wire
from natlab.waiting import wait_until

# Seconds, for every packet; RFC 5382 REQ-4 would allow an ICMP error after 6.
SILENCE = 30.0
# When a sender that hears nothing sends its SYN again, in seconds after the first.
RETRANSMISSIONS = (1, 3, 7)


@pytest.fixture
def mapped(lab, natd, servers):
    """External ports (udp, tcp) of in1 that have talked to out1 only."""
    with traffic.udp_socket(lab.in1, 4600) as sock, traffic.Stream(lab.in1, servers[0].endpoint, port=4600) as stream:
        yield traffic.ask(sock, servers[0].endpoint)[0][1], stream.seen_as[1]


def probes(source, ports):
    """Every sort of unsolicited packet to the given UDP and TCP port."""
    udp_port, tcp_port = ports
    ip = IP(src=source, dst=topology.EXTERNAL)
    yield ip / UDP(sport=999, dport=udp_port) / b"unsolicited"
    for flags in ("S", "A", "R", "F", "SA", "FA", "PA", "", "FPU"):
        yield ip / TCP(sport=999, dport=tcp_port, flags=flags, seq=1000)


@pytest.mark.rows("T4a", "T4b", "T11", "NO2", "TT8")
def test_nobody_who_was_not_asked_hears_anything(lab, natd, servers, mapped):
    """T4a, T11, NO2: every sort of packet from an unknown remote to a live mapping and to ports without one, SYNs sent again
    and again, and a SYN and a datagram to each of the 65,535 ports, even those of the gateway itself, where no socket
    is: for thirty seconds after each nothing comes back, no RST, no ICMP; and the traffic of all hosts goes on."""
    everything = [*probes(lab.out2.address, mapped), *probes(lab.out2.address, (40123, 40123))]
    target = socket.inet_aton(topology.EXTERNAL)
    begun = time.monotonic()
    with capture.Capture(lab, lab.in1, "eth0", f"host {lab.out2.address}") as inside, wire.Ear(lab.out2) as ear:
        def listen(until):
            heard = ear.hear(lambda packet: packet[12:16] == target, timeout=max(0.0, until - time.monotonic()))
            assert heard is None, IP(heard).summary()

        for packet in everything:
            raw.send(lab.out2, packet)
        knock_everywhere(lab.out2)
        for delay in RETRANSMISSIONS:
            listen(begun + delay)
            for packet in everything:
                if packet.haslayer(TCP) and packet[TCP].flags == "S":
                    raw.send(lab.out2, packet)
        with traffic.Stream(lab.in1, servers[0].endpoint) as stream:
            stream.echo(b"meanwhile")
        listen(time.monotonic() + SILENCE)
        assert [str(packet) for packet in inside.stop()] == []


def knock_everywhere(host):
    """A SYN and a datagram from the host to every port of the external address."""
    source, target = socket.inet_aton(host.address), socket.inet_aton(topology.EXTERNAL)
    syn_length, udp_length = 40, 28
    with host.socket(socket.SOCK_RAW, protocol=socket.IPPROTO_RAW) as sock:
        for port in range(1, 65536):
            head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, syn_length, port, 0x4000, 64, 6, 0, source, target)
            sock.sendto(head + _tcp_syn(source, target, port), (topology.EXTERNAL, 0))
            head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, udp_length, port, 0x4000, 64, 17, 0, source, target)
            sock.sendto(head + struct.pack("!HHHH", 998, port, 8, 0), (topology.EXTERNAL, 0))


def _tcp_syn(source, target, port):
    segment = struct.pack("!HHIIBBHHH", 998, port, 1, 0, 0x50, 2, 8192, 0, 0)
    total = sum(struct.unpack("!16H", source + target + struct.pack("!HH", 6, len(segment)) + segment))
    total = (total & 0xffff) + (total >> 16)
    return segment[:16] + struct.pack("!H", ~(total + (total >> 16)) & 0xffff) + segment[18:]


@pytest.mark.rows("T10", "NO3")
def test_a_stream_of_resets_from_elsewhere_harms_nothing(lab, natd, servers):
    """T10, NO3: RST, FIN and ICMP errors of unknown remotes about a live connection leave it alone."""
    with traffic.Stream(lab.in1, servers[0].endpoint, port=4601) as stream:
        ip = IP(src=lab.out2.address, dst=topology.EXTERNAL)
        quoted = IP(src=topology.EXTERNAL, dst=lab.out1.address) / TCP(sport=stream.seen_as[1], dport=7007, seq=1)
        for flags in ("R", "RA", "F", "S"):
            raw.send(lab.out2, ip / TCP(sport=7007, dport=stream.seen_as[1], flags=flags))
        for kind, code in ((3, 1), (3, 3), (3, 13), (11, 0), (4, 0)):
            raw.send(lab.out2, ip / ICMP(type=kind, code=code) / bytes(quoted)[:28])
        stream.echo(b"still here" * 1000)


@pytest.mark.rows("NO6")
def test_internal_addresses_cannot_be_reached_from_outside(lab, natd):
    """NO6: packets routed to 10.0.0.1 through the external interface go nowhere."""
    with capture.Capture(lab, lab.in1, "eth0", "icmp or udp") as inside:
        lab.core.batch(f"route add 10.0.0.0/24 via {topology.EXTERNAL}")
        try:
            assert traffic.ping(lab.out1, "10.0.0.1", count=2) == 0
            raw.send(lab.out1, IP(src=lab.out1.address, dst="10.0.0.1") / UDP(sport=1, dport=2) / b"x")
            raw.send(lab.out1, IP(src="10.0.0.2", dst="10.0.0.1") / UDP(sport=1, dport=2) / b"x")
        finally:
            lab.core.batch("route del 10.0.0.0/24")
        assert traffic.ping(lab.in1, "10.0.0.254", count=1) == 1  # queued behind anything that did pass
        strangers = [packet for packet in inside.stop() if packet.source in (lab.out1.address, "10.0.0.2")]
        assert [str(packet) for packet in strangers] == []


@pytest.mark.rows("NO6")
def test_a_forged_source_from_inside_does_not_leave(lab, natd):
    """NO6: an inside host cannot send as a remote, nor as an address natd does not serve."""
    with capture.Capture(lab, lab.gw, "wan0", "udp") as wan:
        for source in ("192.0.2.32", "198.51.100.99"):
            raw.send(lab.in1, IP(src=source, dst=lab.out1.address) / UDP(sport=4000, dport=9000) / b"forged")
        with traffic.udp_socket(lab.in1) as sock:
            sock.sendto(b"marker", (lab.out1.address, 9001))
        wan.wait_for(lambda packet: packet.ports and packet.ports[1] == 9001, "the marker on wan0")
        forged = [packet for packet in wan.packets() if packet.source in ("192.0.2.32", "198.51.100.99")]
        assert [str(packet) for packet in forged] == []


@pytest.mark.parametrize("length", [0, 1, 19, 20, 27])
def test_stumps_of_packets_do_no_harm(lab, natd, servers, length):
    """Truncated transport headers, in both directions; the daemon stays and the next packet passes."""
    for host, source, target in ((lab.in1, "10.0.0.1", lab.out1.address),
                                 (lab.out1, lab.out1.address, topology.EXTERNAL)):
        for protocol in (1, 6, 17):
            raw.send(host, IP(src=source, dst=target, proto=protocol) / (b"\x45" * length))
    with traffic.udp_socket(lab.in1) as sock:
        traffic.ask(sock, servers[0].endpoint)


@pytest.mark.rows("T4", "TT9")
def test_an_error_only_after_six_seconds_when_asked_for(lab, natd, servers, mapped):
    """tcp.unsolicited-syn = icmp-delayed: one ICMP error for each sender, no earlier than 6 s and no later than 7,
    and none for the one whom in1 connected to in the meantime."""
    natd.set(**{"tcp__unsolicited-syn": "icmp-delayed"})
    port = mapped[1]
    try:
        with raw.quiet(lab.out2), raw.quiet(lab.out3), capture.Capture(lab, lab.gw, "wan0", "tcp or icmp") as wan:
            for host, target in ((lab.out2, port), (lab.out2, 40123), (lab.out3, port)):
                raw.send(host, IP(src=host.address, dst=topology.EXTERNAL) /
                         TCP(sport=4242, dport=target, flags="S", seq=1000))
            wan.wait_for(lambda packet: packet.source == lab.out3.address, "the last SYN on wan0")
            with traffic.tcp_socket(lab.in1, 4600) as punch:
                punch.setblocking(False)
                punch.connect_ex((lab.out3.address, 4242))
                wan.wait_for(lambda packet: packet.destination == lab.out3.address, "in1's SYN on wan0")
                wait_until(lambda: sum(packet.protocol == 1 for packet in wan.packets()) == 2, "both errors", 9)
                raw.send(lab.out2, IP(src=lab.out2.address, dst=topology.EXTERNAL) / UDP(sport=1, dport=1))
                packets = wan.stop()
        asked = {packet.ports[1]: packet.time for packet in packets if packet.source == lab.out2.address}
        for error in (packet for packet in packets if packet.protocol == 1):
            assert (error.source, error.destination) == (topology.EXTERNAL, lab.out2.address), error
            assert error.payload[:2] == b"\3\3" and error.ttl == 64
            assert error.quoted.destination == topology.EXTERNAL
            assert 6.0 <= error.time - asked.pop(error.quoted.ports[1]) <= 7.0
        assert not asked
    finally:
        natd.set(**{"tcp__unsolicited-syn": "silent"})
