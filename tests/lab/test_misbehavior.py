"""What natd does wrong when a laboratory asks for it, and that it does so only then."""

import contextlib
import socket
import struct

import pytest
from scapy.layers.inet import IP, TCP, UDP

from natlab import capture, gateway, raw, topology, traffic
from natlab.waiting import wait_until


@pytest.fixture
def misbehave(natd):
    """misbehave(key=value, ...) until the test ends."""
    before = {item["key"]: item["value"] for item in natd.ctl("show", "config")["config"]}
    changed = set()

    def change(**settings):
        keys = {key.replace("__", ".").replace("_", "-"): value for key, value in settings.items()}
        changed.update(keys)
        natd.ctl("set", "lab=yes", *(f"{key}={value}" for key, value in keys.items()))

    yield change
    natd.ctl("set", "lab=no", *(f"{key}={before[key]}" for key in changed))
    natd.ctl("flush")


@pytest.mark.parametrize("assignment", ["misbehave.syn-answer=reset", "misbehave.payload-rewriting=yes",
                                        "misbehave.mapping-loss=5", "nat.hairpin=no"])
def test_only_a_laboratory_may_ask(natd, assignment):
    with pytest.raises(gateway.Refused, match="lab = yes"):
        natd.ctl("set", assignment)
    natd.ctl("set", "lab=yes", assignment)
    with pytest.raises(gateway.Refused, match="breaks RFC"):
        natd.ctl("set", "lab=no")
    key = assignment.split("=")[0]
    sentence = assignment.replace("=", " = ") + " breaks RFC"
    for screen in ("stats", "config"):
        assert natd.text("show", screen).startswith(f"MISBEHAVING: {sentence}")
        assert natd.ctl("show", screen)["misbehaving"][0].startswith(sentence)
    assert f"MISBEHAVING: {sentence}" in natd.log
    usual = next(item["default"] for item in natd.ctl("show", "config", key)["config"])
    natd.ctl("set", "lab=no", f"{key}={usual}")
    assert natd.ctl("show", "stats")["misbehaving"] == []
    wait_until(lambda: natd.log.rstrip().endswith("lab yes -> no\nnatd: misbehaves no longer"), "natd to say so")


@pytest.mark.rows("TT9")
@pytest.mark.parametrize("answer", ["reset", "icmp"])
def test_an_unwanted_syn_is_answered(lab, natd, servers, misbehave, answer):
    """T4 broken on purpose: to a port without a mapping, and to one whose filter refuses."""
    with traffic.Stream(lab.in1, servers[0].endpoint, port=4701) as stream:
        misbehave(misbehave__syn_answer=answer)
        with capture.Capture(lab, lab.out2, "eth0", f"src host {topology.EXTERNAL}") as back:
            for port in (40123, stream.seen_as[1]):
                with traffic.tcp_socket(lab.out2) as client, pytest.raises(ConnectionRefusedError):
                    client.connect((topology.EXTERNAL, port))
            wait_until(lambda: len(back.packets()) >= 2, "an answer to either SYN")
            packets = back.stop()
        assert [packet.ttl for packet in packets] == [63, 63], "core is one hop"
        if answer == "reset":
            assert [(packet.protocol, packet.payload[13]) for packet in packets] == [(6, 0x14)] * 2, packets
        else:
            assert [(packet.protocol, packet.payload[:2]) for packet in packets] == [(1, b"\3\3")] * 2, packets
            assert packets[1].quoted.destination == topology.EXTERNAL
        stream.echo(b"unharmed")


def test_packets_from_inside_do_not_keep_a_mapping(lab, natd, servers, misbehave):
    misbehave(misbehave__no_outbound_refresh="yes", udp__timeout="1s")
    with traffic.udp_socket(lab.in1) as sock:
        traffic.ask(sock, servers[0].endpoint)
        internal = traffic.show((lab.in1.address, sock.getsockname()[1]))
        seen = set()

        def another():
            traffic.ask(sock, servers[0].endpoint)
            seen.update(mapping["id"] for mapping in natd.mappings() if mapping["internal"] == internal)
            return len(seen) > 1

        wait_until(another, "a new mapping, although packets left all the time")


def test_a_filtered_packet_ends_the_mapping(lab, natd, servers, misbehave):
    misbehave(misbehave__filter_ends_mapping="yes")
    with traffic.udp_socket(lab.in1) as sock:
        external, _ = traffic.ask(sock, servers[0].endpoint)
        raw.send(lab.out2, IP(src=lab.out2.address, dst=external[0]) / UDP(sport=9, dport=external[1]) / b"x")
        wait_until(lambda: not natd.mappings(), "the mapping to end")
        traffic.ask(sock, servers[0].endpoint)


def test_payloads_are_rewritten_both_ways(lab, natd, servers, misbehave):
    """NO1 broken on purpose: the echo comes back as it was sent, but the server saw something else."""
    misbehave(misbehave__payload_rewriting="yes")
    with traffic.udp_socket(lab.in1, 4702) as sock, capture.Capture(lab, lab.out1, "eth0", "udp") as watch:
        told = b"i am " + socket.inet_aton(lab.in1.address) + struct.pack("!H", 4702)
        external, echoed = traffic.ask(sock, servers[0].endpoint, told)
        assert echoed == told
        seen = watch.wait_for(lambda packet: packet.destination == lab.out1.address, "the datagram at out1")
        assert seen.payload[8:] == b"i am " + socket.inet_aton(external[0]) + struct.pack("!H", external[1])
    with traffic.Stream(lab.in1, servers[0].endpoint) as stream:
        stream.echo(b"x" + socket.inet_aton(lab.in1.address))


def test_mappings_are_lost(lab, natd, servers, misbehave):
    misbehave(misbehave__mapping_loss="1000", ports__preserve="no")
    with traffic.udp_socket(lab.in1) as sock:
        seen = {traffic.ask(sock, servers[0].endpoint)[0] for _ in range(5)}
        assert len(seen) == 5
        assert len(natd.mappings()) == 1


@pytest.mark.parametrize("kind", ["udp", "tcp"])
def test_a_hairpin_shows_the_internal_source(lab, natd, servers, misbehave, kind):
    """U9a broken on purpose."""
    misbehave(misbehave__hairpin_internal_source="yes")
    with contextlib.ExitStack() as stack:
        if kind == "udp":
            one, two = (stack.enter_context(traffic.udp_socket(host)) for host in (lab.in1, lab.in2))
            external_two, _ = traffic.ask(two, servers[0].endpoint)
            one.sendto(b"hairpin", external_two)
            assert two.recvfrom(100) == (b"hairpin", (lab.in1.address, one.getsockname()[1]))
        else:
            mapped = stack.enter_context(traffic.Stream(lab.in2, servers[0].endpoint, port=4703))
            watch = stack.enter_context(capture.Capture(lab, lab.in2, "eth0", f"tcp and src host {lab.in1.address}"))
            raw.send(lab.in1, IP(src=lab.in1.address, dst=topology.EXTERNAL) /
                     TCP(sport=4704, dport=mapped.seen_as[1], flags="S"))
            assert watch.wait_for(lambda packet: packet.ports == (4704, 4703), "the SYN at in2").source == "10.0.0.1"
