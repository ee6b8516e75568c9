"""What changes around a running natd: the external address, the interface itself, natd's own restart."""

import contextlib
import threading
import time

import pytest

from natlab import capture, gateway, topology, traffic

SECOND = "203.0.113.77"


@pytest.fixture
def home(datapath):
    """A lab of its own for each test; natd is not running yet."""
    with topology.L1() as lab:
        yield lab


def renumber(lab, old, new):
    """Another address on wan0; the default route went with the old one."""
    lab.gw.batch(f"addr del {old}/24 dev wan0", f"addr add {new}/24 dev wan0",
                 "route replace default via 203.0.113.1")


def seen_from(lab, server):
    with traffic.udp_socket(lab.in1) as sock:
        return traffic.ask(sock, server.endpoint)[0][0]


def test_a_new_external_address_is_used_and_mappings_of_the_old_one_are_gone(home, datapath):
    with traffic.Responder(home.out1) as server, gateway.Natd(home, home.gw, datapath) as natd:
        assert seen_from(home, server) == topology.EXTERNAL
        renumber(home, topology.EXTERNAL, SECOND)
        natd.process.wait_output(rf"wan0: external address {SECOND}")
        assert seen_from(home, server) == SECOND
        assert {mapping["external"].split(":")[0] for mapping in natd.mappings()} == {SECOND}


def test_it_waits_for_an_external_address(home, datapath):
    home.gw.batch(f"addr del {topology.EXTERNAL}/24 dev wan0")
    with traffic.Responder(home.out1) as server, gateway.Natd(home, home.gw, datapath) as natd:
        assert "no-external-address" in natd.log
        home.gw.batch(f"addr add {topology.EXTERNAL}/24 dev wan0", "route replace default via 203.0.113.1")
        natd.process.wait_output(rf"wan0: external address {topology.EXTERNAL}")
        assert seen_from(home, server) == topology.EXTERNAL


@pytest.mark.alone
def test_an_address_that_comes_back_at_once_costs_no_mapping(home, datapath):
    """As when a DHCP client or a script sets it anew, which takes it a moment."""
    with traffic.Responder(home.out1) as server, gateway.Natd(home, home.gw, datapath) as natd:
        with traffic.Stream(home.in1, server.endpoint) as stream:
            before = natd.mappings()
            home.gw.batch(f"addr del {topology.EXTERNAL}/24 dev wan0")
            time.sleep(0.5)  # of the two seconds that it has
            home.gw.batch(f"addr add {topology.EXTERNAL}/24 dev wan0", "route replace default via 203.0.113.1")
            stream.echo(b"still here")
            assert [mapping["id"] for mapping in natd.mappings()] == [mapping["id"] for mapping in before]


def test_the_external_interface_may_go_and_come_back(home, datapath):
    with gateway.Natd(home, home.gw, datapath) as natd:
        home.gw.batch("link del wan0")
        natd.process.wait_output(r"wan0 is gone")
        home.gw.batch("link add wan0 type veth peer name peer0", "link set wan0 up",
                      f"addr add {SECOND}/24 dev wan0")
        natd.process.wait_output(rf"wan0: external address {SECOND}")
        assert natd.ctl("show", "stats")
        assert natd.stop() == 0


@contextlib.contextmanager
def pressed(lab):
    """Datagrams from inside, and from outside straight at an internal address, one after the other."""
    done = threading.Event()

    def press():
        with traffic.udp_socket(lab.in1, 4900) as inside, traffic.udp_socket(lab.out1, 4901) as outside:
            while not done.wait(0.0005):
                for sock, target in ((inside, (lab.out1.address, 4901)), (outside, (lab.in1.address, 4909))):
                    with contextlib.suppress(OSError):
                        sock.sendto(b"press", target)

    lab.core.batch(f"route replace 10.0.0.0/24 via {topology.EXTERNAL}")
    thread = threading.Thread(target=press)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        lab.core.batch(f"route del 10.0.0.0/24 via {topology.EXTERNAL}")


@pytest.mark.rows("NO8")
def test_nothing_slips_through_while_a_restart_replaces_what_was_left(home, datapath):
    """The kernel forwards by itself here: only natd's locks stand between the two sides."""
    home.gw.sysctl("net.ipv4.ip_forward", 1)
    natd = gateway.Natd(home, home.gw, datapath)
    natd.kill()
    with capture.Capture(home, home.gw, "wan0", "udp and src net 10.0.0.0/8", direction="out") as out, \
            capture.Capture(home, home.in1, "eth0", "udp and dst port 4909") as inward, pressed(home):
        for _ in range(3):
            natd.start()
            natd.kill()
        natd.start()
        assert [str(packet) for packet in out.stop()] == []
        assert [str(packet) for packet in inward.stop()] == []
    assert natd.stop() == 0


def test_a_start_that_fails_after_a_kill_leaves_the_way_shut(home, datapath):
    home.gw.sysctl("net.ipv4.ip_forward", 1)
    natd = gateway.Natd(home, home.gw, datapath)
    natd.kill()
    argv = natd.argv()
    argv[argv.index("wan0")] = "nosuch0"
    assert home.start(home.gw, *argv, name="natd").wait(10) == 1
    with capture.Capture(home, home.gw, "wan0", "udp and src net 10.0.0.0/8", direction="out") as out, pressed(home):
        with traffic.udp_socket(home.in2) as sock:
            for _ in range(50):
                sock.sendto(b"out", (home.out1.address, 4901))
        assert [str(packet) for packet in out.stop()] == []
    natd.cleanup()


class Overlapping(topology.L1):
    """The provider uses the numbers of the network inside: 192.168.1.0/24 on both sides of gw."""

    def build(self):
        self.outside()
        self.site("gw", "192.168.1.77", {"in1": "192.168.1.1", "in2": "192.168.1.2"})
        self.link(self.gw, "wan0", self.core, "site0")
        self.core.batch("address add 192.168.1.129/24 dev site0")
        self.gw.batch("address add 192.168.1.77/24 dev wan0", "route add default via 192.168.1.129 dev wan0")


@pytest.mark.rows("U7")
def test_equal_networks_on_both_sides_are_told_and_translated(datapath):
    """Decision D-9: hosts reach what is beyond the overlap, and natctl says what is amiss until it is mended."""
    with Overlapping() as lab, traffic.Responder(lab.out1) as server, gateway.Natd(lab, lab.gw, datapath) as natd:
        assert "192.168.1.0/24 of lan0 and 192.168.1.0/24 of wan0 overlap" in natd.log
        assert "warning: 192.168.1.0/24" in natd.text("show", "stats")
        for host in (lab.in1, lab.in2):
            with traffic.udp_socket(host, 4321) as sock, traffic.Stream(host, server.endpoint) as stream:
                assert traffic.ask(sock, server.endpoint)[0][0] == "192.168.1.77"
                assert stream.seen_as[0] == "192.168.1.77"
                stream.echo(b"all the same" * 1000)
        lab.gw.batch("address del 192.168.1.77/24 dev wan0", "address add 203.0.113.11/24 dev wan0")
        natd.process.wait_output(r"do not overlap any more")
        assert natd.ctl("show", "stats")["warnings"] == []


def test_a_second_natd_in_the_namespace_is_refused(home, datapath):
    with traffic.Responder(home.out1) as server, gateway.Natd(home, home.gw, datapath) as natd:
        second = home.start(home.gw, *natd.argv(), name="second")
        assert second.wait(10) == 1
        assert "another natd" in second.output()
        assert seen_from(home, server) == topology.EXTERNAL
