"""Fragments, whichever way and in whichever order (RFC 4787 REQ-14)."""

import itertools
import re
import socket
import struct
from pathlib import Path

import pytest
from scapy.layers.inet import IP, UDP, fragment

from natlab import capture, gateway, raw, topology, traffic
from natlab.waiting import wait_until

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


def hoards(process):
    """Whether it runs under AddressSanitizer, which holds freed memory back for a while."""
    return "libasan" in Path(f"/proc/{process.pid}/maps").read_text()


def resident(process):
    """Kilobytes of memory that a program uses."""
    return int(re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{process.pid}/status").read_text())[1])


def daemon_of(natd):
    """The process natd itself, which `ip netns exec` has become."""
    assert Path(f"/proc/{natd.process.pid}/comm").read_text().strip() == "natd"
    return natd.process


@pytest.mark.rows("U14a")
def test_a_flood_of_orphans_disturbs_nobody(lab, natd, servers):
    """Later fragments whose first never comes, a thousand octets each: everyday traffic loses nothing meanwhile. After
    the first five thousand natd holds what it may (limits.fragment-bytes is 4 MB), and 15 MB more add nothing to it."""
    before = None
    with lab.out2.socket(socket.SOCK_RAW, protocol=socket.IPPROTO_RAW) as sock, traffic.Pulse(
            lab.in2, servers[1].endpoint) as pulse:
        for number in range(20_000):
            orphan = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 0, number, 0x2000 | 100 + number % 50, 64, 17, 0,
                                 socket.inet_aton(lab.out2.address), socket.inet_aton(topology.EXTERNAL))
            sock.sendto(orphan + bytes(1000), (topology.EXTERNAL, 0))
            if number % 5000 == 0:
                with traffic.udp_socket(lab.in1) as one:
                    assert traffic.ask(one, servers[0].endpoint, PAYLOAD, tries=1)[1] == PAYLOAD
                assert traffic.ping(lab.in1, lab.out1.address, count=1) == 1
            if number == 5000:
                before = resident(daemon_of(natd))
        pulse.wait_beats(10)
    assert hoards(daemon_of(natd)) or resident(daemon_of(natd)) - before < 4_000, "kilobytes"
    with traffic.udp_socket(lab.in1) as sock:
        assert traffic.ask(sock, servers[0].endpoint, PAYLOAD, tries=1)[1] == PAYLOAD


@pytest.mark.rows("U14")
def test_the_first_leaves_before_those_that_waited_for_it(lab, natd, servers):
    """On the wire inside, the first fragment is the first."""
    with traffic.udp_socket(lab.in1, 4760) as sock:
        seen_as, _ = traffic.ask(sock, servers[0].endpoint)
        with capture.Capture(lab, lab.in1, "eth0", "udp and src 192.0.2.31", direction="in") as seen:
            parts = pieces(servers[0].endpoint, seen_as, 7350)
            for index in (2, 1, 0):
                raw.send(lab.out1, parts[index])
            assert sock.recvfrom(65535) == (PAYLOAD, servers[0].endpoint)
            wait_until(lambda: len(seen.packets()) == 3, "three fragments in the capture")
            assert [packet.protocol for packet in seen.packets()] == [17, "fragment of 17", "fragment of 17"]


@pytest.mark.rows("U14")
def test_an_identification_returns_when_its_datagram_is_complete(lab, natd):
    """RFC 791: fifteen datagrams with one identification, one behind the other, all arrive."""
    with traffic.udp_socket(lab.out1, 7015) as sink:
        for number in range(15):
            payload = bytes([number]) * len(PAYLOAD)
            for part in pieces((lab.in1.address, 4761), (lab.out1.address, 7015), 7400, payload):
                raw.send(lab.in1, part)
            assert sink.recvfrom(65535) == (payload, (topology.EXTERNAL, 4761))


@pytest.mark.rows("U14", "U14a")
def test_a_neighbours_datagrams_leave_those_that_wait_alone(lab, natd):
    """More fragmented datagrams of in2 than natd has places for (limits.fragments is 1024), and more of them while each
    of sixty of in1 waits for its first fragment: sixty arrive."""
    with (traffic.udp_socket(lab.in2, 4762) as neighbour, traffic.udp_socket(lab.out2, 7016) as beside,
          traffic.udp_socket(lab.out1, 7017) as sink):
        def one_beside():
            neighbour.sendto(PAYLOAD, (lab.out2.address, 7016))
            assert beside.recvfrom(65535)[0] == PAYLOAD

        for _ in range(1100):
            one_beside()
        for number in range(60):
            payload = bytes([number]) * len(PAYLOAD)
            first, *others = pieces((lab.in1.address, 4763), (lab.out1.address, 7017), 7500 + number, payload)
            for part in reversed(others):
                raw.send(lab.in1, part)
            one_beside()
            raw.send(lab.in1, first)
            assert sink.recvfrom(65535) == (payload, (topology.EXTERNAL, 4763)), number


@pytest.mark.parametrize(("sources", "rate"), [(1, 10_000), (16, 12_000)], ids=["one", "sixteen"])
@pytest.mark.rows("U14a")
def test_tiny_fragments_take_nobodys_place(lab, natd, servers, sources, rate):
    """Fragments of 28 octets whose first never comes, several times as many as the netfilter queue has places: of
    the packets of all others none is lost, fragments in reverse included."""
    overruns = natd.ctl("show", "stats")["datapath_counters"]["queue-overruns"]
    flood = lab.start(lab.out3, gateway.binary("lab_fragment_flood"), topology.EXTERNAL, "192.0.2.100", sources, rate,
                      3 * rate)
    with flood, traffic.udp_socket(lab.in2, 4764) as sock, traffic.udp_socket(lab.in1, 4765) as waits:
        seen_as, _ = traffic.ask(waits, servers[0].endpoint)
        number = 0
        while flood.running or number == 0:
            number += 1
            assert traffic.ask(sock, servers[1].endpoint, b"%d" % number, tries=1)[1] == b"%d" % number
            first, *others = pieces(servers[0].endpoint, seen_as, number % 65536)
            for part in (*reversed(others), first):
                raw.send(lab.out1, part)
            assert waits.recvfrom(65535) == (PAYLOAD, servers[0].endpoint)
        assert flood.wait() == 0
    stats = natd.ctl("show", "stats")
    assert stats["datapath_counters"]["queue-overruns"] == overruns
    held = {reason["reason"]: reason["packets"] for reason in stats["reasons"]}["fragment-held"]
    assert held >= 3 * rate, flood.output()


@pytest.mark.rows("FR8")
def test_connection_tracking_makes_no_difference(lab, natd, servers):
    """A rule that needs it has the kernel reassemble what natd would have translated piece by piece."""
    rule = ("FORWARD", "-m", "conntrack", "--ctstate", "INVALID", "-p", "250", "-j", "DROP")
    lab.gw.run("iptables", "-A", *rule)
    try:
        for order in ORDERS:
            number = ORDERS.index(order)
            with traffic.udp_socket(lab.in1, 4770 + number) as sock:
                parts = pieces(("10.0.0.1", 4770 + number), servers[0].endpoint, 7700 + number)
                for index in order:
                    raw.send(lab.in1, parts[index])
                assert sock.recvfrom(65535)[0].split(b"\n", 1)[1] == PAYLOAD
                parts = pieces(servers[0].endpoint, (topology.EXTERNAL, 4770 + number), 7800 + number)
                for index in order:
                    raw.send(lab.out1, parts[index])
                assert sock.recvfrom(65535) == (PAYLOAD, servers[0].endpoint)
        assert traffic.ping(lab.in1, lab.out1.address, "-s", "3000", count=1) == 1
    finally:
        lab.gw.run("iptables", "-D", *rule)
