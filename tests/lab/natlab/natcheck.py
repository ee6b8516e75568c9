"""NAT Check on the lab: its three servers on out1 to out3, clients inside."""

import contextlib
import json
import subprocess

from . import topology
from .gateway import binary

VERDICTS = 3  # exit codes up to this are verdicts: the sum of 1 (UDP) and 2 (TCP) for what cannot be punched


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


def _run(host, arguments, timeout):
    argv = host.argv(str(binary("natcheck")), *arguments)
    done = subprocess.run(argv, capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL)
    if not done.stdout or done.returncode > VERDICTS or done.returncode < 0:
        raise AssertionError(f"natcheck {' '.join(arguments)}: exit {done.returncode}: {done.stderr}{done.stdout}")
    return done


def report(host, addresses, *options, timeout=90):
    """The JSON of one client run."""
    done = _run(host, ["client", "--servers", addresses, "--json", *options], timeout)
    found = json.loads(done.stdout)
    if found["exit"] != done.returncode:
        raise AssertionError(f"natcheck exits with {done.returncode} and reports {found['exit']}")
    return found


def verdict(found, protocol):
    """What a report says of one protocol: mapping, filtering, hairpin (both ways, external source) and punching."""
    part = found[protocol]
    hairpin = part["hairpin"]
    return {"mapping": part["mapping"], "filtering": part["filtering"], "punching": part["hole_punching"],
            "hairpin": bool(hairpin["two_way"]) and hairpin["external_source"] is not False}
