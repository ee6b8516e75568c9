"""natd is killed at any instant of its life; the next start or `natd --cleanup` puts right whatever that left.

NATLAB_KILLS says how often in all, NATLAB_SEED which instants; a test that fails shows both. While natd is dead or
starts, an inside host goes on sending, and no packet of it may leave untranslated (natlab/watch.py).
"""

import os
import random
import signal
import subprocess
import threading
import time

import pytest

from natlab import gateway, namespaces, snapshot, topology, traffic
from natlab.waiting import wait_until

KILLS = int(os.environ.get("NATLAB_KILLS", 40))
SEED = int(os.environ.get("NATLAB_SEED") or random.SystemRandom().randrange(10**6))
ROUNDS = max(4, KILLS // 4)  # on each of two datapaths, with the kernel forwarding by itself and not
MOMENTS = ("start", "running", "undo", "end")


class Sender:
    """A host inside that goes on sending to a server until the block ends."""

    def __init__(self, host, endpoint):
        self._sock = traffic.udp_socket(host, 4902)
        self._endpoint = endpoint
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        while not self._over.wait(0.002):
            try:
                self._sock.sendto(b"do not show who I am", self._endpoint)
            except OSError:  # the gateway says that there is no way
                continue

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()
        self._sock.close()


class Victim:
    """A natd that is killed; `ending` is the signal that ends it otherwise."""

    def __init__(self, lab, datapath, server, ending):
        self.lab = lab
        self.server = server
        self.ending = ending
        self.natd = gateway.Natd(lab, lab.gw, datapath, start=False)
        self.random = random.Random(f"{SEED} {datapath} {ending}")
        self.told = []
        self.start_takes = self.end_takes = 0.0

    def start(self):
        """To readiness, and on until it translates."""
        begun = time.monotonic()
        self.natd.start()
        self.start_takes = max(self.start_takes, time.monotonic() - begun)
        with traffic.udp_socket(self.lab.in1, 4900) as sock:
            assert traffic.ask(sock, self.server.endpoint)[0][0] == topology.EXTERNAL, self
        return self

    def end(self):
        begun = time.monotonic()
        self.natd.process.send(self.ending)
        assert self.natd.process.wait(30) == 0, f"{self}\n{self.natd.log}"
        self.end_takes = max(self.end_takes, time.monotonic() - begun)

    def launch(self):
        """Starts it without waiting for anything."""
        self.natd.process = self.lab.start(self.lab.gw, *self.natd.argv(), name="natd")

    def kill_within(self, seconds):
        time.sleep(self.random.uniform(0, seconds))
        self.natd.kill()

    def die(self, moment):
        """Runs, or has just ended well, when it is called; is dead afterwards."""
        if moment in ("start", "undo"):
            if self.natd.process.running:
                self.natd.kill() if moment == "undo" else self.end()
            self.launch()
            self.kill_within(self.start_takes)
        else:
            if not self.natd.process.running:
                self.start()
            if moment == "end":
                self.natd.process.send(self.ending)
            self.kill_within(self.end_takes if moment == "end" else 0.02)

    def round(self, number):
        moment = MOMENTS[number % len(MOMENTS)]
        self.told.append(moment)
        self.die(moment)

    def cleanup(self):
        argv = self.lab.gw.argv(str(gateway.binary("natd")), "--cleanup")
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
        assert done.returncode == 0, f"{self}\n{done.stdout}{done.stderr}"

    def __str__(self):
        return f"NATLAB_SEED={SEED}, {len(self.told)} kills, the last at: {', '.join(self.told[-4:])}"


@pytest.fixture
def home(datapath):
    with topology.L1() as lab:
        yield lab


def as_found(lab, found):
    return wait_until(lambda: not snapshot.differences(found, snapshot.take(lab.gw)),
                      lambda: "\n".join(snapshot.differences(found, snapshot.take(lab.gw))) or "agreement")


@pytest.mark.rows("NO8")
def test_the_next_start_puts_right_what_a_kill_left(home, datapath):
    """The kernel forwards by itself, and only natd keeps internal addresses inside; it ends for a restart."""
    print(f"NATLAB_SEED={SEED}")
    home.gw.sysctl("net.ipv4.ip_forward", 1)
    found = snapshot.take(home.gw)
    with traffic.Responder(home.out1) as server, traffic.Responder(home.out2, 7008) as other:
        victim = Victim(home, datapath, server, signal.SIGUSR1).start()
        with Sender(home.in2, other.endpoint):
            victim.end()
            victim.start()
            for number in range(ROUNDS):
                victim.round(number)
                victim.start()
    assert victim.natd.stop() == 0, victim
    assert as_found(home, found)


@pytest.mark.rows("NO8")
def test_cleanup_puts_right_what_a_kill_left(home, datapath):
    """The kernel forwards nothing but for natd; every second kill hits a natd that takes over from a killed one."""
    print(f"NATLAB_SEED={SEED}")
    found = snapshot.take(home.gw)
    with traffic.Responder(home.out1) as server, traffic.Responder(home.out2, 7008) as other:
        victim = Victim(home, datapath, server, signal.SIGTERM).start()
        with Sender(home.in2, other.endpoint):
            victim.end()
            for number in range(ROUNDS):
                victim.round(number)
                if victim.random.random() < 0.5:
                    victim.cleanup()
                    assert as_found(home, found), victim
                    assert not list(journals(home.gw)), victim
                elif victim.random.random() < 0.5:
                    victim.launch()
                    victim.kill_within(victim.start_takes)
    victim.cleanup()
    assert as_found(home, found)


def journals(host):
    number = (namespaces.NETNS / host.name).stat().st_ino
    return namespaces.NATD_RUN.glob(f"netns-{number}.journal*")
