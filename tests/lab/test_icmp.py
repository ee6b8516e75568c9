"""ICMP: errors find their way through the translation, and the path looks right."""

import re
import socket

import pytest

from natlab import capture, topology, traffic, waiting, wire


def hops(host, *options):
    """The addresses that traceroute shows, in order."""
    output = host.run("traceroute", "-n", "-q", "1", "-w", "2", "-m", "6", *options, timeout=60)
    return re.findall(r"^\s*\d+\s+([\d.]+|\*)", output, re.MULTILINE)


@pytest.mark.parametrize("method", [(), ("-I",), ("-T", "-p", "7007")], ids=["udp", "icmp", "tcp"])
@pytest.mark.rows("I10a2", "TT1", "TT3")
def test_traceroute_shows_the_gateway_and_then_the_way(lab, natd, servers, method):
    """I10a2, TT1: one hop for the gateway, with its inside address."""
    assert hops(lab.in1, *method, lab.out1.address) == ["10.0.0.254", "203.0.113.1", lab.out1.address]


@pytest.mark.rows("TT1", "TT2", "TT6")
def test_ttl_goes_down_by_one_each_way(lab, natd, servers):
    """TT1, both directions."""
    with capture.Capture(lab, lab.gw, "wan0", "udp") as wan, capture.Capture(lab, lab.in1, "eth0", "udp") as lan:
        with traffic.udp_socket(lab.in1) as sock:
            traffic.ask(sock, servers[0].endpoint, b"ttl probe")
        out = wan.wait_for(lambda packet: packet.destination == lab.out1.address, "the request on wan0")
        back = lan.wait_for(lambda packet: packet.source == lab.out1.address, "the reply at in1")
        on_wan = wan.wait_for(lambda packet: packet.source == lab.out1.address, "the reply on wan0")
    assert (out.source, out.ttl) == (topology.EXTERNAL, 63)
    assert back.ttl == on_wan.ttl - 1


@pytest.mark.rows("U12b")
def test_port_unreachable_reaches_the_socket(lab, natd):
    """U12b: a datagram to a closed port is refused, as the inside socket sees it."""
    with traffic.udp_socket(lab.in1) as sock:
        sock.connect((lab.out1.address, 9))
        sock.send(b"anyone?")
        with pytest.raises(ConnectionRefusedError):
            sock.recv(100)


def test_errors_do_not_end_a_mapping(lab, natd, servers):
    """U12: after a refusal from one server the mapping still serves another."""
    with traffic.udp_socket(lab.in1, 4777) as sock:
        before, _ = traffic.ask(sock, servers[1].endpoint)
        sock.sendto(b"closed", (lab.out1.address, 9))
        after, _ = traffic.ask(sock, servers[1].endpoint)
        assert after == before


@pytest.mark.rows("I5a")
def test_port_unreachable_from_inside_shows_the_external_address(lab, natd, servers):
    """I5: the socket inside is gone, the server's next datagram is refused by the external address."""
    with traffic.udp_socket(lab.out1, 7500) as server:
        with traffic.udp_socket(lab.in1) as sock:
            sock.sendto(b"hello", (lab.out1.address, 7500))
            _, seen_as = server.recvfrom(100)
        with capture.Capture(lab, lab.out1, "eth0", "icmp") as watch:
            server.sendto(b"too late", seen_as)
            error = watch.wait_for(lambda packet: packet.protocol == 1, "the error at out1")
    assert error.source == topology.EXTERNAL
    assert (error.quoted.source, error.quoted.destination) == (lab.out1.address, topology.EXTERNAL)
    assert error.quoted.ports == (7500, seen_as[1])


@pytest.mark.rows("TT4", "I10a2")
def test_time_exceeded_from_outside_shows_the_external_address(lab, natd, servers):
    """TT4: a packet from outside that dies in the gateway is reported without inside addresses."""
    with traffic.udp_socket(lab.out1, 7501) as server, traffic.udp_socket(lab.in1) as sock:
        sock.sendto(b"hello", (lab.out1.address, 7501))
        _, seen_as = server.recvfrom(100)
        server.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 2)
        with capture.Capture(lab, lab.out1, "eth0", "icmp") as watch:
            server.sendto(b"short-lived", seen_as)
            error = watch.wait_for(lambda packet: packet.protocol == 1, "time exceeded at out1")
    assert error.payload[0] == 11
    assert error.source == topology.EXTERNAL
    assert error.quoted.destination == topology.EXTERNAL and error.quoted.ports == (7501, seen_as[1])


@pytest.fixture
def short_lives(natd):
    """UDP sessions of two seconds."""
    natd.set(lab="yes", udp__timeout="2s")
    yield natd
    natd.set(udp__timeout="5min", lab="no")


@pytest.mark.rows("NO5", "TT4")
def test_time_exceeded_about_a_remembered_remote_shows_no_inside_address(lab, short_lives, servers):
    """NO5: the session has run out and its mapping lives; a packet from outside dies in the gateway."""
    with traffic.udp_socket(lab.out1, 7502) as server, traffic.udp_socket(lab.in1) as sock:
        sock.sendto(b"hello", (lab.out1.address, 7502))
        _, seen_as = server.recvfrom(100)

        def remembered():
            # Another remote keeps the mapping.
            sock.sendto(b"keep", (topology.OUTSIDE["out2"], 7503))
            return f"{lab.out1.address}:7502" not in str(short_lives.ctl("show", "sessions"))

        waiting.wait_until(remembered, "the session with out1 to run out")
        server.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 2)
        with capture.Capture(lab, lab.out1, "eth0", "icmp") as watch:
            server.sendto(b"short-lived", seen_as)
            error = watch.wait_for(lambda packet: packet.protocol == 1, "time exceeded at out1")
    assert error.payload[0] == 11
    assert error.source == topology.EXTERNAL
    assert error.quoted.destination == topology.EXTERNAL and error.quoted.ports == (7502, seen_as[1])


@pytest.fixture
def narrow_core(lab):
    """The link from core to the servers carries 1300 octets."""
    lab.core.batch("link set net0 mtu 1300")
    yield lab
    lab.core.batch("link set net0 mtu 1500")
    lab.in1.batch("route flush cache")


@pytest.mark.rows("T9")
def test_a_transfer_finds_the_path_mtu(natd, servers, narrow_core):
    """T9: the sender inside learns from core's "fragmentation needed" and 1 MB arrives."""
    lab = narrow_core
    with capture.Capture(lab, lab.in1, "eth0", "icmp") as watch:
        with traffic.Stream(lab.in1, servers[0].endpoint, timeout=20) as stream:
            payload = bytes(range(250)) * 400
            for _ in range(10):
                stream.echo(payload)
        error = watch.wait_for(lambda packet: packet.payload[:2] == b"\x03\x04", "fragmentation needed at in1")
    assert error.quoted.source == "10.0.0.1"
    assert int.from_bytes(error.payload[6:8], "big") == 1300
    assert "mtu 1300" in lab.in1.run("ip", "route", "get", lab.out1.address)


@pytest.mark.rows("U13", "I10a1", "TT3", "FR5")
def test_too_big_for_the_gateways_own_link(lab, natd, servers):
    """U13: DF set and larger than wan0's MTU: an error with the MTU and the inside header quoted."""
    lab.gw.batch("link set wan0 mtu 1280")
    try:
        with capture.Capture(lab, lab.in1, "eth0", "icmp") as watch, traffic.udp_socket(lab.in1) as sock:
            sock.setsockopt(socket.IPPROTO_IP, 10, 3)  # IP_MTU_DISCOVER = IP_PMTUDISC_PROBE: DF, and no memory
            sock.sendto(b"x" * 1372, servers[0].endpoint)
            error = watch.wait_for(lambda packet: packet.payload[:2] == b"\x03\x04", "fragmentation needed at in1")
        assert int.from_bytes(error.payload[6:8], "big") == 1280
        assert error.quoted.source == "10.0.0.1"
    finally:
        lab.gw.batch("link set wan0 mtu 1500")


@pytest.mark.rows("U13a")
def test_what_may_be_fragmented_is_and_arrives(lab, natd, servers):
    """1400 octets through an external link of 1280: fragments of one datagram, in ascending order."""
    lab.gw.batch("link set wan0 mtu 1280")
    try:
        with wire.Ear(lab.out1) as ear, traffic.udp_socket(lab.out1, 7600) as server, traffic.udp_socket(
                lab.in1) as sock:
            sock.setsockopt(socket.IPPROTO_IP, 10, 0)  # IP_MTU_DISCOVER = IP_PMTUDISC_DONT
            payload = bytes(range(200)) * 7
            sock.sendto(payload, (lab.out1.address, 7600))
            assert server.recvfrom(2000)[0] == payload
            parts = [ear.hear(lambda packet: packet[9] == socket.IPPROTO_UDP) for _ in range(2)]
        words = [int.from_bytes(part[6:8], "big") for part in parts]
        assert [len(part) for part in parts] == [1276, 20 + 8 + 1400 - 1256]
        assert [(word & 0x1fff) * 8 for word in words] == [0, 1256], "offsets"
        assert [word & 0x2000 for word in words] == [0x2000, 0], "more fragments"
        assert parts[0][4:6] == parts[1][4:6]
    finally:
        lab.gw.batch("link set wan0 mtu 1500")
