"""An independent opinion: coturn's RFC 5780 server and its behaviour tester, beside those of natcheck."""

import re
import subprocess

from . import topology
from .gateway import BEHAVIORS, binary
from .waiting import wait_until

PORT = 3478
OURS = 5478  # where natcheck's server listens, beside coturn's
SILENCE = 1  # seconds that a mapping is silent in coturn's test of lifetimes

_NAMES = dict(zip(BEHAVIORS, ("Endpoint Independent", "Address Dependent", "Address and Port Dependent")))


def serve(lab):
    """Starts turnserver on out1's two addresses and waits until it listens on both."""
    server = lab.start(lab.out1, "turnserver", "-n", "--no-auth", "--no-tls", "--no-dtls", "--no-cli", "-m", "1",
                       "--log-file", "stdout", "--simple-log", "--pidfile", lab.path / "turnserver.pid",
                       "--db", lab.path / "turndb", "-L", lab.out1.address, "-L", topology.OUT1_SECOND)

    def listens():
        return all(f"{topology.OUT1_SECOND}:3479" in lab.out1.run("ss", flags) for flags in ("-Hnul", "-Hntl"))

    wait_until(listens, "turnserver to listen")
    return server


def serve_ours(lab):
    """The same with natcheck stun-server, in the way that coturn's tester understands."""
    return lab.start(lab.out1, binary("natcheck"), "stun-server", "--listen", f"{lab.out1.address}:{OURS}",
                     "--second", f"{topology.OUT1_SECOND}:{OURS + 1}", "--fixed-other", ready=r"^natcheck stun-server: ready",
                     name="stun-server")


def _verdict(output, kind):
    for behavior, name in _NAMES.items():
        if re.search(rf"NAT with {name} {kind}!", output):
            return behavior
    raise AssertionError(f"turnutils_natdiscovery gave no verdict:\n{output}")


def _seen(output):
    """The external endpoints in the answers, in order; the first answer is the first test's."""
    return re.findall(r"UDP reflexive addr: (\S+)", output)


def _collides(output):
    """Whether two internal endpoints with one port had the same external one."""
    seen = _seen(output)
    if len(seen) != 2:
        raise AssertionError(f"turnutils_natdiscovery saw {len(seen)} of two endpoints:\n{output}")
    return seen[0] == seen[1]


_TESTS = {"mapping": (["-m"], lambda output: _verdict(output, "Mapping")),
          "filtering": (["-f"], lambda output: _verdict(output, "Filtering")),
          "hairpin": (["-H"], lambda output: "successful hairpinning" in output),
          "collision": (["-c", "-A", topology.IN1_SECOND], _collides),
          "alive": (["-t", "-T", str(SILENCE)], lambda output: len(_seen(output)) == 2)}
PADDED = tuple(f"{test}-padded" for test in _TESTS if test != "alive")  # the same in fragments
EVERYTHING = (*_TESTS, *PADDED)


def ask(host, server, *parts, port=PORT):
    """Starts turnutils_natdiscovery once for each of the parts, all at once; returns what awaits their verdicts.

    The parts are of EVERYTHING: `mapping` and `filtering` are behaviours, `collision` whether two addresses of the
    host got one endpoint, `alive` whether a mapping has survived SILENCE, and those that end in -padded are the same
    with datagrams that need fragments.
    """
    running = {}
    for part in parts:
        flags, _ = _TESTS[part.removesuffix("-padded")]
        padding = ["-P"] if part.endswith("-padded") else []
        running[part] = subprocess.Popen(
            host.argv("turnutils_natdiscovery", "-L", host.address, *flags, *padding, "-p", str(port), server),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def verdicts():
        outputs = {}
        for part, process in running.items():
            with process:
                try:
                    outputs[part] = process.communicate(timeout=60)[0]
                finally:
                    process.kill()
        return {part: _TESTS[part.removesuffix("-padded")][1](output) for part, output in outputs.items()}

    return verdicts


def discover(host, server, *parts, port=PORT):
    """What turnutils_natdiscovery finds from `host`; see ask()."""
    return ask(host, server, *parts, port=port)()


def expected(mapping, filtering):
    """All that turnutils_natdiscovery should find where these are the behaviours and nothing is amiss."""
    plain = {"mapping": mapping, "filtering": filtering, "hairpin": True, "collision": False}
    return {**plain, "alive": True, **{f"{test}-padded": verdict for test, verdict in plain.items()}}
