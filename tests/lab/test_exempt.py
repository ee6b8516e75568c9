"""nat.exempt: hosts inside and exempt remotes exchange packets as they are; all others are translated."""

import pytest

from natlab import capture, gateway, topology, traffic, watch
from natlab.waiting import wait_until


@pytest.fixture(scope="module")
def routed(datapath):
    """L1 whose outside knows the way to the internal addresses, with natd."""
    with watch.exempt("192.0.2.31", "192.0.2.32"), topology.L1() as lab:
        lab.core.batch(f"route add 10.0.0.0/24 via {topology.EXTERNAL}")
        with gateway.Natd(lab, lab.gw, datapath) as natd, traffic.Responder(lab.out1) as one, traffic.Responder(
                lab.out2) as two:
            yield lab, natd, one, two


@pytest.mark.rows("C6")
def test_an_exempt_remote_sees_internal_addresses(routed):
    lab, natd, one, two = routed
    natd.ctl("set", "nat.exempt=192.0.2.32")
    with traffic.udp_socket(lab.in1) as sock:
        internal = (lab.in1.address, sock.getsockname()[1])
        assert traffic.ask(sock, two.endpoint, b"x" * 3000) == (internal, b"x" * 3000), "in fragments too"
        assert traffic.ask(sock, one.endpoint)[0][0] == topology.EXTERNAL
    with traffic.Stream(lab.in1, two.endpoint) as stream:
        assert stream.seen_as == stream.socket.getsockname()
        stream.echo(b"routed" * 50_000)
    with capture.Capture(lab, lab.out2, "eth0", "icmp") as seen:
        assert traffic.ping(lab.in1, lab.out2.address) == 3
        request = seen.wait_for(lambda packet: packet.destination == lab.out2.address, "the ping at out2")
        assert (request.source, request.ttl) == (lab.in1.address, 62), "one hop each for gw and core"
    assert traffic.ping(lab.out2, lab.in1.address) == 3, "the other way round too"
    assert traffic.ping(lab.out1, lab.in1.address) == 0, "but nobody else may"
    told = natd.ctl("trace", "udp", "10.0.0.1:5000", "192.0.2.32:53")
    assert told["reason"] == "exempt"


def test_ports_narrow_it_down_and_a_live_change_ends_it(routed):
    lab, natd, one, two = routed
    natd.ctl("set", f"nat.exempt=192.0.2.0/24:{traffic.RESPONDER_PORT}")
    with traffic.udp_socket(lab.in1) as sock, traffic.Responder(lab.out2, port=7070) as other:
        for server in (one, two):
            assert traffic.ask(sock, server.endpoint)[0][0] == lab.in1.address
        assert traffic.ask(sock, other.endpoint)[0][0] == topology.EXTERNAL
        assert traffic.ping(lab.in1, lab.out2.address, count=1) == 1
        assert traffic.ping(lab.out2, lab.in1.address, count=1) == 0
        natd.ctl("set", "nat.exempt=")
        wait_until(lambda: traffic.ask(sock, two.endpoint)[0][0] == topology.EXTERNAL, "the exemption to end")


def test_a_restart_keeps_what_the_file_says(datapath):
    with watch.exempt("192.0.2.32"), topology.L1() as lab:
        lab.core.batch(f"route add 10.0.0.0/24 via {topology.EXTERNAL}")
        with gateway.Natd(lab, lab.gw, datapath, {"nat.exempt": "192.0.2.32"}), traffic.Responder(
                lab.out2) as server, traffic.udp_socket(lab.in1) as sock:
            assert traffic.ask(sock, server.endpoint)[0][0] == lab.in1.address
