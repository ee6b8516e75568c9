"""NAT Check on the lab: its three servers on out1 to out3, clients inside."""

import contextlib
import json
import subprocess

from . import topology
from .gateway import binary

VERDICTS = 15  # exit codes up to this are verdicts, a bit for each thing that is not as it should be


@contextlib.contextmanager
def servers(lab):
    """Starts the three servers; yields the list for --servers."""
    peers = {1: [], 2: ["--peer-s3", lab.out3.address], 3: ["--peer-s2", lab.out2.address]}
    started = [lab.start(lab.hosts[f"out{role}"], binary("natcheck"), "server", "--role", role,
                         "--listen", lab.hosts[f"out{role}"].address, *peers[role],
                         ready=r"^natcheck server: ready", name="natcheck") for role in peers]
    try:
        yield ",".join(topology.OUTSIDE.values())
    finally:
        for server in started:
            server.end()


def _report(argv, timeout):
    """Runs natcheck to its end and returns its JSON."""
    done = subprocess.run(argv, capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL)
    if not done.stdout or done.returncode not in range(VERDICTS + 1):
        raise AssertionError(f"{' '.join(argv)}: exit {done.returncode}: {done.stderr}{done.stdout}")
    found = json.loads(done.stdout)
    if found["exit"] != done.returncode:
        raise AssertionError(f"natcheck exits with {done.returncode} and reports {found['exit']}")
    return found


def report(host, addresses, *options, timeout=90):
    """What one client finds out."""
    return _report(host.argv(str(binary("natcheck")), "client", "--servers", addresses, "--json", *options), timeout)


def several(hosts, addresses, *options, timeout=120):
    """What `natcheck multi` finds: hosts inside that use one local port at once and then meet each other."""
    prefixes = [word for host in hosts for word in ("--host", f"ip netns exec {host.name}")]
    return _report([str(binary("natcheck")), "multi", "--servers", addresses, *prefixes, "--json", *options], timeout)


def by_stun(host, server, *options, timeout=90):
    """What `natcheck stun` finds out."""
    return _report(host.argv(str(binary("natcheck")), "stun", "--server", server, "--rate", "200", "--wait", "0.6",
                             "--json", *options), timeout)


def misbehaviors(*reports):
    """The names of all misbehaviours that the reports have seen."""
    return {found["name"] for report in reports for found in report["misbehaviors"]}


def verdict(found, protocol):
    """What a report says of one protocol: mapping, filtering, hairpin (both ways, external source) and punching."""
    part = found[protocol]
    hairpin = part["hairpin"]
    return {"mapping": part["mapping"], "filtering": part["filtering"], "punching": part["hole_punching"],
            "hairpin": bool(hairpin["two_way"]) and hairpin["external_source"] is not False}
