"""natpunch on the lab: the rendezvous server S on out1, and peers that try to reach each other (RFC 5128).

    with punching.server(lab) as server:
        one, other = punching.meet(server, lab.in1, lab.inB, "--tcp")   # what both report
        assert punching.through(one, other)

Every meeting has names and local ports of its own, so that no gateway has state for them from an earlier one.
"""

import contextlib
import itertools
import json
import subprocess

from .gateway import binary

NO_WAY, ALONE = 1, 2
# Seconds that a peer tries: where it should fail, ten datagrams, or a SYN and its first repetition; where it should
# succeed it ends as soon as it does, and a slow machine must not look like a NAT.
SHORT, PATIENT = 2, 10

_numbers = itertools.count(1)


@contextlib.contextmanager
def server(lab, host=None):
    """Starts S (on out1, if no other host is named) and yields its address."""
    host = host or lab.out1
    started = lab.start(host, binary("natpunch"), "server", "--listen", host.address, ready=r"^natpunch server: ready",
                        name="natpunch")
    try:
        yield host.address
    finally:
        started.end()


class Peer:
    """One natpunch peer; `address` is where it is bound, the host's own unless it is said."""

    def __init__(self, server, host, name, partner, port, *options, address=None):
        self.bound = (address or host.address, port)
        argv = [str(binary("natpunch")), "peer", "--server", server, "--name", name, "--peer", partner, "--json",
                "--bind", "{}:{}".format(*self.bound), *map(str, options)]
        self.argv = host.argv(*argv)
        self._popen = subprocess.Popen(self.argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                       stderr=subprocess.PIPE, text=True)

    def introduced(self):
        """Waits until it knows of the other."""
        line = self._popen.stderr.readline()
        if "introduced to" not in line:
            raise AssertionError(f"{' '.join(self.argv)}: {line}{self._popen.communicate(timeout=90)}")

    def go(self):
        """Presses Enter, for --start enter."""
        self._popen.stdin.write("\n")
        self._popen.stdin.flush()

    def report(self):
        """What it says when it has ended."""
        out, err = self._popen.communicate(timeout=90)
        if self._popen.returncode not in (0, NO_WAY, ALONE) or not out:
            raise AssertionError(f"{' '.join(self.argv)}: exit {self._popen.returncode}: {err}{out}")
        found = json.loads(out)
        if found["exit"] != self._popen.returncode:
            raise AssertionError(f"natpunch exits with {self._popen.returncode} and reports {found['exit']}")
        return found

    def end(self):
        if self._popen.poll() is None:
            self._popen.kill()
        self._popen.communicate()


class Meeting:
    """Two peers under way. `one_more` and `other_more` are options of one of them only."""

    def __init__(self, server, one, other, *options, one_more=(), other_more=(), patience=PATIENT, ports=None):
        number = next(_numbers)
        ports = ports or (10_000 + 2 * number, 10_001 + 2 * number)
        common = ("--for", patience, *options)
        self.peers = (Peer(server, one, f"one{number}", f"other{number}", ports[0], *common, *one_more),
                      Peer(server, other, f"other{number}", f"one{number}", ports[1], *common, *other_more))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for peer in self.peers:
            peer.end()

    def introduced(self):
        for peer in self.peers:
            peer.introduced()

    def reports(self):
        return tuple(peer.report() for peer in self.peers)


def meet(server, one, other, *options, **more):
    """A meeting to its end: what the two report."""
    with Meeting(server, one, other, *options, **more) as meeting:
        return meeting.reports()


def meet_all(meetings):
    """{key: reports} of {key: Meeting}, which run at the same time."""
    with contextlib.ExitStack() as stack:
        for meeting in meetings.values():
            stack.enter_context(meeting)
        return {key: meeting.reports() for key, meeting in meetings.items()}


def patience(expected):
    return PATIENT if expected else SHORT


def through(one, other):
    """Whether both have had an answer. One alone is no connection: that would be a fault of the lab, not a finding."""
    return one["success"] and other["success"]


def summary(reports):
    """A line for the report: what became of a meeting."""
    return " | ".join(f"{report['name']}: {report['path'] or 'no way'} seen {report['external']} "
                      f"heard {','.join(report['heard']) or 'nobody'}" for report in reports)
