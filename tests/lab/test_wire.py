"""Octet by octet: what crosses is what was sent, but for addresses, ports, checksums and time to live.

Offloads are off, hosts answer nothing by themselves, and every expectation is scapy's.
"""

import contextlib

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP, fragment

from natlab import gateway, raw, topology, wire

IN1, OUT1, EXTERNAL = topology.INSIDE["in1"], topology.OUTSIDE["out1"], topology.EXTERNAL
HOPS = 2  # gw and core


class Wire:
    """in1 and out1 with a natd between them; `out` and `back` carry a packet and return what arrived."""

    def __init__(self, lab, natd, stack):
        self.lab, self.natd = lab, natd
        self.ears = {name: stack.enter_context(wire.Ear(lab.hosts[name])) for name in ("in1", "in2", "out1", "out2")}

    def carry(self, sender, packet, receiver):
        """What `receiver` hears next, or None."""
        self.ears[receiver].forget()
        raw.send(self.lab.hosts[sender], packet)
        return self.ears[receiver].hear()

    def out(self, packet):
        return self.carry("in1", packet, "out1")

    def back(self, packet):
        return self.carry("out1", packet, "in1")

    def silent(self, sender, packets, receiver):
        """Whether nothing of it arrives: the first thing heard is a ping that was sent behind it."""
        self.ears[receiver].forget()
        for packet in packets:
            raw.send(self.lab.hosts[sender], packet)
        # In both directions a ping of in1's, whose answer comes back to it.
        raw.send(self.lab.in1, IP(src=IN1, dst=OUT1) / ICMP(id=777) / b"behind")
        heard = self.ears[receiver].hear()
        return heard is not None and heard[9] == 1 and heard[-6:] == b"behind"

    def session(self, port, protocol="tcp"):
        """The session of in1's port with out1."""
        shown = self.natd.ctl("show", "sessions", "proto", protocol, "internal", f"{IN1}:{port}")["sessions"]
        assert len(shown) == 1, shown
        return shown[0]


@pytest.fixture(scope="module")
def wires(datapath):
    with contextlib.ExitStack() as stack:
        lab = stack.enter_context(topology.L1(offloads=False))
        for name in ("in1", "in2", "out1", "out2"):
            stack.enter_context(raw.quiet(lab.hosts[name]))
        natd = stack.enter_context(gateway.Natd(lab, lab.gw, datapath))
        yield Wire(lab, natd, stack)


LOOKS_LIKE_ADDRESSES = bytes([10, 0, 0, 1]) + (4321).to_bytes(2, "big") + bytes([203, 0, 113, 11]) + bytes(range(256))
SIGNALLING = {
    69: b"\0\1boot.img\0octet\0",
    5060: b"INVITE sip:b@192.0.2.31 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1:5060\r\nContact: <sip:a@10.0.0.1:5060>\r\n\r\n",
    137: b"\x80\x94\x01\x10\0\1\0\0\0\0\0\0\n\0\0\1",
}


@pytest.mark.rows("NO1", "U10", "NO7")
@pytest.mark.parametrize("port, payload", [(7000, LOOKS_LIKE_ADDRESSES), *SIGNALLING.items()], ids=str)
def test_no_datagram_is_read(wires, port, payload):
    there = IP(src=IN1, dst=OUT1, tos=0xb9, flags="DF", id=4242) / UDP(sport=5000, dport=port) / payload
    assert wires.out(there) == wire.seen_after(there, HOPS, source=(EXTERNAL, 5000))
    back = IP(src=OUT1, dst=EXTERNAL, tos=0x2e, flags="DF", id=77) / UDP(sport=port, dport=5000) / payload
    assert wires.back(back) == wire.seen_after(back, HOPS, destination=(IN1, 5000))


OPTIONS = [("MSS", 1400), ("SAckOK", b""), ("Timestamp", (123456, 0)), ("NOP", None), ("WScale", 7)]
SACK = [("NOP", None), ("NOP", None), ("SAck", (1000, 2000, 3000, 4000))]


def segment(outbound, port, flags, seq, ack=0, payload=b"", **fields):
    """From in1's `port` to out1:80, or from out1:80 to the external endpoint of it."""
    ends = {"src": IN1, "dst": OUT1} if outbound else {"src": OUT1, "dst": EXTERNAL}
    ports = {"sport": port, "dport": 80} if outbound else {"sport": 80, "dport": port}
    return IP(**ends, flags="DF", tos=2) / TCP(**ports, flags=flags, seq=seq, ack=ack, **fields) / payload


def passes(wires, outbound, port, *arguments, **fields):
    """Carries the segment and asserts that it arrives as it was, with the other endpoint."""
    packet = segment(outbound, port, *arguments, **fields)
    if outbound:
        assert wires.out(packet) == wire.seen_after(packet, HOPS, source=(EXTERNAL, port))
    else:
        assert wires.back(packet) == wire.seen_after(packet, HOPS, destination=(IN1, port))


def open_connection(wires, port):
    passes(wires, True, port, "S", 1000, options=OPTIONS)
    passes(wires, False, port, "SA", 5000, 1001, options=OPTIONS)
    passes(wires, True, port, "A", 1001, 5001, window=500)


@pytest.mark.rows("T2", "NO7", "T13", "NO1", "T6")
def test_a_connection_passes_segment_by_segment(wires):
    """Retransmissions, SACK blocks, an urgent pointer, ECN bits, a window of zero, a keep-alive, half-close."""
    port = 5101
    passes(wires, True, port, "SEC", 1000, options=OPTIONS)
    passes(wires, True, port, "SEC", 1000, options=OPTIONS)
    passes(wires, False, port, "SAE", 5000, 1001, options=OPTIONS)
    passes(wires, True, port, "A", 1001, 5001, window=0)
    passes(wires, False, port, "PA", 5001, 1001, b"PORT 10,0,0,1,19,137\r\n")
    passes(wires, True, port, "A", 1001, 5001, options=SACK)
    passes(wires, True, port, "PAU", 1001, 5023, b"PORT 10,0,0,1,19,137\r\n", urgptr=3)
    passes(wires, True, port, "A", 1000, 5023, b"k")
    passes(wires, True, port, "FPA", 1023, 5023, b"bye")
    passes(wires, False, port, "A", 5023, 1027, b"still talking", options=SACK)
    passes(wires, False, port, "FA", 5036, 1027)
    passes(wires, True, port, "A", 1027, 5037)
    assert wires.session(port)["state"] == "both-fin"
    passes(wires, True, port, "S", 90000, options=OPTIONS)
    passes(wires, False, port, "SA", 80000, 90001, options=OPTIONS)
    assert wires.session(port)["state"] == "established"


@pytest.mark.rows("T2a")
def test_both_sides_open_at_once(wires):
    port = 5102
    passes(wires, True, port, "S", 1000, options=OPTIONS)
    passes(wires, False, port, "S", 5000, options=OPTIONS)
    passes(wires, True, port, "SA", 1000, 5001, options=OPTIONS)
    passes(wires, False, port, "SA", 5000, 1001, options=OPTIONS)
    passes(wires, True, port, "A", 1001, 5001)
    passes(wires, False, port, "PA", 5001, 1001, b"hello")
    passes(wires, True, port, "PA", 1001, 5006, b"hello")
    assert wires.session(port)["state"] == "established"


@pytest.mark.rows("X2r", "T13", "NO3")
def test_a_reset_is_passed_on_and_believed_only_in_the_window(wires):
    port = 5103
    open_connection(wires, port)
    passes(wires, False, port, "R", 0x70000000)
    assert wires.session(port)["state"] == "established"
    assert wires.session(port)["expires"] > 7400
    passes(wires, False, port, "R", 5001)
    assert wires.session(port)["state"] == "reset"
    assert wires.session(port)["expires"] <= 241
    passes(wires, True, port, "PA", 1001, 5001, b"still there")
    assert wires.session(port)["state"] == "established"
    assert wires.session(port)["expires"] > 7400


@pytest.mark.rows("X2r")
def test_a_refused_opening_may_be_tried_again(wires):
    port = 5104
    passes(wires, True, port, "S", 1000, options=OPTIONS)
    passes(wires, False, port, "RA", 0, 1001)
    assert wires.session(port)["state"] == "internal-init"
    passes(wires, False, port, "S", 5000, options=OPTIONS)
    passes(wires, True, port, "S", 2000, options=OPTIONS)
    assert wires.session(port)["state"] == "established"


@pytest.mark.rows("CK4")
def test_a_wrong_checksum_stays_wrong(wires):
    """By the same amount, so that the receiver rejects what the sender spoilt."""
    for transport, field in ((UDP(sport=5200, dport=7000), 26), (TCP(sport=5201, dport=80, flags="S"), 36)):
        good = IP(bytes(IP(src=IN1, dst=OUT1, flags="DF") / transport / b"data"))
        expected = wire.seen_after(IP(src=IN1, dst=OUT1, flags="DF") / transport / b"data", HOPS,
                                   source=(EXTERNAL, transport.sport))
        for wrong in (0x0100, 0x0001, 0xff00):
            spoilt = bytearray(bytes(good))
            value = int.from_bytes(spoilt[field:field + 2], "big") ^ wrong
            spoilt[field:field + 2] = value.to_bytes(2, "big")
            arrived = wires.out(bytes(spoilt))
            assert arrived[:field] == expected[:field] and arrived[field + 2:] == expected[field + 2:]
            off = [(int.from_bytes(bytes(one)[field:field + 2], "big") - int.from_bytes(other[field:field + 2], "big"))
                   % 0xffff for one, other in ((good, bytes(spoilt)), (expected, arrived))]
            assert off[0] == off[1] != 0


def datagram(source, destination, identification, payload, **fields):
    return IP(src=source[0], dst=destination[0], id=identification) / UDP(
        sport=source[1], dport=destination[1], **fields) / payload


@pytest.mark.rows("FR6", "CK6", "CK3", "ID3")
def test_fragments_without_a_checksum_keep_every_octet(wires):
    payload = bytes(range(250)) * 12
    whole = datagram((IN1, 5300), (OUT1, 7000), 99, payload, chksum=0)
    heard = []
    for part in fragment(whole, fragsize=1200):
        arrived = wires.out(part)
        assert arrived is not None
        heard.append(arrived)
        expected = part.copy()
        expected.src, expected.ttl = EXTERNAL, part.ttl - HOPS
        del expected.chksum
        assert arrived == wire.with_identification(bytes(expected), arrived)
    assert len({arrived[4:6] for arrived in heard}) == 1, "one identification for all"


@pytest.mark.rows("FR4")
def test_overlaps_and_stumps_of_headers_do_not_arrive(wires):
    """RFC 1858, RFC 3128: what could hide a header behind another one."""
    syn = bytes(TCP(sport=5301, dport=80, flags="S") / bytes(100))
    tiny = IP(src=IN1, dst=OUT1, id=31, proto=6, flags="MF") / syn[:8]
    inside_the_header = IP(src=IN1, dst=OUT1, id=31, proto=6, frag=1) / syn[8:]
    assert wires.silent("in1", [tiny, inside_the_header], "out1")
    parts = fragment(datagram((IN1, 5302), (OUT1, 7000), 32, b"x" * 2400), fragsize=1200)
    assert wires.out(parts[0]) is not None
    again = IP(src=IN1, dst=OUT1, id=32, proto=17, flags="MF", frag=10) / (b"overlap!" * 20)
    assert wires.silent("in1", [again, parts[0]], "out1")
    assert wires.out(parts[1]) is not None


@pytest.mark.rows("ID1", "ID3")
def test_no_identification_is_used_twice(wires):
    """Two hosts send the same thousand identifications to one server."""
    seen = set()
    for name in ("in1", "in2"):
        for number in range(1, 1001):
            packet = datagram((topology.INSIDE[name], 5400), (OUT1, 7000), number, b"id")
            raw.send(wires.lab.hosts[name], packet)
            arrived = wires.ears["out1"].hear(lambda heard: heard[-2:] == b"id")
            seen.add(arrived[4:6])
    assert len(seen) == 2000


@pytest.mark.rows("X5", "X6")
def test_protocols_are_mapped_and_filtered_apart(wires):
    open_connection(wires, 5500)
    assert wires.silent("out1", [IP(src=OUT1, dst=EXTERNAL) / UDP(sport=80, dport=5500) / b"not for TCP"], "in1")
    there = IP(src=IN1, dst=OUT1, flags="DF") / UDP(sport=5500, dport=7000) / b"a mapping of its own"
    assert wires.out(there) == wire.seen_after(there, HOPS, source=(EXTERNAL, 5500))
    assert wires.silent("out2", [IP(src=topology.OUTSIDE["out2"], dst=EXTERNAL) / UDP(sport=80, dport=5500)], "in1")


@pytest.mark.rows("I10b3")
def test_source_routes_do_not_leave(wires):
    for kind in (131, 137):
        option = bytes([1, kind, 7, 4]) + bytes([192, 0, 2, 1])
        assert wires.silent("in1", [IP(src=IN1, dst=OUT1, options=option) / ICMP(id=7) / b"routed"], "out1")


# ICMP errors

ERRORS = [(3, code, 0) for code in (0, 1, 2, 3, 5, 6, 9, 10, 13)] + [(3, 4, 1280), (11, 0, 0), (11, 1, 0),
                                                                     (12, 0, 0x14000000)]


def error(source, kind, code, rest, quote):
    """An ICMP error with the second word `rest`, about the octets of `quote`."""
    packet = IP(src=source, dst=EXTERNAL, flags="DF") / ICMP(type=kind, code=code) / quote
    message = bytearray(bytes(packet[ICMP]))
    message[2:8] = bytes(2) + rest.to_bytes(4, "big")
    total = sum(int.from_bytes(message[i:i + 2].ljust(2, b"\0"), "big") for i in range(0, len(message), 2))
    while total > 0xffff:
        total = (total & 0xffff) + (total >> 16)
    message[2:4] = (~total & 0xffff).to_bytes(2, "big")
    return IP(src=source, dst=EXTERNAL, flags="DF", proto=1) / bytes(message)


@pytest.fixture(scope="module")
def sent(wires):
    """(inside, outside) forms of a UDP datagram and a SYN that in1 has sent, as octets."""
    packets = [IP(src=IN1, dst=OUT1, flags="DF") / UDP(sport=5600, dport=7000) / (b"question" * 4),
               IP(src=IN1, dst=OUT1, flags="DF") / TCP(sport=5601, dport=80, flags="S", seq=9, options=OPTIONS)]
    forms = []
    for packet in packets:
        arrived = wires.out(packet)
        assert arrived == wire.seen_after(packet, HOPS, source=(EXTERNAL, packet.sport))
        forms.append((wire.seen_after(packet, HOPS), arrived))
    return forms


def expect_error(wires, reporter, kind, code, rest, inside, outside, hops):
    arrived = wires.carry(reporter, error(wires.lab.hosts[reporter].address, kind, code, rest, outside), "in1")
    expected = error(wires.lab.hosts[reporter].address, kind, code, rest, inside)
    expected.dst, expected.ttl = IN1, expected.ttl - hops
    assert arrived is not None, (reporter, kind, code)
    assert arrived == bytes(expected), (reporter, kind, code)


@pytest.mark.rows("I4a", "U12", "U12a", "T10", "CK5")
def test_every_error_arrives_as_about_the_hosts_own_packet(wires, sent):
    """From the server and from a router never contacted; whole quotes and such of 8, 17, 20 and 28 octets behind the
    header. None of them ends a mapping."""
    for inside, outside in sent:
        before = [mapping["id"] for mapping in wires.natd.mappings()]
        for kind, code, rest in ERRORS:
            expect_error(wires, "out1", kind, code, rest, inside[:28], outside[:28], HOPS)
        expect_error(wires, "core", 3, 1, 0, inside[:28], outside[:28], 1)
        for length in (8, 20, 28, len(inside) - 20):
            expect_error(wires, "out1", 3, 3, 0, inside[:20 + length], outside[:20 + length], HOPS)
        # Of seventeen octets the last is half a TCP checksum, which stays as it came.
        half = inside[:36] + (outside[36:37] if inside[9] == 6 else inside[36:37])
        expect_error(wires, "out1", 3, 3, 0, half, outside[:37], HOPS)
        assert [mapping["id"] for mapping in wires.natd.mappings()] == before
    answer = IP(src=OUT1, dst=EXTERNAL, flags="DF") / UDP(sport=7000, dport=5600) / b"answer"
    assert wires.back(answer) == wire.seen_after(answer, HOPS, destination=(IN1, 5600))
    passes(wires, False, 5601, "SA", 5000, 10, options=OPTIONS)


@pytest.mark.rows("I3b")
def test_options_in_the_quoted_header_are_stepped_over(wires, sent):
    def with_options(octets):
        changed = IP(octets)
        changed.options = bytes([1] * 7 + [0])
        del changed.ihl, changed.len, changed.chksum
        return bytes(changed)

    for inside, outside in sent:
        expect_error(wires, "out1", 3, 3, 0, with_options(inside), with_options(outside), HOPS)


@pytest.mark.rows("I3d")
def test_an_extension_behind_the_quote_stays_as_it_is(wires, sent):
    """RFC 4884: the quote padded to 128 octets, its length in words of four, and an MPLS label stack behind it."""
    extension = bytes.fromhex("2000dfeb0008010100010201")
    for inside, outside in sent:
        expect_error(wires, "core", 11, 0, 32 << 16, inside.ljust(128, b"\0") + extension,
                     outside.ljust(128, b"\0") + extension, 1)


@pytest.mark.rows("I4")
def test_errors_about_nothing_known_do_not_arrive(wires, sent):
    inside, outside = sent[0]
    other_port = bytes(IP(src=EXTERNAL, dst=OUT1) / UDP(sport=40404, dport=7000) / b"xxxxxxxx")
    other_remote = bytes(IP(src=EXTERNAL, dst=OUT1) / UDP(sport=5600, dport=7001) / b"xxxxxxxx")
    spoilt_header = bytes([*outside[:8], outside[8] ^ 1, *outside[9:]])
    for quote in (other_port, other_remote, inside, outside[:27]):
        assert wires.silent("out1", [error(OUT1, 3, 3, 0, quote)], "in1")
    # A quote with a wrong checksum is believed as far as it names an open session, unless the operator is strict.
    spoilt = error(OUT1, 3, 3, 0, spoilt_header)
    assert not wires.silent("out1", [spoilt], "in1")
    wires.natd.set(icmp__strict_quotes="yes")
    assert wires.silent("out1", [spoilt], "in1")
    wires.natd.set(icmp__strict_quotes="no")
