"""The timers on a real clock, shortened as only a laboratory may: what is used outlives them, what is idle does not."""

import time

import pytest
from scapy.layers.inet import IP, TCP

from natlab import gateway, raw, topology, traffic, wire
from natlab.waiting import wait_until

SHORT = {"lab": "yes", "udp.timeout": "2s", "icmp.timeout": "2s", "tcp.opening": "2s", "tcp.established": "3s",
         "tcp.closing": "2s", "tcp.reset": "2s"}
PATIENCE = 15  # for an end that is due after three seconds


@pytest.fixture(scope="module")
def hasty(datapath):
    with topology.L1() as lab, traffic.Responder(lab.out1) as server, gateway.Natd(
            lab, lab.gw, datapath, SHORT) as natd:
        yield lab, natd, server


def of(natd, port, protocol):
    return natd.ctl("show", "sessions", "proto", protocol, "internal", f"10.0.0.1:{port}")["sessions"]


def wait_gone(natd, port, protocol):
    wait_until(lambda: of(natd, port, protocol) == [], f"the {protocol} session to end", PATIENCE)


@pytest.mark.rows("U6")
def test_udp_lives_by_outbound_packets(hasty):
    lab, natd, server = hasty
    with traffic.udp_socket(lab.in1, 5700) as sock:
        traffic.ask(sock, server.endpoint)
        born, end = natd.mappings()[0]["id"], time.monotonic() + 5
        while time.monotonic() < end:
            traffic.ask(sock, server.endpoint)
            assert [mapping["id"] for mapping in natd.mappings()] == [born]
        wait_gone(natd, 5700, "udp")
        assert natd.mappings() == []


def test_a_ping_is_forgotten(hasty):
    lab, natd, _ = hasty
    assert traffic.ping(lab.in1, lab.out1.address, count=1) == 1
    wait_until(lambda: natd.ctl("show", "sessions", "proto", "icmp")["sessions"] == [], "the echo session to end", PATIENCE)


def says_goodbye(packet):
    """Whether it is a segment with FIN or RST."""
    return packet[9] == 6 and packet[33] & 5 != 0


@pytest.mark.rows("T12")
def test_an_idle_connection_ends_in_silence(hasty):
    """Neither end hears a RST or a FIN (an acknowledgement of the last data may still be under way)."""
    lab, natd, server = hasty
    with traffic.Stream(lab.in1, server.endpoint, port=5710) as stream:
        stream.echo(b"and now silence")
        wait_until(lambda: of(natd, 5710, "tcp")[0]["state"] == "established", "both acknowledgements")
        with wire.Ear(lab.in1) as inside, wire.Ear(lab.out1) as outside:
            wait_gone(natd, 5710, "tcp")
            assert inside.hear(says_goodbye, timeout=0.5) is None
            assert outside.hear(says_goodbye, timeout=0.5) is None


def test_half_open_closing_and_reset_connections_end(hasty):
    lab, natd, server = hasty
    with raw.quiet(lab.in1):
        raw.send(lab.in1, IP(src="10.0.0.1", dst=lab.out1.address) / TCP(sport=5711, dport=9, flags="S"))
        wait_until(lambda: of(natd, 5711, "tcp"), "the half-open session")
        wait_gone(natd, 5711, "tcp")
    stream = traffic.Stream(lab.in1, server.endpoint, port=5712)
    stream.close()
    wait_until(lambda: of(natd, 5712, "tcp")[0]["state"] == "both-fin", "both FINs")
    wait_gone(natd, 5712, "tcp")
    with traffic.Stream(lab.in1, server.endpoint, port=5713) as stream:
        stream.reset()
        wait_until(lambda: of(natd, 5713, "tcp")[0]["state"] == "reset", "the reset")
    wait_gone(natd, 5713, "tcp")
