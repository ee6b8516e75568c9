"""No internal address leaves (RFC 5508 REQ-5): provoked here, and watched for in every other test (natlab/watch.py)."""

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP

from natlab import capture, raw, topology, traffic, watch

UNKNOWN_PROTOCOLS = (2, 41, 47, 50, 132)
ERRORS = ((3, 3), (3, 1), (11, 0), (12, 0), (4, 0), (5, 0))


def provocations(server, port):
    """What comes from inside and cannot be translated as it is; `port` is in1's, mapped to itself."""
    somebody = IP(src="10.0.0.1", dst=server)
    for protocol in UNKNOWN_PROTOCOLS:
        yield IP(src="10.0.0.1", dst=server, proto=protocol) / bytes(40)
    yield IP(src="10.9.9.9", dst=server) / UDP(sport=1, dport=2) / b"not of this network"
    yield somebody / TCP(sport=4444, dport=80, flags="A")
    yield IP(src="10.0.0.1", dst=server, frag=100, id=9, proto=17) / (b"orphan" * 8)
    yield somebody / ICMP(type=13)
    for about in (IP(src=server, dst="10.0.0.1") / UDP(sport=7007, dport=port),
                  IP(src=server, dst="10.0.0.1") / UDP(sport=9, dport=9),
                  IP(src=server, dst="10.0.0.77") / TCP(sport=9, dport=9)):
        for source in ("10.0.0.1", "10.0.0.77"):
            for kind, code in ERRORS:
                yield IP(src=source, dst=server) / ICMP(type=kind, code=code) / bytes(about)


@pytest.mark.rows("NO5", "I5")
def test_nothing_internal_leaves_whatever_is_tried(lab, natd, servers):
    with capture.Capture(lab, lab.gw, "wan0", "arp or icmp or net 10.0.0.0/8", direction="out") as wan:
        with traffic.udp_socket(lab.in1, 5900) as sock:
            seen_as, _ = traffic.ask(sock, servers[0].endpoint)
            for packet in provocations(lab.out1.address, 5900):
                raw.send(lab.in1, packet)
            for ttl in (1, 2, 3):  # ends in core, in the gateway, and nowhere
                raw.send(lab.out1, IP(src=lab.out1.address, dst=topology.EXTERNAL, ttl=ttl)
                         / UDP(sport=7007, dport=seen_as[1]) / b"short-lived")
            assert traffic.ping(lab.in1, lab.out1.address, count=1) == 1
        packets = wan.stop()
    assert [str(packet) for packet in capture.leaks(packets)] == []
    errors = [packet for packet in packets if packet.quoted]
    assert {packet.payload[:2] for packet in errors} >= {b"\3\3", b"\3\1", b"\x0b\0", b"\x0c\0"}, "those about a session"
    assert all(packet.quoted.ports == (7007, seen_as[1]) for packet in errors), "and no others"


@pytest.mark.alone
@pytest.mark.rows("NO5")
def test_nothing_internal_has_left_in_the_whole_run(datapath):
    """Every gateway of every test in this run, but those set to let addresses out."""
    datapaths, packets = watch.whole_run()
    if datapath not in datapaths:
        pytest.skip("no gateway was watched in this run")
    assert packets == []
