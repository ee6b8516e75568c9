"""The lab itself: it isolates, connects, observes, and leaves nothing behind. natd has no part in this."""

import os
import signal
import subprocess
import sys
import textwrap

import pytest

from natlab import capture, namespaces, processes, snapshot, stun, topology, traffic
from natlab.waiting import Timeout, wait_until


def masquerade(gateway):
    """The kernel's own NAT, to give the lab's tools something to observe."""
    gateway.sysctl("net.ipv4.ip_forward", 1)
    gateway.run("nft", "-f", "-", text="table ip lab { chain post { type nat hook postrouting priority 100;"
                                       " oifname wan0 masquerade; }; }")


@pytest.fixture(scope="module")
def home():
    with topology.L1() as lab:
        masquerade(lab.gw)
        yield lab


def test_clients_learn_how_they_were_seen(home):
    with traffic.Responder(home.out1) as server, traffic.udp_socket(home.in1, 4321) as sock:
        seen_as, echoed = traffic.ask(sock, server.endpoint, b"payload")
        assert (seen_as, echoed) == ((topology.EXTERNAL, 4321), b"payload")
        with traffic.Stream(home.in2, server.endpoint) as stream:
            assert stream.seen_as[0] == topology.EXTERNAL
            stream.echo(b"x" * 300_000)


def test_downloads_arrive_whole_and_pings_are_counted(home):
    with traffic.Files(home.out2) as files:
        digest, speed = traffic.download(home.in1, f"{files.base}/3000000")
        assert digest == files.digest(3_000_000) and speed > 0
    assert traffic.ping(home.in1, home.out3.address) == 3
    assert traffic.ping(home.in1, "192.0.2.99", count=1) == 0


def test_captures_see_both_sides_and_find_leaks(home):
    with capture.Capture(home, home.gw, "wan0") as wan, capture.Capture(home, home.gw, "lan0") as lan:
        assert traffic.ping(home.in1, home.out1.address, count=1) == 1
        lan.wait_for(lambda packet: packet.destination == "10.0.0.1" and packet.protocol == 1, "the reply")
        outside, inside = wan.stop(), lan.stop()
    assert capture.leaks(outside) == []
    assert capture.leaks(inside)
    request = next(packet for packet in outside if packet.source == topology.EXTERNAL and packet.protocol == 1)
    assert request.ttl == 63


def test_a_leak_inside_an_icmp_quote_is_found():
    inner = capture.Packet(0, 17, "10.0.0.1", "192.0.2.31", 64, b"")
    quote = bytes([0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 192, 0, 2, 31]) + bytes(8)
    outer = capture.Packet(0, 1, "203.0.113.11", "192.0.2.31", 64, bytes([3, 3, 0, 0, 0, 0, 0, 0]) + quote)
    assert outer.quoted.source == inner.source
    assert capture.leaks([outer]) == [outer]


def test_coturn_reads_the_kernels_masquerade(home):
    stun.serve(home)
    found = stun.discover(home.in1, home.out1.address, "mapping", "filtering")
    assert found == {"mapping": "endpoint-independent", "filtering": "address-and-port-dependent"}


def test_snapshots_tell_what_changed(home):
    before = snapshot.take(home.gw)
    home.gw.batch("rule add pref 100 lookup 100")
    assert snapshot.differences(before, snapshot.take(home.gw)) == ["rules: new:  100:\tfrom all lookup 100"]
    home.gw.batch("rule del pref 100")
    assert snapshot.differences(before, snapshot.take(home.gw)) == []


def test_a_program_that_dies_before_it_is_ready_is_reported(home):
    with pytest.raises(processes.Died, match="no such thing"):
        home.start(home.in1, "bash", "-c", "echo no such thing; exit 3", ready="ready")
    with pytest.raises(Timeout):
        wait_until(lambda: False, "what never comes", timeout=0.1)


@pytest.mark.parametrize("topology_name", topology.TOPOLOGIES)
def test_every_topology_is_connected_and_goes_away(topology_name):
    with topology.TOPOLOGIES[topology_name](offloads=False) as lab:
        for name in lab.gateways:
            provider = lab.hosts[name].run("ip", "route", "show", "default").split()[2]
            assert traffic.ping(lab.hosts[name], provider, count=1) == 1
        owner = lab.name
        assert owner in namespaces.existing()
    assert owner not in namespaces.existing()
    assert not (namespaces.RUN / owner).exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_nothing_is_left_whatever_ends_the_process(number):
    program = textwrap.dedent("""
        from natlab import topology
        with topology.L1() as lab:
            lab.start(lab.in1, "ping", "-q", lab.gw.address)
            print(lab.name, flush=True)
            input()
        """)
    child = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stdin=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, cwd=os.path.dirname(__file__), text=True)
    with child:
        owner = child.stdout.readline().strip()
        assert owner in namespaces.existing()
        child.send_signal(number)
        child.wait(20)
    if number == signal.SIGKILL:
        assert owner in namespaces.sweep()
    assert owner not in namespaces.existing()


def test_a_sweep_spares_the_living_and_the_kept():
    with topology.L1() as lab:
        (lab.path / "kept").touch()
        assert lab.name not in namespaces.sweep()
        (lab.path / "kept").unlink()
        assert lab.name not in namespaces.sweep()
        assert lab.name in namespaces.existing()
