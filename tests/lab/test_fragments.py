"""Fragments, whichever way and in whichever order (RFC 4787 REQ-14)."""

import itertools

import pytest
from scapy.layers.inet import IP, UDP, fragment

from natlab import raw, topology, traffic

PAYLOAD = bytes(range(256)) * 12  # three fragments of at most 1200 octets
ORDERS = list(itertools.permutations(range(3)))


def pieces(source, destination, identification, payload=PAYLOAD):
    """The datagram source -> destination, (address, port) each, in three fragments."""
    whole = IP(src=source[0], dst=destination[0], id=identification) / UDP(
        sport=source[1], dport=destination[1]) / payload
    parts = fragment(IP(bytes(whole)), fragsize=1200)
    assert len(parts) == 3
    return parts


@pytest.mark.parametrize("name", ["in1", "in2"])
@pytest.mark.rows("FR7")
def test_large_pings(lab, natd, name):
    assert traffic.ping(lab.hosts[name], lab.out1.address, "-s", "3000") == 3


def test_large_datagrams_with_real_sockets(lab, natd, servers):
    with traffic.udp_socket(lab.in1) as sock:
        for size in (1473, 3000, 9000, 40_000):
            assert traffic.ask(sock, servers[0].endpoint, b"z" * size)[1] == b"z" * size


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: "".join(map(str, order)))
@pytest.mark.rows("U14", "FR1")
def test_outbound_in_every_order(lab, natd, servers, order):
    """Only in1's fragments are made by hand; the server's echo is fragmented by its kernel."""
    number = ORDERS.index(order)
    with traffic.udp_socket(lab.in1, 4700 + number) as sock:
        parts = pieces(("10.0.0.1", 4700 + number), servers[0].endpoint, 7000 + number)
        for index in order:
            raw.send(lab.in1, parts[index])
        data, source = sock.recvfrom(65535)
        assert source == servers[0].endpoint
        assert data.split(b"\n", 1) == [traffic.show((topology.EXTERNAL, 4700 + number)).encode(), PAYLOAD]


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: "".join(map(str, order)))
@pytest.mark.rows("U14", "FR1")
def test_inbound_in_every_order(lab, natd, servers, order):
    number = ORDERS.index(order)
    with traffic.udp_socket(lab.in1, 4720 + number) as sock:
        seen_as, _ = traffic.ask(sock, servers[0].endpoint)
        parts = pieces(servers[0].endpoint, seen_as, 7100 + number)
        for index in order:
            raw.send(lab.out1, parts[index])
        assert sock.recvfrom(65535) == (PAYLOAD, servers[0].endpoint)


@pytest.mark.rows("FR2", "ID3")
def test_two_hosts_use_one_identification_at_once(lab, natd, servers):
    """FR2: interleaved fragments of in1 and in2 with the same IP ID reach the server as two intact datagrams."""
    payloads = {"in1": b"1" * 3072, "in2": b"2" * 3072}
    ports = {"in1": 4741, "in2": 4742}
    socks = {name: traffic.udp_socket(lab.hosts[name], port) for name, port in ports.items()}
    parts = {name: pieces((lab.hosts[name].address, ports[name]), servers[0].endpoint, 4242, payloads[name])
             for name in socks}
    for one, two in zip(parts["in1"], parts["in2"]):
        raw.send(lab.in1, one)
        raw.send(lab.in2, two)
    for name, sock in socks.items():
        with sock:
            assert sock.recvfrom(65535)[0].split(b"\n", 1)[1] == payloads[name]


@pytest.mark.rows("FR3")
def test_filtered_fragments_stay_outside(lab, natd, servers):
    """FR3: the first fragment decides for all of them."""
    with traffic.udp_socket(lab.in1, 4750, timeout=0.5) as sock:
        seen_as, _ = traffic.ask(sock, servers[0].endpoint)
        for part in pieces((lab.out2.address, 999), seen_as, 7300):
            raw.send(lab.out2, part)
        with pytest.raises(TimeoutError):
            sock.recvfrom(65535)
        assert traffic.ask(sock, servers[0].endpoint, PAYLOAD)[1] == PAYLOAD


def test_a_flood_of_orphans_disturbs_nobody(lab, natd, servers):
    """U14a: later fragments whose first never comes; everyday traffic loses nothing."""
    for number in range(3000):
        raw.send(lab.out2, IP(src=lab.out2.address, dst=topology.EXTERNAL, id=number, frag=100 + number % 50,
                              flags="MF", proto=17) / (b"orphan" * 30))
    assert traffic.ping(lab.in1, lab.out1.address, count=5) == 5
    with traffic.udp_socket(lab.in1) as sock:
        assert traffic.ask(sock, servers[0].endpoint, PAYLOAD, tries=1)[1] == PAYLOAD
