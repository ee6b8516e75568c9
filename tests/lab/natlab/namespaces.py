"""Network namespaces that never outlive their purpose.

Every namespace is named natlab-PID-HOST after the process that made it (natlab-PIDx2-HOST in its second lab),
so that runs do not meet and what a dead process left can be told from what a live one uses. A lab that is
meant to stay (`up --keep`) says so by the file RUN/natlab-PID/kept.

A thread may step into a namespace with `entered()`; a socket made there belongs to that namespace for ever,
whoever uses it later. So tests hold sockets of many hosts in one process.
"""

import ctypes
import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
from pathlib import Path

PREFIX = "natlab"
RUN = Path("/run/natlab")  # one directory for each lab: logs, sockets, captures
NETNS = Path("/run/netns")
NATD_RUN = Path("/run/natd")  # a killed natd leaves its journal of this namespace there, netns-INODE.*
NAME = re.compile(rf"^({PREFIX}-(\d+)(?:x\d+)?)-")  # owner, and the pid in it

_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def run(*argv, check=True, text=None, timeout=30):
    """Runs a short command to its end and returns what it printed; a failure carries its message."""
    done = subprocess.run(argv, input=text, capture_output=True, text=True, timeout=timeout,
                          stdin=subprocess.DEVNULL if text is None else None)
    if check and done.returncode != 0:
        raise RuntimeError(f"{' '.join(argv)}: exit {done.returncode}: {(done.stderr or done.stdout).strip()}")
    return done.stdout


def _setns(descriptor):
    if _libc.setns(descriptor, _CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


class Namespace:
    """One host. `address` is the one its peers use; topologies set it."""

    def __init__(self, owner, host):
        self.owner = owner
        self.host = host
        self.name = f"{owner}-{host}"
        self.address = None
        run("ip", "netns", "add", self.name)
        self.batch("link set lo up")
        for scope in ("all", "default"):
            self.sysctl(f"net.ipv6.conf.{scope}.disable_ipv6", 1)

    def __repr__(self):
        return self.host

    @contextlib.contextmanager
    def entered(self):
        """The calling thread (only that) is in this namespace inside the block."""
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            there = os.open(NETNS / self.name, os.O_RDONLY | os.O_CLOEXEC)
            try:
                _setns(there)
            finally:
                os.close(there)
            try:
                yield self
            finally:
                _setns(home)
        finally:
            os.close(home)

    def socket(self, kind, family=socket.AF_INET, protocol=0, timeout=5.0):
        """A socket that lives in this namespace."""
        with self.entered():
            made = socket.socket(family, kind, protocol)
        made.settimeout(timeout)
        return made

    def argv(self, *command):
        """The command line that runs `command` in here."""
        return ["ip", "netns", "exec", self.name, *command]

    def run(self, *command, check=True, text=None, timeout=30):
        """Runs a short command in here and returns its output."""
        return run(*self.argv(*command), check=check, text=text, timeout=timeout)

    def batch(self, *commands):
        """Runs lines of ip(8) in here."""
        run("ip", "-n", self.name, "-batch", "-", text="\n".join(commands) + "\n")

    def sysctl(self, key, value=None):
        """Reads a setting, or writes it; interface names may contain dots, keys are split at the first."""
        path = Path("/proc/sys") / key.replace(".", "/")
        with self.entered():
            if value is None:
                return path.read_text().strip()
            path.write_text(f"{value}\n")
        return None

    def pids(self):
        """The processes that run in here."""
        return [int(pid) for pid in run("ip", "netns", "pids", self.name, check=False).split()]


def remove(name):
    """Ends what runs in a namespace and removes it. Removing what is gone already is no error."""
    for pid in run("ip", "netns", "pids", name, check=False).split():
        if int(pid) != os.getpid():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
    with contextlib.suppress(FileNotFoundError):
        number = (NETNS / name).stat().st_ino
        for leaving in NATD_RUN.glob(f"netns-{number}.*"):
            leaving.unlink(missing_ok=True)
    run("ip", "netns", "del", name, check=False)


def make_directory(path):
    """Makes a lab's directory. Another process may remove RUN, when it is empty, between two steps."""
    while True:
        RUN.mkdir(exist_ok=True)
        try:
            path.mkdir()
            return
        except FileNotFoundError:
            continue


def existing():
    """{owner: [namespace names]} of every lab on this machine, also of those with a run directory alone."""
    labs = {}
    for entry in sorted(RUN.iterdir()) if RUN.is_dir() else ():
        if NAME.match(entry.name + "-"):
            labs[entry.name] = []
    for entry in sorted(NETNS.iterdir()) if NETNS.is_dir() else ():
        found = NAME.match(entry.name)
        if found:
            labs.setdefault(found[1], []).append(entry.name)
    return labs


def is_kept(owner):
    return (RUN / owner / "kept").exists()


def take_down(owner):
    """Removes everything of one lab."""
    for name in existing().get(owner, []):
        remove(name)
    shutil.rmtree(RUN / owner, ignore_errors=True)
    with contextlib.suppress(OSError):
        RUN.rmdir()


def sweep():
    """Removes the labs of dead processes, except those meant to stay. Returns their names."""
    dead = [owner for owner in existing()
            if not is_kept(owner) and not Path("/proc", NAME.match(owner + "-")[2]).exists()]
    for owner in dead:
        take_down(owner)
    return dead
