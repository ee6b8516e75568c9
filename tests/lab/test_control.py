"""natctl against a live natd: what it shows is true, what it orders happens, and no user can abuse the socket."""

import contextlib
import json
import socket

import pytest
from scapy.layers.inet import IP, UDP

from natlab import capture, gateway, raw, topology, traffic
from natlab.waiting import wait_until


@pytest.mark.rows("C10")
def test_show_mappings_tells_the_truth(lab, natd, servers):
    with traffic.udp_socket(lab.in1, 4860) as sock:
        seen_as, _ = traffic.ask(sock, servers[0].endpoint)
        mine = [mapping for mapping in natd.mappings() if "10.0.0.1:4860" in str(mapping)]
        assert len(mine) == 1
        assert traffic.show(seen_as) in str(mine[0])
        assert "10.0.0.1:4860" in natd.text("show", "mappings")


def test_show_sessions_names_the_remotes(lab, natd, servers):
    with traffic.udp_socket(lab.in1, 4861) as sock:
        for server in servers:
            traffic.ask(sock, server.endpoint)
        shown = str(natd.ctl("show", "sessions"))
        for server in servers:
            assert traffic.show(server.endpoint) in shown


def test_stats_count_drops_by_reason(lab, natd, servers):
    before = natd.ctl("show", "stats")
    with traffic.udp_socket(lab.in1, 4862) as sock, traffic.udp_socket(lab.out2) as stranger:
        seen_as, _ = traffic.ask(sock, servers[0].endpoint)
        stranger.sendto(b"filtered", seen_as)
        wait_until(lambda: natd.ctl("show", "stats") != before, "a counter to move")


OTHER_INTERFACE = ("PREROUTING", "-i", "lo", "-p", "udp", "--dport", "9", "-j", "NFQUEUE", "--queue-num", "5060")


def test_a_packet_from_neither_interface_is_dropped_and_counted(lab, natd, datapath):
    """What a rule of the operator's brings to natd's queue. TUN gets nothing but what its two devices carry."""
    def count():
        return natd.ctl("show", "stats")["datapath_counters"].get("queue-unknown-interface")

    if datapath == "tun":
        assert count() is None
        return
    before = count()
    lab.gw.run("iptables", "-t", "mangle", "-A", *OTHER_INTERFACE)
    try:
        with traffic.udp_socket(lab.gw, address="127.0.0.1") as sender:
            for _ in range(3):
                sender.sendto(b"to itself", ("127.0.0.1", 9))
        wait_until(lambda: count() == before + 3, "the counter to tell of three packets")
    finally:
        lab.gw.run("iptables", "-t", "mangle", "-D", *OTHER_INTERFACE)


def test_flush_forgets_mappings(lab, natd, servers):
    with traffic.udp_socket(lab.in1, 4863) as sock:
        traffic.ask(sock, servers[0].endpoint)
        natd.ctl("flush")
        assert not [mapping for mapping in natd.mappings() if "10.0.0.1:4863" in str(mapping)]
        traffic.ask(sock, servers[0].endpoint)


def test_a_forwarded_port_lets_strangers_in(lab, natd):
    natd.ctl("port-forward", "add", "tcp", "8443", "10.0.0.1:443", "--name", "web")
    try:
        with traffic.Responder(lab.in1, port=443):
            for outside in (lab.out1, lab.out2):
                with traffic.Stream(outside, (topology.EXTERNAL, 8443)) as stream:
                    assert stream.seen_as[0] == outside.address, "the source is the stranger's own"
                    stream.echo(b"GET / " * 1000)
            with traffic.Stream(lab.in2, (topology.EXTERNAL, 8443)) as stream:
                assert stream.seen_as[0] == topology.EXTERNAL, "and by the hairpin from inside"
        assert "8443" in str(natd.ctl("port-forward", "list"))
    finally:
        natd.ctl("port-forward", "del", "web")
    assert "8443" not in str(natd.ctl("port-forward", "list"))
    with pytest.raises(OSError):
        traffic.Stream(lab.out1, (topology.EXTERNAL, 8443), timeout=0.5)


def test_trace_explains_and_changes_nothing(lab, natd, servers):
    with traffic.udp_socket(lab.in1, 4864) as sock:
        seen_as, _ = traffic.ask(sock, servers[0].endpoint)
        before = natd.mappings()
        told = natd.host.run(str(gateway.binary("natctl")), "--control", str(natd.control), "trace", "udp",
                             f"{lab.out2.address}:9", traffic.show(seen_as), "--in", check=False)
        assert "filter" in told
        natd.ctl("trace", "udp", "10.0.0.3:1234", traffic.show(servers[0].endpoint), "--out")
        assert [mapping for mapping in natd.mappings() if "10.0.0.3:1234" in str(mapping)] == []
        assert len(natd.mappings()) == len(before)


def test_a_refused_packet_is_listed_explained_and_let_in(lab, natd, servers):
    """The list names it, its number explains it, and the setting that the explanation names lets it in."""
    with traffic.udp_socket(lab.in1, 4865) as sock, traffic.udp_socket(lab.out2, 4866) as stranger:
        seen_as, _ = traffic.ask(sock, servers[0].endpoint)
        source = f"{lab.out2.address}:4866"

        def listed():
            stranger.sendto(b"refused", seen_as)
            refused = natd.ctl("trace", "--refused", "reason", "filtered-by-address")["refused"]
            return [kind for kind in refused if kind["source"] == source]

        kind = wait_until(listed, "the packet to be listed")[0]
        assert kind["destination"] == traffic.show(seen_as)
        told = json.loads(natd.host.run(str(gateway.binary("natctl")), "--control", str(natd.control), "--json",
                                        "trace", str(kind["number"]), check=False))
        assert told["refused"]["reason"] == "filtered-by-address"
        assert told["setting"] == "udp.filtering=endpoint-independent"
        before = natd.ctl("show", "config", "udp.filtering")["config"][0]["value"]
        natd.ctl("set", told["setting"])
        try:
            stranger.sendto(b"let in", seen_as)
            sock.settimeout(5)
            assert sock.recvfrom(100)[0] == b"let in"
            again = natd.ctl("trace", str(kind["number"]))
            assert again["outcome"] == "forward" and again["refused"]["outcome"] == "drop"
        finally:
            natd.ctl("set", f"udp.filtering={before}")


def asked_again(natd, source):
    """The account now of the packet that was refused from there; None when natd has refused none."""
    refused = natd.ctl("trace", "--refused")["refused"]
    numbers = [str(kind["number"]) for kind in refused if kind["source"] == traffic.show(source)]
    return json.loads(natd.host.run(str(gateway.binary("natctl")), "--control", str(natd.control), "--json", "trace",
                                    numbers[0], check=False)) if numbers else None


def test_trace_knows_where_a_time_to_live_ends(lab, natd, servers):
    """Asked again about a refused packet, it says what the kernel would do: some hops it counts behind natd, where a
    packet still ends that natd lets through, and some before it, where what natd sees is what is left."""
    def short_lived(source, destination, ttl):
        return IP(src=source[0], dst=destination[0], ttl=ttl) / UDP(sport=source[1], dport=destination[1]) / b"short"

    inside = ("10.0.0.1", 4867)
    ends, passes = [(lab.out2.address, port) for port in (4868, 4869)]
    with traffic.udp_socket(lab.in1, 4867) as sock:
        seen_as, _ = traffic.ask(sock, servers[0].endpoint)
        natd.set(limits__sessions_per_mapping=1)
        try:
            raw.send(lab.out2, short_lived(ends, seen_as, 2))  # core takes one, and the gateway the other
            raw.send(lab.out2, short_lived(passes, seen_as, 3))
            raw.send(lab.in1, short_lived(inside, servers[1].endpoint, 2))
            for source in (passes, inside):
                wait_until(lambda source=source: asked_again(natd, source), "the packet to be listed")
            natd.set(limits__sessions_per_mapping=16384, udp__filtering="endpoint-independent")
            for source in (passes, inside):
                told = asked_again(natd, source)
                assert told["reason"] == "translated" and "ttl" not in [step["step"] for step in told["steps"]]
            told = asked_again(natd, ends)
            if natd.datapath == "tun":
                assert told is None, "the kernel has dropped it on its way to natd"
            else:
                assert told["reason"] == "ttl-expired" and told["refused"]["reason"] == "filtered-by-address"

            with capture.Capture(lab, lab.out2, "eth0", "icmp") as errors:
                raw.send(lab.out2, short_lived(ends, seen_as, 2))
                errors.wait_for(lambda packet: packet.quoted and packet.payload[0] == 11, "time exceeded at out2")
            raw.send(lab.out2, short_lived(passes, seen_as, 3))
            sock.settimeout(5)
            assert sock.recvfrom(100) == (b"short", passes)
            with capture.Capture(lab, lab.gw, "wan0", "udp") as wan:
                raw.send(lab.in1, short_lived(inside, servers[1].endpoint, 2))
                wan.wait_for(lambda packet: packet.destination == lab.out2.address and packet.ttl == 1, "it on wan0")
        finally:
            natd.set(limits__sessions_per_mapping=16384)


def test_watch_shows_mappings_as_they_are_made(lab, natd, servers):
    watcher = lab.start(lab.gw, gateway.binary("natctl"), "--control", natd.control, "watch", name="watch")

    def appears():
        """Each try makes another mapping, as the first may come before the watcher has connected."""
        with traffic.udp_socket(lab.in1) as sock:
            traffic.ask(sock, servers[0].endpoint)
            with contextlib.suppress(AssertionError):
                return watcher.wait_output(rf"10\.0\.0\.1:{sock.getsockname()[1]}\b", timeout=0.5)

    wait_until(appears, "watch to show a new mapping")
    watcher.end()


def test_wrong_orders_are_refused_with_a_hint(natd):
    for command in (["mode", "fullcone"], ["set", "udp.mappings=endpoint-independent"], ["set", "udp.mapping=x"],
                    ["port-forward", "add", "tcp", "70000", "10.0.0.1:1"], ["show", "nonsense"], ["nonsense"]):
        with pytest.raises(gateway.Refused) as refusal:
            natd.ctl(*command)
        assert len(refusal.value.message) > 10
        assert refusal.value.code in (1, 2)


def test_hostile_clients_do_not_slow_the_gateway(lab, natd, servers):
    """Connections that say nothing, say nonsense, or never read: traffic and natctl go on."""
    with contextlib.ExitStack() as stack:
        for number in range(100):
            client = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            client.settimeout(2)
            with contextlib.suppress(OSError):
                client.connect(str(natd.control))
                client.sendall((b"", b"\xff" * 5000, b"{" * 5000, b'{"command":"show sessions"}\n' * 100)[number % 4])
        with traffic.Pulse(lab.in1, servers[0].endpoint) as pulse:
            pulse.wait_beats(50, timeout=5)
    assert natd.wait_alive()
