"""Hairpinning: two hosts inside meet at their external endpoints, and see each other's external endpoint."""

import pytest

from natlab import capture, topology, traffic


@pytest.mark.rows("U9", "U9a", "F5.6")
def test_udp(lab, natd, servers):
    """U9, U9a: the packet arrives with the sender's external source, the answer finds its way back."""
    with traffic.udp_socket(lab.in1) as one, traffic.udp_socket(lab.in2) as two:
        external_one, _ = traffic.ask(one, servers[0].endpoint)
        external_two, _ = traffic.ask(two, servers[0].endpoint)
        with capture.Capture(lab, lab.gw, "wan0", "udp") as wan:
            one.sendto(b"hairpin", external_two)
            assert two.recvfrom(100) == (b"hairpin", external_one)
            two.sendto(b"answer", external_one)
            assert one.recvfrom(100) == (b"answer", external_two)
            traffic.ask(one, servers[0].endpoint)
            assert all("192.0.2.31" in packet.addresses() for packet in wan.stop()), "it stays off wan0"


def test_udp_to_oneself(lab, natd, servers):
    """A host that sends to its own external endpoint hears itself."""
    with traffic.udp_socket(lab.in1) as sock, traffic.udp_socket(lab.in1) as other:
        external, _ = traffic.ask(sock, servers[0].endpoint)
        other_external, _ = traffic.ask(other, servers[0].endpoint)
        other.sendto(b"self", external)
        assert sock.recvfrom(100) == (b"self", other_external)


@pytest.mark.rows("U9a")
def test_udp_from_a_socket_without_a_mapping(lab, natd, servers):
    """U9a: a mapping is made for the sender when it has none."""
    with traffic.udp_socket(lab.in1) as one, traffic.udp_socket(lab.in2) as two:
        external_two, _ = traffic.ask(two, servers[0].endpoint)
        one.sendto(b"first", external_two)
        data, source = two.recvfrom(100)
        assert data == b"first" and source[0] == topology.EXTERNAL
        assert traffic.ask(one, servers[0].endpoint)[0] == source


@pytest.mark.rows("T8")
def test_tcp(lab, natd, servers):
    """T8: connecting to the external endpoint of a listening host shows the external peer address."""
    with traffic.Stream(lab.in2, servers[0].endpoint, port=6200) as mapped:
        with traffic.tcp_socket(lab.in2, 6200) as listener:
            listener.listen(1)
            with traffic.tcp_socket(lab.in1, 6201) as client:
                client.connect(mapped.seen_as)
                accepted, peer = listener.accept()
                with accepted:
                    assert peer[0] == topology.EXTERNAL
                    assert client.getpeername() == mapped.seen_as
                    accepted.sendall(b"through the hairpin" * 20_000)
                    assert _receive(client, 19 * 20_000) == b"through the hairpin" * 20_000
                with traffic.Stream(lab.in1, servers[1].endpoint, port=6201) as other:
                    assert other.seen_as == peer


@pytest.mark.rows("I7", "I7a", "X12")
def test_icmp_error_comes_back(lab, natd, servers):
    """I7: a datagram to an external endpoint whose host has closed the socket comes back as refused."""
    with traffic.udp_socket(lab.in2) as two:
        external_two, _ = traffic.ask(two, servers[0].endpoint)
    with traffic.udp_socket(lab.in1) as one:
        one.connect(external_two)
        one.send(b"anyone there?")
        with pytest.raises(ConnectionRefusedError):
            one.recv(100)


@pytest.mark.rows("TT5")
@pytest.mark.parametrize("rp_filter", [0, 1, 2])
def test_source_validation_stays_as_the_administrator_has_it(lab, natd, servers, rp_filter):
    """Loose, strict or none: both protocols turn round, with nothing set for it and no redirect on the way."""
    before = lab.gw.sysctl("net.ipv4.conf.lan0.rp_filter")
    for interface in ("all", "lan0"):
        lab.gw.sysctl(f"net.ipv4.conf.{interface}.rp_filter", rp_filter)
    try:
        with capture.Capture(lab, lab.in1, "eth0", "icmp[icmptype] == icmp-redirect") as redirects:
            test_udp(lab, natd, servers)
            test_tcp(lab, natd, servers)
            assert redirects.stop() == []
        assert lab.gw.sysctl("net.ipv4.conf.lan0.accept_local") == "0"
    finally:
        lab.gw.sysctl("net.ipv4.conf.all.rp_filter", 0)
        lab.gw.sysctl("net.ipv4.conf.lan0.rp_filter", before)


def test_ping_of_the_external_address_from_inside(lab, natd):
    """The gateway answers for its own address."""
    assert traffic.ping(lab.in1, topology.EXTERNAL) == 3


@pytest.mark.rows("TT1")
def test_the_path_decrements_ttl_once(lab, natd, servers):
    """TT1: a hairpin is one crossing."""
    with traffic.udp_socket(lab.in1) as one, traffic.udp_socket(lab.in2) as two:
        external_two, _ = traffic.ask(two, servers[0].endpoint)
        with capture.Capture(lab, lab.in2, "eth0", "udp") as watch:
            one.sendto(b"count me", external_two)
            packet = watch.wait_for(lambda seen: b"count me" in seen.payload, "the datagram at in2")
            assert packet.ttl == 63


def _receive(sock, size):
    data = bytearray()
    while len(data) < size and (part := sock.recv(65536)):
        data += part
    return bytes(data)
