"""Everyday traffic: what a household does, through natd, on every datapath."""

import socket
from pathlib import Path

import pytest

from natlab import topology, traffic

BLOCK = 10_000_000


@pytest.mark.parametrize("name", ["in1", "in2"])
def test_udp_tcp_and_ping_reach_every_server(lab, natd, servers, name):
    host = lab.hosts[name]
    with traffic.udp_socket(host) as sock:
        for server in servers:
            seen_as, echoed = traffic.ask(sock, server.endpoint, b"hello from " + name.encode())
            assert seen_as[0] == topology.EXTERNAL
            assert echoed == b"hello from " + name.encode()
            with traffic.Stream(host, server.endpoint) as stream:
                assert stream.seen_as[0] == topology.EXTERNAL
                stream.echo(bytes(range(256)) * 400)
            assert traffic.ping(host, server.endpoint[0]) == 3


def checksum_errors(host):
    """What the kernel of the host has counted: {counter: number}, of IP, TCP, UDP and ICMP."""
    with host.entered():
        text = Path("/proc/thread-self/net/snmp").read_text() + Path("/proc/thread-self/net/netstat").read_text()
    found = {}
    for names, values in zip(text.splitlines()[::2], text.splitlines()[1::2]):
        for name, value in zip(names.split()[1:], values.split()[1:]):
            if "CsumErrors" in name:
                found[names.split()[0] + name] = int(value)
    return found


@pytest.mark.rows("CK7", "CK8")
def test_downloads_arrive_unchanged_with_offloads_on(lab, natd, servers):
    """Segmentation and checksum offload are veth's defaults here; every byte must survive them, and neither end counts a
    segment or datagram that did not add up."""
    hosts = (lab.in1, lab.in2, lab.out1)
    before = [checksum_errors(host) for host in hosts]
    assert before[0], "the kernel has such counters"
    with traffic.Files(lab.out1) as files:
        for host in (lab.in1, lab.in2):
            digest, _ = traffic.download(host, f"{files.base}/{BLOCK}")
            assert digest == files.digest(BLOCK)
    with traffic.udp_socket(lab.in1) as sock:
        assert traffic.ask(sock, servers[0].endpoint, b"z" * 9000)[1] == b"z" * 9000
    assert [checksum_errors(host) for host in hosts] == before


def test_uploads_arrive_unchanged_with_offloads_on(lab, natd, servers):
    with traffic.Stream(lab.in1, servers[0].endpoint, timeout=30) as stream:
        payload = bytes(range(251)) * 400
        for _ in range(40):
            stream.echo(payload)


@pytest.mark.rows("U3")
def test_two_hosts_on_one_port_keep_their_own_replies(lab, natd, servers):
    """U3: the same internal port twice gives two external ports, and the first mapping is not disturbed."""
    with traffic.udp_socket(lab.in1, 4321) as one, traffic.udp_socket(lab.in2, 4321) as two:
        first, _ = traffic.ask(one, servers[0].endpoint, b"one")
        second, echoed = traffic.ask(two, servers[0].endpoint, b"two")
        assert first != second and echoed == b"two"
        assert first == (topology.EXTERNAL, 4321), "the internal port is kept when it is free"
        again, echoed = traffic.ask(one, servers[0].endpoint, b"again")
        assert (again, echoed) == (first, b"again")


@pytest.mark.rows("U1", "T1", "F5.4")
def test_one_external_endpoint_whatever_the_destination(lab, natd, servers):
    """U1, T1: endpoint-independent mapping for UDP and TCP."""
    with traffic.udp_socket(lab.in1, 4400) as sock:
        assert len({traffic.ask(sock, server.endpoint)[0] for server in servers}) == 1
    streams = [traffic.Stream(lab.in1, server.endpoint, port=4400) for server in servers]
    assert len({stream.seen_as for stream in streams}) == 1
    for stream in streams:
        stream.close()


@pytest.mark.rows("T7")
def test_two_hosts_on_one_tcp_port_keep_their_own_connections(lab, natd, servers):
    with traffic.Stream(lab.in1, servers[0].endpoint, port=4322) as one, traffic.Stream(
            lab.in2, servers[0].endpoint, port=4322) as two, traffic.Stream(
                lab.in3, servers[1].endpoint, port=4322) as three:
        assert one.seen_as == (topology.EXTERNAL, 4322)
        assert len({stream.seen_as for stream in (one, two, three)}) == 3, "other servers do not make it sharable"
        for stream in (one, two, three, one):
            stream.echo(b"mine")


@pytest.mark.rows("U3a")
def test_system_ports_stay_system_ports(lab, natd, servers):
    """U3a."""
    with traffic.udp_socket(lab.in1, 123) as one, traffic.udp_socket(lab.in2, 123) as two:
        assert all(traffic.ask(sock, servers[0].endpoint)[0][1] < 1024 for sock in (one, two))
    with traffic.udp_socket(lab.in1, 40000) as one, traffic.udp_socket(lab.in2, 40000) as two:
        assert all(traffic.ask(sock, servers[0].endpoint)[0][1] >= 1024 for sock in (one, two))


@pytest.mark.rows("I1", "I10a3")
def test_pings_with_one_identifier_from_two_hosts(lab, natd):
    """I1: both hosts ping out1 with identifier 77 at once, and both get every reply."""
    runs = [lab.start(host, "ping", "-n", "-e", "77", "-c", "5", "-i", "0.2", lab.out1.address, name="ping77")
            for host in (lab.in1, lab.in2)]
    for run in runs:
        assert run.wait(20) == 0
        assert "5 received" in run.output()


@pytest.mark.rows("CK3")
def test_udp_without_checksum_passes(lab, natd, servers):
    """CK3: a checksum of zero means none, and stays zero."""
    with traffic.udp_socket(lab.in1) as sock:
        sock.setsockopt(socket.SOL_SOCKET, 11, 1)  # SO_NO_CHECK
        assert traffic.ask(sock, servers[0].endpoint, b"bare")[1] == b"bare"


@pytest.mark.rows("NO9")
def test_other_protocols_are_dropped_and_counted(lab, natd):
    """NO9: GRE does not pass, and is not passed untranslated (the capture on wan0 checks that)."""
    with lab.in1.socket(socket.SOCK_RAW, protocol=47) as sender, lab.out1.socket(
            socket.SOCK_RAW, protocol=47, timeout=0.5) as receiver:
        sender.sendto(b"\0" * 40, (lab.out1.address, 0))
        assert traffic.ping(lab.in1, lab.out1.address, count=1) == 1
        with pytest.raises(TimeoutError):
            receiver.recv(2000)


def test_neighbours_inside_talk_directly(lab, natd):
    """Traffic between hosts of the LAN does not pass the gateway, even where its bridge calls iptables."""
    with traffic.Responder(lab.in2) as server:
        with traffic.Stream(lab.in1, server.endpoint) as stream, traffic.udp_socket(lab.in1) as sock:
            assert stream.seen_as[0] == "10.0.0.1"
            stream.echo(b"next door" * 10_000)
            assert traffic.ask(sock, server.endpoint, b"z" * 3000)[0][0] == "10.0.0.1"
    assert traffic.ping(lab.in1, "10.0.0.2", "-t", "1", count=1) == 1


class TestTheGatewaysOwnTraffic:
    """The gateway's own sockets on the external side work on, and never clash with a mapping."""

    @pytest.mark.rows("T4b")
    def test_a_server_on_the_external_address_is_reachable(self, lab, natd):
        with traffic.Responder(lab.gw, port=22, address=topology.EXTERNAL):
            with traffic.Stream(lab.out1, (topology.EXTERNAL, 22)) as stream:
                stream.echo(b"ssh")
            with traffic.udp_socket(lab.out1) as sock:
                assert traffic.ask(sock, (topology.EXTERNAL, 22))[0][0] == lab.out1.address

    def test_its_clients_work(self, lab, natd, servers):
        with traffic.udp_socket(lab.gw) as sock:
            assert traffic.ask(sock, servers[0].endpoint)[0] == (topology.EXTERNAL, sock.getsockname()[1])
        with traffic.Stream(lab.gw, servers[1].endpoint) as stream:
            stream.echo(b"update")
        assert traffic.ping(lab.gw, lab.out3.address) == 3
        assert traffic.ping(lab.gw, "10.0.0.1") == 3

    def test_its_socket_does_not_clash_with_a_mapping(self, lab, natd, servers):
        """in1 holds the external port first; then gw binds the same port; both are answered."""
        with traffic.udp_socket(lab.in1, 5353) as inside:
            held, _ = traffic.ask(inside, servers[0].endpoint, b"inside")
            assert held == (topology.EXTERNAL, 5353)
            with traffic.udp_socket(lab.gw, 5353) as own:
                _, echoed = traffic.ask(own, servers[1].endpoint, b"gateway")
                assert echoed == b"gateway"
            _, echoed = traffic.ask(inside, servers[0].endpoint, b"inside again")
            assert echoed == b"inside again"

    def test_a_mapping_avoids_a_port_the_gateway_holds(self, lab, natd, servers):
        with traffic.udp_socket(lab.gw, 5454) as own:
            assert traffic.ask(own, servers[0].endpoint, b"gateway")[1] == b"gateway"
            with traffic.udp_socket(lab.in1, 5454) as inside:
                assert traffic.ask(inside, servers[0].endpoint, b"inside")[1] == b"inside"
                assert traffic.ask(own, servers[0].endpoint, b"gateway")[1] == b"gateway"

    def test_it_is_reachable_from_inside(self, lab, natd):
        with traffic.Responder(lab.gw, port=53, address="10.0.0.254"):
            with traffic.udp_socket(lab.in1) as sock:
                assert traffic.ask(sock, ("10.0.0.254", 53))[0][0] == "10.0.0.1"
