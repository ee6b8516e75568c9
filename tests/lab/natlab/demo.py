"""The demonstration: a home gateway at work, watched from both sides. packaging/demo runs it.

Two hosts inside use servers outside through natd; its mode is switched live through the four presets while
one connection is never idle; natcheck says from outside what each mode is; one table at the end compares that
with what the mode promises. Ends with 0 only if everything was as promised.
"""

import argparse
import dataclasses
import sys
import time

from . import gateway, natcheck, topology, traffic
from .__main__ import how_to_enter

DOWNLOAD = 200_000_000
EI, AD, APD = gateway.BEHAVIORS


@dataclasses.dataclass(frozen=True)
class Promise:
    """What a preset must look like to natcheck, UDP and TCP alike."""

    mapping: str
    filtering: str
    punching: bool


PROMISES = {
    "full-cone": Promise(EI, EI, True),
    "restricted-cone": Promise(EI, AD, True),
    "port-restricted-cone": Promise(EI, APD, True),
    "symmetric": Promise(APD, APD, False),
}

_COLOUR = sys.stdout.isatty()


def paint(text, code):
    return f"\x1b[{code}m{text}\x1b[0m" if _COLOUR else text


def say(text=""):
    print(text, flush=True)


def heading(text):
    say("\n" + paint(f"== {text}", 1))


class Trouble:
    """What was not as promised, in words."""

    def __init__(self):
        self.found = []

    def check(self, fine, text):
        if not fine:
            self.found.append(text)
            say(paint(f"  not as promised: {text}", 31))
        return fine


def everyday_traffic(lab, trouble):
    """Downloads, datagrams and pings from two hosts inside to all servers outside."""
    heading("real traffic: in1 and in2 use the servers outside")
    with traffic.Files(lab.out1) as files:
        for host in (lab.in1, lab.in2):
            digest, speed = traffic.download(host, f"{files.base}/{DOWNLOAD}")
            same = trouble.check(digest == files.digest(DOWNLOAD), f"the download of {host} arrived altered")
            say(f"  {host}: curl {files.base}/{DOWNLOAD}: {speed * 8 / 1e9:.2f} Gbit/s, "
                f"{'every byte as sent' if same else 'ALTERED'}")
    for host in (lab.in1, lab.in2):
        for name in topology.OUTSIDE:
            server = lab.hosts[name]
            with traffic.Responder(server) as responder, traffic.udp_socket(host) as sock:
                seen_as, _ = traffic.ask(sock, responder.endpoint)
                with traffic.Stream(host, responder.endpoint) as stream:
                    stream.echo(b"natd" * 10_000)
                    tcp_seen_as = stream.seen_as
            answers = traffic.ping(host, server.address)
            trouble.check(seen_as[0] == tcp_seen_as[0] == topology.EXTERNAL, f"{name} saw {host} as {seen_as[0]}")
            trouble.check(answers == 3, f"{host} got {answers} of 3 pings back from {name}")
            say(f"  {host} -> {name}: UDP seen as {traffic.show(seen_as)}, TCP as {traffic.show(tcp_seen_as)}, "
                f"{answers} of 3 pings answered")


def judge(preset, verdict, trouble):
    """Compares natcheck's verdict with the promise; what natcheck could not find counts as not kept."""
    promise = PROMISES[preset]
    for protocol in ("udp", "tcp"):
        found = verdict[protocol]
        for what, expected in (("mapping", promise.mapping), ("filtering", promise.filtering),
                               ("hairpin", True), ("punching", promise.punching)):
            trouble.check(found[what] == expected, f"{preset}: {protocol} {what} is {found[what]}, not {expected}")


def walk_through_the_modes(lab, natd, trouble):
    """natcheck in every preset, switched live under an open connection. Returns the table's rows."""
    rows = []
    with natcheck.servers(lab) as check, traffic.Responder(lab.out2) as responder, traffic.Pulse(
            lab.in2, responder.endpoint) as pulse:
        say(f"\n  in2 holds one TCP connection to out2 open from here on, seen as {traffic.show(pulse.stream.seen_as)}")
        for preset in gateway.PRESETS:
            heading(f"natctl mode {preset}")
            say(natd.text("mode", preset).rstrip())
            begun = time.monotonic()
            say("  natcheck asks its three servers outside what they see ...")
            report = natcheck.report(lab.in1, check)
            verdict = {protocol: natcheck.verdict(report, protocol) for protocol in ("udp", "tcp")}
            before = pulse.beats
            survived = pulse.error is None and _beats(pulse)
            trouble.check(survived, f"{preset}: the open connection broke: {pulse.error!r}")
            say(f"  ... for {time.monotonic() - begun:.0f} s; the open connection has made {before} round trips and is "
                + ("alive" if survived else "BROKEN"))
            judge(preset, verdict, trouble)
            rows.append((preset, verdict, survived))
    return rows


def _beats(pulse):
    try:
        pulse.wait_beats(5)
    except AssertionError:
        return False
    return True


def table(rows):
    """The final table: two rows for each mode, and below it what is the same in all of them. It fits 80 columns."""
    yes = {True: "yes", False: "no", None: "?"}
    short = {EI: "independent", AD: "per address", APD: "per addr+port", None: "?"}
    lines = [["mode", "", "mapping", "filtering", "hairpin", "punching"]]
    for preset, verdict, _ in rows:
        for protocol in ("udp", "tcp"):
            found = verdict[protocol]
            lines.append([preset if protocol == "udp" else "", protocol, short[found["mapping"]], short[found["filtering"]],
                          yes[found["hairpin"]], yes[found["punching"]]])
    widths = [max(map(len, column)) for column in zip(*lines)]
    shown = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in lines]
    broken = [preset for preset, _, survived in rows if not survived]
    return [paint(shown[0], 1), "  ".join("-" * width for width in widths), *shown[1:], "",
            f"the open connection broke in {', '.join(broken)}" if broken else "the open connection survived every change of mode"]


def play(lab, datapath):
    """The whole demonstration in a lab that stands. Returns what was not as promised."""
    trouble = Trouble()
    heading("natd on gw, between lan0 (10.0.0.254) and wan0 (203.0.113.11)")
    natd = gateway.Natd(lab, lab.gw, datapath)
    say(natd.log.rstrip())
    everyday_traffic(lab, trouble)
    rows = walk_through_the_modes(lab, natd, trouble)
    heading("natctl show mappings")
    say(natd.text("show", "mappings").rstrip())
    heading("what natcheck found in each mode")
    say("\n".join(table(rows)))
    return natd, trouble.found


def main():
    parser = argparse.ArgumentParser(prog="packaging/demo", description="natd in a small internet of namespaces.")
    parser.add_argument("--keep", action="store_true", help="leave the lab running at the end")
    parser.add_argument("--datapath", choices=("auto", *gateway.DATAPATHS), default="auto")
    arguments = parser.parse_args()
    try:
        with topology.L1() as lab:
            say(f"lab {lab.name}: " + ", ".join(f"{host} {host.address}" for host in lab.hosts.values()))
            natd, broken = play(lab, arguments.datapath)
            if arguments.keep:
                lab.keep()
                heading("the lab stays")
                say("\n".join(how_to_enter(lab)))
                say(f"  take it down: packaging/demo --down {lab.name}")
            else:
                code = natd.stop()
                if code != 0:
                    broken.append(f"natd ended with {code} when asked to stop")
    except KeyboardInterrupt:
        sys.exit(130)
    except (AssertionError, RuntimeError, OSError) as error:
        sys.exit(paint(f"\nthe demonstration broke off: {error}", 31))
    if broken:
        say(paint(f"\n{len(broken)} things were not as promised:", 31))
        say("\n".join(f"  {line}" for line in broken))
        sys.exit(1)
    say(paint("\neverything was as each mode promises", 32))


if __name__ == "__main__":
    main()
