"""natd beside other software of the gateway: firewalls that look at connections, containers that the kernel
masquerades, tunnels that end here, and programs that come by a port which a mapping has."""

import contextlib
import socket

import pytest

from natlab import gateway, topology, traffic
from natlab.waiting import wait_until

FIREWALL = """
table inet firewall {
    chain forward {
        type filter hook forward priority filter; policy drop;
        ct state established,related accept
        ct state invalid drop
        iifname "lan0" accept
    }
    chain input {
        type filter hook input priority filter; policy drop;
        iifname "lo" accept
        ct state established,related accept
        iifname "lan0" accept
        icmp type echo-request accept
    }
}
"""

CONTAINERS = """
table ip containers {
    chain published {
        type nat hook prerouting priority dstnat;
        fib daddr type local tcp dport 8080 dnat to 172.18.0.2:7007
    }
    chain masqueraded {
        type nat hook postrouting priority srcnat;
        ip saddr 172.18.0.0/16 oifname "wan0" masquerade
    }
}
"""


@contextlib.contextmanager
def natd_beside(datapath, rules="", prepare=None, **settings):
    """L1 whose gateway has these nftables rules, with natd: (lab, natd, a Responder on out1)."""
    with topology.L1() as lab:
        if prepare:
            prepare(lab)
        if rules:
            lab.gw.run("nft", "-f", "-", text=rules)
        with gateway.Natd(lab, lab.gw, datapath, settings) as natd, traffic.Responder(lab.out1) as server:
            yield lab, natd, server


def add_container(lab):
    box = lab.host("box", "172.18.0.2")
    lab.switch(lab.gw, "docker0", "172.18.0.254", {box: ("eth0", box.address)})
    lab.gw.sysctl("net.ipv4.ip_forward", 1)


def works(host, server):
    """A host behind the gateway as its user sees it."""
    with traffic.udp_socket(host) as sock:
        assert traffic.ask(sock, server.endpoint, b"x" * 3000)[1] == b"x" * 3000
    with traffic.Stream(host, server.endpoint) as stream:
        stream.echo(b"stream" * 50_000)
    assert traffic.ping(host, server.endpoint[0]) == 3


def warned_of(natd, chain):
    """On TUN such a firewall sees other interfaces: natd says so."""
    return natd.process.wait_output(rf"the chain {chain} sees what natd translates by natd-int")


def test_a_stateful_firewall_lets_the_hosts_go_on(datapath):
    with natd_beside(datapath, FIREWALL) as (lab, natd, server):
        if datapath == "tun":
            assert warned_of(natd, "forward of table inet firewall")
            lab.gw.run("nft", "add rule inet firewall forward iifname { natd-int, natd-ext } accept")
            lab.gw.run("nft", "add rule inet firewall forward oifname natd-ext accept")
        works(lab.in1, server)
        with traffic.udp_socket(lab.in1, 4321) as inside, traffic.udp_socket(lab.in2) as other:
            external = traffic.ask(inside, server.endpoint)[0]
            other.sendto(b"hairpin", external)
            assert inside.recv(100) == b"hairpin"


def test_a_firewall_put_up_later_does_so_too(datapath):
    with natd_beside(datapath) as (lab, natd, server):
        works(lab.in1, server)
        lab.gw.run("nft", "-f", "-", text=FIREWALL)
        if datapath == "tun":
            assert warned_of(natd, "forward of table inet firewall")
            return
        wait_until(lambda: traffic.ping(lab.in1, server.endpoint[0], count=1) == 1, "the firewall's connections")
        works(lab.in1, server)


def test_containers_that_the_kernel_masquerades(datapath):
    with natd_beside(datapath, CONTAINERS, add_container) as (lab, natd, server):
        works(lab.box, server)
        works(lab.in1, server)
        with traffic.Responder(lab.box), traffic.Stream(lab.out1, (topology.EXTERNAL, 8080)) as stream:
            assert stream.seen_as[0] == "192.0.2.31"
            stream.echo(b"published" * 10_000)
        with traffic.Responder(lab.box, 7007), pytest.raises(OSError):
            traffic.Stream(lab.out1, (topology.EXTERNAL, 8081), timeout=1.0)


@pytest.mark.parametrize("protocol", (47, 50, 41, 4, 132), ids=("gre", "esp", "6in4", "ipip", "sctp"))
def test_tunnels_of_the_gateway(datapath, protocol):
    with natd_beside(datapath) as (lab, natd, server):
        ends = [host.socket(socket.SOCK_RAW, protocol=protocol, timeout=2.0) for host in (lab.gw, lab.out1)]
        inner, outer = ends
        payload = bytes(range(48))
        for _ in range(50):
            inner.sendto(payload, (lab.out1.address, 0))
            assert outer.recv(2000)[20:] == payload
            outer.sendto(payload, (topology.EXTERNAL, 0))
            assert inner.recv(2000)[20:] == payload
        for end in ends:
            end.close()


def test_a_program_that_binds_a_mapped_port_takes_nothing(datapath):
    with natd_beside(datapath) as (lab, natd, server), traffic.udp_socket(lab.in1, 4321) as inside, \
            traffic.Stream(lab.in1, server.endpoint, 4322) as stream, traffic.udp_socket(lab.out2) as stranger:
        external = traffic.ask(inside, server.endpoint)[0]
        assert external[1] == 4321 and stream.seen_as[1] == 4322
        with traffic.udp_socket(lab.gw, 4321) as newcomer, lab.gw.socket(socket.SOCK_STREAM) as listener:
            listener.bind(("", 4322))
            listener.listen()

            def served():
                stranger.sendto(b"for the gateway", external)
                newcomer.settimeout(0.3)
                with contextlib.suppress(TimeoutError):
                    return newcomer.recv(100) == b"for the gateway"
                return False
            wait_until(served, "the program to be served for a remote that no session has")
            later = natd.ctl("show", "stats")["uptime"] + 3  # natd looks at the sockets every second
            while natd.ctl("show", "stats")["uptime"] < later:
                assert traffic.ask(inside, server.endpoint, tries=1)[0] == external
                stream.echo(b"still here")
