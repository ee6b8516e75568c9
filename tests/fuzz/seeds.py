#!/usr/bin/env python3
"""Makes a corpus for the packet, quote and engine fuzzers from what the lab captured.

    NATLAB_CAPTURES=DIRECTORY python3 -m pytest tests/lab/test_icmp.py ...     # the lab keeps its captures there
    tests/fuzz/seeds.py DIRECTORY [--corpus tests/fuzz/corpus] [--most 300]

The captures of the two sides of a gateway, NAME-lan0.pcap and NAME-wan0.pcap, make one conversation. Of many
packets that look alike (protocol, flags, options, fragment, ICMP type, what is quoted) one is kept, and payloads
are cut short. Files are named by their contents, so that the same seed is never kept twice.
"""

import argparse
import hashlib
import struct
from pathlib import Path

ICMP_ERRORS = (3, 11, 12)
PORTS = range(2000, 2021)  # those of the small world of engine_fuzz.cpp
# How engine_fuzz.cpp's world begins: one external address; 20 mappings, 30 sessions, 6 hosts, and so on.
WORLD = bytes((0, 19, 29, 5, 7, 11, 5, 5, 63))
LONGEST = 200  # octets of a packet; engine_fuzz.cpp reads a length of one octet


def frames(path):
    """(time, IP packet) of a pcap file of Ethernet frames; a record cut short ends it."""
    raw = path.read_bytes()
    if len(raw) < 24:
        return
    order = "<" if raw[:4] == b"\xd4\xc3\xb2\xa1" else ">"
    at = 24
    while at + 16 <= len(raw):
        seconds, micros, kept, _ = struct.unpack(order + "IIII", raw[at:at + 16])
        frame = raw[at + 16:at + 16 + kept]
        at += 16 + kept
        if len(frame) < kept:
            return
        if frame[12:14] == b"\x08\x00" and len(frame) >= 34 and frame[14] >> 4 == 4:
            yield seconds + micros / 1e6, bytearray(frame[14:])


def checksum(octets):
    padded = bytes(octets) + b"\0" * (len(octets) % 2)
    total = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def header_length(packet):
    return (packet[0] & 15) * 4


def offset(packet):
    return struct.unpack("!H", packet[6:8])[0] & 0x1FFF


def is_error(packet):
    header = header_length(packet)
    return packet[9] == 1 and offset(packet) == 0 and len(packet) >= header + 28 and packet[header] in ICMP_ERRORS


def shortened(packet):
    """The packet without most of its payload, its lengths right again."""
    packet = packet[:struct.unpack("!H", packet[2:4])[0]][:LONGEST]
    packet[2:4] = struct.pack("!H", len(packet))
    header = header_length(packet)
    if packet[9] == 17 and offset(packet) == 0 and len(packet) >= header + 8 and not packet[6] & 0x20:
        packet[header + 4:header + 6] = struct.pack("!H", len(packet) - header)
    return with_checksums(packet)


def with_checksums(packet):
    """Those that natd looks at: of the IP header, and of ICMP."""
    header = header_length(packet)
    packet[10:12] = b"\0\0"
    packet[10:12] = struct.pack("!H", checksum(packet[:header]))
    if packet[9] == 1 and offset(packet) == 0 and not packet[6] & 0x20 and len(packet) >= header + 8:
        packet[header + 2:header + 4] = b"\0\0"
        packet[header + 2:header + 4] = struct.pack("!H", checksum(packet[header:]))
    return packet


def shape(packet):
    """What tells packets apart that are worth keeping."""
    header = header_length(packet)
    body = packet[header:]
    parts = [packet[9], header, packet[6] >> 5, min(offset(packet), 3)]
    if offset(packet) == 0 and packet[9] == 6 and len(body) >= 20:
        parts += [body[13], body[12] >> 4]
    elif offset(packet) == 0 and packet[9] == 1 and len(body) >= 2:
        parts += [body[0], body[1]]
        if is_error(packet):
            parts += [body[5], len(body).bit_length(), *shape(body[8:] if len(body) >= 36 else body)]
    parts.append(len(body).bit_length())
    return tuple(parts)


def small_port(port):
    return PORTS[port % len(PORTS)]


def moved(packet, inside_is_source):
    """The packet with the port of its internal or external endpoint among those of the fuzzer's world."""
    header = header_length(packet)
    if offset(packet) != 0 or len(packet) < header + 8:
        return packet
    if is_error(packet):
        # What is quoted went the other way.
        quote = packet[header + 8:]
        if header_length(quote) >= 20 and len(quote) >= header_length(quote) + 8:
            packet[header + 8:] = moved(quote, not inside_is_source)
        return with_checksums(packet)
    at = header + (4 if packet[9] == 1 else 0 if inside_is_source else 2)
    port = struct.unpack("!H", packet[at:at + 2])[0]
    packet[at:at + 2] = struct.pack("!H", small_port(port))
    return packet if packet[9] != 1 else with_checksums(packet)


def conversation(lan, wan):
    """(time, whether it came from inside, packet) of what the gateway received, in order."""
    received = []
    for time, packet in frames(lan):
        if packet[12:14] == b"\x0a\x00":
            received.append((time, True, packet))
    for time, packet in frames(wan):
        if packet[16:19] == bytes((203, 0, 113)) and packet[12:15] != bytes((203, 0, 113)):
            received.append((time, False, packet))
    return sorted(received, key=lambda entry: entry[0])


def scripts(received, known):
    """Inputs of engine_fuzz: a dozen packets in a row where at least one is of a new shape."""
    for begin in range(0, len(received), 12):
        chunk = received[begin:begin + 12]
        new = {(inside, shape(packet)) for _, inside, packet in chunk} - known
        if not new:
            continue
        known |= new
        script, before = bytearray(WORLD), chunk[0][0]
        for time, inside, packet in chunk:
            tenths = min(255, int((time - before) * 10))
            before = time
            if tenths:
                script += bytes((2, tenths))
            octets = moved(shortened(bytearray(packet)), inside)
            script += bytes((0 if inside else 1, len(octets))) + octets
        yield bytes(script)


def quote_seed(packet):
    """As quote_fuzz.cpp reads it: type, code, the second word's lower octets, the quote."""
    message = packet[header_length(packet):]
    return bytes((0x80 | ICMP_ERRORS.index(message[0]), message[1], message[4], message[5])) + bytes(message[8:])


def keep(directory, seeds, most):
    directory.mkdir(parents=True, exist_ok=True)
    for seed in list(dict.fromkeys(seeds))[:most]:
        (directory / hashlib.sha1(seed).hexdigest()[:16]).write_bytes(seed)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("captures", type=Path, help="a directory of NAME-lan0.pcap and NAME-wan0.pcap")
    parser.add_argument("--corpus", type=Path, default=Path(__file__).parent / "corpus")
    parser.add_argument("--most", type=int, default=300, help="seeds for each fuzzer")
    options = parser.parse_args()
    packets, quotes, engine = {}, {}, []
    shapes = set()
    for lan in sorted(options.captures.glob("*-lan0.pcap")):
        wan = lan.with_name(lan.name.replace("-lan0", "-wan0"))
        received = conversation(lan, wan) if wan.exists() else []
        engine += scripts(received, shapes)
        for path in (lan, wan):
            for _, packet in frames(path) if path.exists() else ():
                packet = shortened(packet)
                packets.setdefault(shape(packet), bytes(packet))
                if is_error(packet):
                    quotes.setdefault(shape(packet), quote_seed(packet))
    keep(options.corpus / "packet", packets.values(), options.most)
    keep(options.corpus / "quote", quotes.values(), options.most)
    keep(options.corpus / "engine", engine, options.most)
    print(f"{len(packets)} packets, {len(quotes)} quotes, {len(engine)} conversations")


if __name__ == "__main__":
    main()
