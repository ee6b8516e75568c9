"""Limits and addresses: full tables refuse the newcomer and no other host notices (C11); pools pair (U2)."""

import contextlib
import signal
import socket

import pytest
from scapy.layers.inet import IP, UDP

from natlab import capture, gateway, raw, topology, traffic
from natlab.waiting import wait_until


@pytest.fixture
def start(datapath):
    """start(setting=value, ...): L1 with natd so configured, and a server; double underscores are dots, single
    ones dashes."""
    with contextlib.ExitStack() as stack:
        def make(**settings):
            lab = stack.enter_context(topology.L1())
            natd = gateway.Natd(lab, lab.gw, datapath, {
                key.replace("__", ".").replace("_", "-"): value for key, value in settings.items()})
            server = stack.enter_context(traffic.Responder(lab.out1))
            return lab, natd, server, stack
        yield make


def fill(lab, server, stack, count, host="in1"):
    """`count` sockets with a mapping each: [(socket, external endpoint)]."""
    socks = [stack.enter_context(traffic.udp_socket(lab.hosts[host], timeout=1)) for _ in range(count)]
    return [(sock, traffic.ask(sock, server.endpoint)[0]) for sock in socks]


def refused(host, server):
    """Whether a new socket gets no mapping, and how the host learns of it: "error", "silence" or None."""
    with traffic.udp_socket(host, timeout=1) as sock:
        sock.setsockopt(socket.IPPROTO_IP, 11, 1)  # IP_RECVERR: soft errors too
        sock.connect(server.endpoint)
        try:
            sock.send(b"?")
            sock.recv(100)
        except TimeoutError:
            return "silence"
        except OSError:
            return "error"
    return None


@pytest.mark.rows("C11a", "C11b", "C11d", "I8", "TT9")
def test_a_full_port_range_refuses_the_newcomer_only(start):
    lab, natd, server, stack = start(ports__ranges="40000-40007", lab="yes", ports__rest="0s")
    held = fill(lab, server, stack, 8)
    assert {endpoint[1] for _, endpoint in held} == set(range(40000, 40008))
    with capture.Capture(lab, lab.in2, "eth0", "icmp") as watch:
        assert refused(lab.in2, server) == "error"
        error = watch.wait_for(lambda packet: packet.protocol == 1, "the refusal at in2")
        assert error.payload[0] == 3 and error.quoted.source == "10.0.0.2"
        assert error.ttl == 64
    for sock, endpoint in held:
        assert traffic.ask(sock, server.endpoint, tries=1)[0] == endpoint
    natd.ctl("flush")
    assert refused(lab.in2, server) is None


def test_the_full_range_of_one_protocol_leaves_the_others_alone(start):
    lab, _, server, stack = start(ports__ranges="40000-40003")
    fill(lab, server, stack, 4)
    with traffic.Stream(lab.in2, server.endpoint) as stream:
        stream.echo(b"tcp has its own ports")
    assert traffic.ping(lab.in2, lab.out1.address, count=1) == 1


@pytest.mark.rows("C4")
def test_one_host_cannot_take_more_than_its_share(start):
    lab, _, server, stack = start(limits__mappings_per_host="5")
    held = fill(lab, server, stack, 5)
    assert refused(lab.in1, server) is not None
    fill(lab, server, stack, 5, "in2")
    for sock, endpoint in held:
        assert traffic.ask(sock, server.endpoint, tries=1)[0] == endpoint


def count_of(natd, reason):
    return {entry["reason"]: entry["packets"] for entry in natd.ctl("show", "stats")["reasons"]}[reason]


def test_forged_sources_use_up_no_limit(start):
    """One host forges three hundred sources; the table of hosts stays free for the others. What a route by the
    internal interface leads to is internal, and so is what the operator says."""
    lab, natd, server, stack = start(limits__hosts="3")
    (sock, endpoint), = fill(lab, server, stack, 1)

    def forge(network, count):
        for number in range(count):
            source = f"{network}.{number // 250}.{1 + number % 250}"
            raw.send(lab.in1, IP(src=source, dst=lab.out1.address) / UDP(sport=4321, dport=7007) / b"forged")

    forge("172.20", 300)
    wait_until(lambda: count_of(natd, "foreign-source") >= 300, "every forged packet to be counted")
    assert refused(lab.in2, server) is None
    assert traffic.ask(sock, server.endpoint, tries=1)[0] == endpoint
    assert {mapping["internal"].split(":")[0] for mapping in natd.mappings()} <= {"10.0.0.1", "10.0.0.2"}

    natd.ctl("flush")
    lab.gw.run("ip", "route", "add", "172.21.0.0/24", "via", "10.0.0.1")

    def sends(network):
        forge(network, 1)
        return any(mapping["internal"] == f"{network}.0.1:4321" for mapping in natd.mappings())

    wait_until(lambda: sends("172.21"), "the host behind the route to be internal")
    natd.set(interfaces__internal_networks="10.0.0.0/24")
    natd.ctl("flush")
    before = count_of(natd, "foreign-source")
    forge("172.21", 1)
    wait_until(lambda: count_of(natd, "foreign-source") > before, "the route to count no longer")
    natd.set(interfaces__internal_networks="10.0.0.0/24,172.21.0.0/24")
    wait_until(lambda: sends("172.21"), "the host in a configured network to be internal")


@pytest.mark.rows("C8")
def test_a_released_port_rests_before_another_host_gets_it(start):
    """Two minutes by default; its own host has it back at once, and TCP's ports do not rest."""
    lab, natd, server, _ = start()

    def port_of(host, tcp=False):
        if tcp:
            with traffic.Stream(host, server.endpoint, port=40001) as stream:
                return stream.seen_as[1]
        with traffic.udp_socket(host, 40001) as sock:
            return traffic.ask(sock, server.endpoint)[0][1]

    assert port_of(lab.in1) == port_of(lab.in1, tcp=True) == 40001
    natd.ctl("flush")
    assert port_of(lab.in2, tcp=True) == 40001
    assert port_of(lab.in2) != 40001
    assert port_of(lab.in1) == 40001


@pytest.mark.rows("NO4", "U11")
def test_a_full_gateway_behaves_as_before(start):
    """Every port given away: each mapping still is what it was when the range was empty."""
    lab, _, server, stack = start(ports__ranges="40000-40007")
    held = fill(lab, server, stack, 8)
    assert refused(lab.in2, server) == "error"
    with traffic.Responder(lab.out2) as second, traffic.udp_socket(lab.out3) as stranger, traffic.udp_socket(
            lab.out2) as contacted:
        for sock, endpoint in held:
            assert traffic.ask(sock, second.endpoint)[0] == endpoint
            stranger.sendto(b"stranger", endpoint)
            contacted.sendto(b"contacted", endpoint)
            assert sock.recvfrom(100) == (b"contacted", (lab.out2.address, contacted.getsockname()[1]))


@pytest.mark.rows("F5.1")
def test_a_fresh_gateway_maps_endpoint_independently(start):
    """Nothing is set: what two servers and two ports see is one endpoint."""
    lab, _, server, _ = start()
    with traffic.Responder(lab.out2) as second, traffic.Responder(lab.out1, port=7008) as third:
        targets = [one.endpoint for one in (server, second, third)]
        with traffic.udp_socket(lab.in1) as sock:
            assert len({traffic.ask(sock, target)[0] for target in targets}) == 1
        streams = [traffic.Stream(lab.in1, target, port=4500) for target in targets]
        assert len({stream.seen_as for stream in streams}) == 1
        for stream in streams:
            stream.close()


@pytest.mark.rows("C11c")
def test_a_queue_that_is_full_is_told(start):
    """natd stands still while more comes than its queue holds: what was lost is in the log."""
    lab, natd, server, _ = start(datapath__queue_length="16", limits__held_fragments="4")
    with traffic.udp_socket(lab.in1) as sock:
        traffic.ask(sock, server.endpoint)
        natd.process.send(signal.SIGSTOP)
        for _ in range(500):
            sock.sendto(b"?", server.endpoint)
        natd.process.send(signal.SIGCONT)
    natd.process.wait_output(r"^natd: warning: \d+ packets lost, queue-overruns")


def test_idle_mappings_expire(start):
    """With timers shortened as only a lab may."""
    lab, natd, server, stack = start(lab="yes", udp__timeout="1s")
    fill(lab, server, stack, 3)
    assert len(natd.mappings()) == 3
    wait_until(lambda: natd.mappings() == [], "three mappings to expire", timeout=6)


@pytest.mark.rows("U5")
def test_timers_below_the_rfc_need_the_word_lab(start):
    lab, natd, _, _ = start()
    with pytest.raises(gateway.Refused, match="RFC 4787"):
        natd.ctl("set", "udp.timeout=1s")


@pytest.mark.rows("U2", "C2")
def test_a_pool_is_paired(start):
    """U2: with several external addresses, one inside host keeps to one of them, whatever the protocol."""
    lab, _, server, stack = start(pool__address=topology.POOL[0])
    pool = {topology.EXTERNAL, topology.POOL[0]}
    for name in topology.INSIDE:
        seen = {endpoint[0] for _, endpoint in fill(lab, server, stack, 5, name)}
        for _ in range(3):
            with traffic.Stream(lab.hosts[name], server.endpoint) as stream:
                seen.add(stream.seen_as[0])
        assert len(seen) == 1 and seen <= pool
        assert traffic.ping(lab.hosts[name], lab.out1.address, count=1) == 1
