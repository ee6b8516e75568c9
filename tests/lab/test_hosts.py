"""Hosts that are treated differently: rules with mapping, filtering, ports and quotas of their own, ports in blocks,
pools with gaps, and one host that opens flows as fast as it can beside another that only wants one."""

import contextlib
import threading

import pytest

from natlab import gateway, topology, traffic
from natlab.waiting import wait_until

OWN = "address-and-port-dependent"

# 64,512 ports from 1024 on without the 1,000 of the gateway, in 14 shares and 2 left over.
OWN_SHARE = 63_512 // 16


@pytest.fixture
def start(datapath):
    """start(config, **settings): L1 with natd so configured, and a Responder on out1 and out2."""
    with contextlib.ExitStack() as stack:
        def make(config=None, **settings):
            lab = stack.enter_context(topology.L1())
            natd = stack.enter_context(gateway.Natd(lab, lab.gw, datapath, {
                key.replace("__", ".").replace("_", "-"): value for key, value in settings.items()}, config))
            servers = [stack.enter_context(traffic.Responder(host)) for host in (lab.out1, lab.out2)]
            return lab, natd, servers
        yield make


class Flood:
    """Datagrams from ever new ports of a host, until it is left; at most 200,000."""

    def __init__(self, host, endpoint):
        self.host, self.endpoint, self.sent = host, endpoint, 0

    def __enter__(self):
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        self.thread.join()

    def _run(self):
        while not self.stopped.is_set() and self.sent < 200_000:
            with traffic.udp_socket(self.host) as sock, contextlib.suppress(OSError):
                sock.sendto(b"flood", self.endpoint)
                self.sent += 1


def seen(host, port, servers):
    """The external endpoints of one socket, one for each server."""
    with traffic.udp_socket(host, port) as sock:
        return [traffic.ask(sock, server.endpoint)[0] for server in servers]


@pytest.mark.rows("F5.2", "F5.2b", "U8a")
def test_a_partial_cone_beside_a_symmetric_rest(start):
    lab, natd, servers = start(f"""
        [udp]
        mapping = {OWN}
        filtering = {OWN}
        [hosts]
        rule = 10.0.0.1 udp 4321: udp.mapping=endpoint-independent ports.ranges=40000-40099
        """)
    first, second = seen(lab.in1, 4321, servers)
    assert first == second and 40000 <= first[1] <= 40099
    for host, port in ((lab.in1, 5000), (lab.in2, 4321)):
        first, second = seen(host, port, servers)
        assert first != second
        assert not any(40000 <= endpoint[1] <= 40099 for endpoint in (first, second))
    natd.set(hosts__rule="")
    first, second = seen(lab.in1, 6000, servers)
    assert first != second


@pytest.mark.rows("B1", "B2", "B3")
def test_a_port_in_a_block_leads_to_its_host(start):
    lab, natd, servers = start("[blocks]\nsubscribers = 10.0.0.1-10.0.0.14\n")
    assert natd.ctl("whose", topology.EXTERNAL, 2001)["block"]["host"] == "10.0.0.1"
    first, second = (range(1024 + i * OWN_SHARE, 1024 + (i + 1) * OWN_SHARE) for i in range(2))
    for host, address, block in ((lab.in1, "10.0.0.1", first), (lab.in2, "10.0.0.2", second)):
        external = seen(host, 4321, servers[:1])[0]
        assert external[1] in block
        answer = natd.ctl("whose", *external)
        assert answer["block"]["host"] == address
        assert answer["holders"] == [{"proto": "udp", "internal": f"{address}:4321", "state": "in-use"}]
    with pytest.raises(gateway.Refused, match="not one of natd's external addresses"):
        natd.ctl("whose", "192.0.2.31", 2001)
    assert "10.0.0.1" in natd.text("whose", topology.EXTERNAL, "2001")


@pytest.mark.rows("B4")
def test_an_extra_block_is_logged(start):
    lab, natd, servers = start("[blocks]\nsubscribers = 10.0.0.1-10.0.0.14\nextra-size = 16\n")
    external = seen(lab.in3, 4321, servers[:1])[0]
    assert external[1] in range(1024 + 2 * OWN_SHARE, 1024 + 3 * OWN_SHARE)
    lab.in3.batch("addr add 10.0.0.99/24 dev eth0")
    with traffic.udp_socket(lab.in3, 4322, address="10.0.0.99") as stranger:
        external = traffic.ask(stranger, servers[0].endpoint)[0]
    assert external[1] >= 1024 + 14 * OWN_SHARE
    natd.process.wait_output(rf"block given \S+ {topology.EXTERNAL} 56590-56605 to 10.0.0.99")


@pytest.mark.rows("C3", "U2", "C2")
def test_a_pool_with_gaps(start):
    lab, natd, servers = start(pool__address="203.0.113.13,203.0.113.20-203.0.113.22")
    wanted = {"203.0.113.11", "203.0.113.13", "203.0.113.20", "203.0.113.21", "203.0.113.22"}
    assert {pool["address"] for pool in natd.ctl("show", "stats")["pools"]} == wanted
    for host in (lab.in1, lab.in2, lab.in3):
        assert len({endpoint[0] for port in range(5000, 5010) for endpoint in seen(host, port, servers)} & wanted) == 1


@pytest.mark.rows("C4", "C4b")
def test_a_quota_of_one_host_leaves_the_others_alone(start):
    lab, natd, servers = start("[hosts]\nrule = 10.0.0.1: limits.udp-mappings-per-host=10\n")
    with contextlib.ExitStack() as stack:
        def mapped(host):
            sock = stack.enter_context(traffic.udp_socket(host, timeout=0.5))
            with contextlib.suppress(OSError):
                return traffic.ask(sock, servers[0].endpoint, tries=1)[0]
            return None
        assert sum(mapped(lab.in1) is not None for _ in range(13)) == 10
        assert sum(mapped(lab.in2) is not None for _ in range(13)) == 13
        with traffic.Stream(lab.in1, servers[0].endpoint) as stream:
            stream.echo(b"tcp has no such quota")
    stats = natd.ctl("show", "stats")
    assert {"host-mapping-limit"} <= {r["reason"] for r in stats["reasons"] if r["packets"] > 0}


@pytest.mark.rows("C4c")
def test_a_host_that_floods_leaves_the_set_up_of_others_alone(start):
    """in1 opens flows without end, far more than the 10,000 a second that the catalogue names for one second; in2 sets
    up connection after connection meanwhile, and not one fails."""
    lab, natd, servers = start(limits__mapping_rate_per_host="200")
    with Flood(lab.in1, servers[0].endpoint) as flood:
        wait_until(lambda: flood.sent > 2000, "the flood to flow")
        for _ in range(50):
            with traffic.Stream(lab.in2, servers[0].endpoint) as stream:
                stream.echo(b"mine")
        wait_until(lambda: flood.sent > 10000, "10,000 flows", timeout=30)
    stats = natd.ctl("show", "stats")
    counts = {r["reason"]: r["packets"] for r in stats["reasons"]}
    assert counts["creation-rate"] > 0
    mine = [m for m in natd.mappings() if m["internal"].startswith("10.0.0.2:")]
    assert len(mine) == 50
