#!/usr/bin/python3
"""natpunch against itself: server and peers on loopback addresses, no gateway in between; unknown hosts and mistakes.

Runs in a network namespace of its own, which ends with it. NATPUNCH names the program.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import unittest

NATPUNCH = os.environ.get("NATPUNCH", "build/release/bin/natpunch")
S, ALICE, BOB = "127.0.0.11", "127.0.0.12", "127.0.0.13"
PORT = 7485
SKIPPED = 77
SIZE = 64
JOIN, SEEN, REFUSED, INTRODUCE, LEAVE, KNOCK, ANSWER, NOTICE = range(1, 9)
PROTOCOLS = ((), ("--tcp",))


def peer(name, partner, address, *options):
    return [NATPUNCH, "peer", "--server", S, "--name", name, "--peer", partner, "--bind", address, "--json", *options]


def run(argv, timeout=30):
    return subprocess.run(argv, capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL)


def meet(*options, alice=(), bob=()):
    """What both peers report."""
    other = subprocess.Popen(peer("bob", "alice", BOB, *options, *bob), stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, text=True)
    one = run(peer("alice", "bob", ALICE, *options, *alice))
    out, _ = other.communicate(timeout=30)
    reports = json.loads(one.stdout), json.loads(out)
    assert [report["exit"] for report in reports] == [one.returncode, other.returncode]
    return reports


def message(kind, sender=b"eve", receiver=b"alice", nonce=b"\1" * 8, cookie=bytes(8)):
    octets = bytearray(SIZE)
    octets[0:6] = b"NATP\1" + bytes([kind])
    octets[8:16], octets[16:24] = nonce, cookie
    octets[24:24 + len(sender)], octets[36:36 + len(receiver)] = sender, receiver
    octets[48:60] = b"\xff" * 12  # no endpoints, complemented
    return bytes(octets)


@contextlib.contextmanager
def running():
    process = subprocess.Popen([NATPUNCH, "server", "--listen", S], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               text=True)
    try:
        assert process.stdout.readline().startswith("natpunch server: ready")
        yield process
        assert process.poll() is None, "the server has ended"
    finally:
        process.send_signal(signal.SIGTERM)
        code = process.wait(5)
        process.stdout.close()
    assert code == 0


class Stranger:
    """A UDP socket that speaks to S."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, octets):
        self.socket.sendto(octets, (S, PORT))

    def answers(self, kind):
        """The next message from S, which must be of that kind."""
        octets = self.socket.recv(100)
        assert octets[5] == kind, octets
        return octets

    def join(self, sender, receiver):
        """Joins as a peer does: the first answer brings the cookie."""
        self.send(message(JOIN, sender, receiver))
        cookie = self.answers(SEEN)[16:24]
        self.send(message(JOIN, sender, receiver, cookie=cookie))

    def silence(self):
        """Whether S says nothing more: it answers what we ask now, and nothing before."""
        self.send(message(JOIN, b"probe", b"nobody", nonce=b"\7" * 8))
        octets = self.socket.recv(100)
        return octets[5] == SEEN and octets[8:16] == b"\7" * 8


class PeersMeet(unittest.TestCase):
    def test_every_technique_without_a_gateway(self):
        with running():
            for options in PROTOCOLS:
                for technique, path in (("punch", "public"), ("sequential", "public"), ("reverse", "reversed"),
                                        ("relay", "relay")):
                    with self.subTest(technique=technique, options=options):
                        for report in meet("--technique", technique, *options):
                            self.assertTrue(report["success"] and report["peer_success"])
                            self.assertEqual(report["path"], path)
                            self.assertEqual(report["external"], report["local"])
                            self.assertFalse(report["reflexive"])

    def test_prediction_aims_where_it_is_told_to(self):
        with running():
            for options in PROTOCOLS:
                for offset, expected in (("0", True), ("1", False)):
                    with self.subTest(offset=offset, options=options):
                        reports = meet("--technique", "predict", "--offset", offset, "--for", "1", *options)
                        self.assertEqual([report["success"] for report in reports], [expected] * 2)

    def test_one_side_may_wait(self):
        with running():
            for options in PROTOCOLS:
                for start in ("after-peer", "never", "enter"):
                    with self.subTest(start=start, options=options):
                        reports = meet(*options, alice=("--start", start))
                        self.assertTrue(all(report["success"] for report in reports))
                reports = meet(*options, "--start", "never", "--for", "0.5")
                self.assertFalse(any(report["success"] for report in reports), "two who wait")

    def test_a_name_is_free_again_when_its_peer_has_ended(self):
        with running():
            for _ in range(3):
                self.assertTrue(all(report["success"] for report in meet()))

    def test_text_for_people(self):
        with running():
            done = run(["timeout", "20", *[word for word in peer("alice", "bob", ALICE, "--wait", "0.3")
                                           if word != "--json"]])
            self.assertEqual(done.returncode, 2)
            self.assertIn("bob has not joined", done.stdout)


class ServersRefuse(unittest.TestCase):
    def test_a_name_in_use(self):
        with running(), Stranger() as owner:
            owner.join(b"alice", b"carol")
            owner.answers(SEEN)
            done = run(peer("alice", "bob", ALICE))
            self.assertEqual((done.returncode, json.loads(done.stdout)["outcome"]), (3, "refused"))

    def test_to_enter_who_does_not_receive(self):
        with running(), Stranger() as one, Stranger() as other:
            one.join(b"alice", b"eve")
            one.answers(SEEN)
            other.send(message(JOIN, b"eve", b"alice"))
            other.answers(SEEN)
            other.send(message(JOIN, b"eve", b"alice", cookie=b"guessed!"))
            other.answers(SEEN)
            self.assertTrue(one.silence(), "nobody was introduced")

    def test_to_pass_on_what_is_not_between_the_introduced(self):
        with running(), Stranger() as alice, Stranger() as bob, Stranger() as eve:
            alice.join(b"alice", b"bob")
            alice.answers(SEEN)
            bob.join(b"bob", b"alice")
            bob.answers(SEEN)
            nonce = bob.answers(INTRODUCE)[8:16]
            self.assertEqual(alice.answers(INTRODUCE)[8:16], nonce)
            eve.send(message(KNOCK, b"bob", b"alice", nonce=nonce))  # from another endpoint
            bob.send(message(KNOCK, b"bob", b"alice", nonce=b"\2" * 8))  # with another nonce
            bob.send(message(KNOCK, b"bob", b"carol", nonce=nonce))  # to another peer
            bob.send(message(SEEN, b"bob", b"alice", nonce=nonce))  # what only S says
            self.assertTrue(bob.silence())
            self.assertTrue(alice.silence())
            bob.send(message(KNOCK, b"bob", b"alice", nonce=nonce))
            self.assertEqual(alice.answers(KNOCK), message(KNOCK, b"bob", b"alice", nonce=nonce))

    def test_whatever_is_no_message(self):
        with running(), Stranger() as stranger:
            whole = message(JOIN)
            for octets in (b"", b"NATP", whole[:-1], whole + b"\0", b"X" * SIZE, whole[:5] + b"\x09" + whole[6:],
                           os.urandom(SIZE), os.urandom(1400)):
                stranger.send(octets)
            self.assertTrue(stranger.silence())
            with socket.create_connection((S, PORT), timeout=2) as stream:
                stream.sendall(b"GET / HTTP/1.0\r\n\r\n".ljust(SIZE))
                with self.assertRaises(ConnectionResetError):
                    stream.recv(1)

    def test_streams_beyond_their_number(self):
        with running(), contextlib.ExitStack() as stack:
            refused = 0
            for _ in range(520):
                try:
                    stream = stack.enter_context(socket.create_connection((S, PORT), timeout=5))
                    stream.sendall(message(JOIN))
                    refused += not stream.recv(SIZE)
                except (ConnectionResetError, BrokenPipeError):
                    refused += 1
            self.assertEqual(refused, 520 - 512)


class MistakesAreExplained(unittest.TestCase):
    def test_command_lines(self):
        good = ["peer", "--server", S, "--name", "a", "--peer", "b"]
        for argv, hint in (([], "server or peer"), (["dance"], "dance"), (["peer"], "--name"),
                           (["peer", "--server", S, "--name", "a"], "--peer"),
                           (["peer", "--server", S, "--name", "a b", "--peer", "b"], "letters"),
                           (["peer", "--server", S, "--name", "a", "--peer", "a"], "--peer"),
                           (good + ["--technique", "magic"], "sequential"), (good + ["--start", "late"], "after-peer"),
                           (good + ["--for", "0"], "0.1"), (good + ["--try", "some"], "private"),
                           (good + ["--offset", "1001"], "1000"), (good + ["--server", "nowhere"], "--server"),
                           (good + ["--technique", "predict", "--strict"], "--strict"),
                           (["server", "--listen", "0.0.0.0"], "--listen"), (["server", "--listen", S, "x"], "positional")):
            with self.subTest(argv=argv):
                done = run([NATPUNCH, *argv])
                self.assertEqual(done.returncode, 64, done.stderr)
                self.assertIn(hint, done.stderr)
                self.assertIn("--help", done.stderr)

    def test_help_and_version(self):
        self.assertIn("--technique", run([NATPUNCH, "--help"]).stdout)
        self.assertRegex(run([NATPUNCH, "--version"]).stdout, r"^natpunch \d+\.\d+")

    def test_no_server(self):
        for options in PROTOCOLS:
            done = run(peer("alice", "bob", ALICE, "--timeout", "0.3", *options))
            self.assertEqual((done.returncode, json.loads(done.stdout)["outcome"]), (69, "no-server"))

    def test_addresses_of_others(self):
        for argv in (peer("alice", "bob", "192.0.2.1"), [NATPUNCH, "server", "--listen", "192.0.2.1"]):
            done = run(argv)
            self.assertEqual(done.returncode, 71)
            self.assertIn("192.0.2.1", done.stderr)


def main():
    if os.environ.get("NATPUNCH_NAMESPACE") != "own":
        argv = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--net"]
        if subprocess.run([*argv, "true"], capture_output=True).returncode != 0:
            print("this machine refuses network namespaces")
            return SKIPPED
        os.environ["NATPUNCH_NAMESPACE"] = "own"
        os.execvp(argv[0], [*argv, sys.executable, os.path.abspath(__file__), *sys.argv[1:]])
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    return unittest.main(verbosity=2)


if __name__ == "__main__":
    sys.exit(main())
