"""An independent opinion: coturn's RFC 5780 server and its behaviour tester."""

import re

from . import topology
from .gateway import BEHAVIORS
from .waiting import wait_until

_NAMES = dict(zip(BEHAVIORS, ("Endpoint Independent", "Address Dependent", "Address and Port Dependent")))


def serve(lab):
    """Starts turnserver on out1's two addresses and waits until it listens on both."""
    server = lab.start(lab.out1, "turnserver", "-n", "--no-auth", "--no-tls", "--no-dtls", "--no-cli", "-m", "1",
                       "--log-file", "stdout", "--simple-log", "--pidfile", lab.path / "turnserver.pid",
                       "--db", lab.path / "turndb", "-L", lab.out1.address, "-L", topology.OUT1_SECOND)

    def listens():
        return f"{topology.OUT1_SECOND}:3479" in lab.out1.run("ss", "-Hnul")

    wait_until(listens, "turnserver to listen")
    return server


def _verdict(output, kind):
    for behavior, name in _NAMES.items():
        if re.search(rf"NAT with {name} {kind}!", output):
            return behavior
    raise AssertionError(f"turnutils_natdiscovery gave no verdict:\n{output}")


def discover(host, server, *parts):
    """What turnutils_natdiscovery finds from `host`: parts of {"mapping", "filtering", "hairpin"}."""
    def ask(flag):
        return host.run("turnutils_natdiscovery", "-L", host.address, flag, server, check=False, timeout=60)

    found = {}
    if "mapping" in parts:
        found["mapping"] = _verdict(ask("-m"), "Mapping")
    if "filtering" in parts:
        found["filtering"] = _verdict(ask("-f"), "Filtering")
    if "hairpin" in parts:
        found["hairpin"] = "successful hairpinning" in ask("-H")
    return found
