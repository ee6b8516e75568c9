#!/usr/bin/python3
"""natcheck against itself: servers and clients on loopback addresses, no gateway in between.

Runs in a network namespace of its own, which ends with it. NATCHECK names the program.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import unittest

NATCHECK = os.environ.get("NATCHECK", "build/release/bin/natcheck")
S1, S2, S3 = SERVERS = ("127.0.0.11", "127.0.0.12", "127.0.0.13")
PORT = 7475
SKIPPED = 77
SIZE = 64
PING, PONG, PROBE, REPORT, FORWARD = 1, 2, 3, 4, 5
THIRD_SERVER = 4


def run(*arguments, timeout=30):
    return subprocess.run([NATCHECK, *arguments], capture_output=True, text=True, timeout=timeout,
                          stdin=subprocess.DEVNULL)


def message(kind, run_id=b"testtest", stage=1, protocol=17):
    octets = bytearray(SIZE)
    octets[0:5] = b"NATC\x01"
    octets[5] = kind
    octets[6:14] = run_id
    octets[14] = stage
    octets[15:21] = octets[27:33] = b"\xff" * 6  # no endpoint, complemented
    octets[21] = protocol
    return octets


class Server:
    ROLES = {S1: ("--role", "1"), S2: ("--role", "2", "--peer-s3", S3), S3: ("--role", "3", "--peer-s2", S2)}

    def __init__(self, address):
        self.process = subprocess.Popen([NATCHECK, "server", *self.ROLES[address], "--listen", address],
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.greeting = self.process.stdout.readline()

    def end(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(5)
        self.process.stdout.close()
        return code


@contextlib.contextmanager
def running(*addresses):
    servers = [Server(address) for address in addresses]
    try:
        yield servers
        for server in servers:
            if server.process.poll() is not None:
                raise AssertionError(f"a server ended with {server.process.returncode}")
    finally:
        for server in servers:
            server.end()


def linked():
    """Waits until the second server can have the third contact a client."""
    with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as client:
        client.bind(("127.0.0.1", 0))
        client.settimeout(1)
        for _ in range(100):
            client.sendto(message(PING), (S2, PORT))
            cookie = client.recv(SIZE)[45:53]
            probe = message(PROBE, stage=THIRD_SERVER)
            probe[45:53] = cookie
            client.sendto(probe, (S2, PORT))
            answers = [client.recv(SIZE)]
            if answers[0][5] == REPORT and answers[0][22] == 6:  # unavailable
                time.sleep(0.02)
                continue
            return
        raise AssertionError("the second server does not reach the third")


class Client(unittest.TestCase):
    def test_sees_that_nothing_is_translated(self):
        with running(*SERVERS):
            linked()
            done = run("client", "--servers", ",".join(SERVERS), "--bind", "127.0.0.1", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        found = json.loads(done.stdout)
        self.assertEqual(found["version"], 1)
        self.assertEqual(found["hole_punching"], {"udp": True, "tcp": True})
        for protocol in ("udp", "tcp"):
            part = found[protocol]
            self.assertEqual(set(part["seen_by"].values()), {part["local"]})
            self.assertIs(part["translated"], False)
            self.assertEqual(part["mapping"], "endpoint-independent")
            self.assertEqual(part["filtering"], "endpoint-independent")
            self.assertTrue(part["hairpin"]["one_way"] and part["hairpin"]["two_way"])
            self.assertIs(part["payload_untouched"], True)

    def test_prints_a_table_that_ends_in_the_verdict(self):
        with running(*SERVERS):
            linked()
            done = run("client", "--servers", ",".join(SERVERS), "--bind", "127.0.0.1", "--port", "4321", "--udp")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("127.0.0.1:4321", done.stdout)
        self.assertTrue(done.stdout.endswith("\nhole punching: UDP yes\n"), done.stdout)

    def test_takes_nothing_for_granted_without_the_third_server(self):
        with running(S1, S2):
            done = run("client", "--servers", ",".join(SERVERS), "--bind", "127.0.0.1", "--json", "--wait", "0.3",
                       "--timeout", "0.5")
        self.assertEqual(done.returncode, 2, "nobody saw how unsolicited SYNs are met")
        found = json.loads(done.stdout)
        self.assertIsNone(found["udp"]["filtering"])
        self.assertIsNone(found["tcp"]["unsolicited"]["s3"]["response"])

    def test_says_that_no_server_is_there(self):
        begin = time.monotonic()
        done = run("client", "--servers", ",".join(SERVERS), "--bind", "127.0.0.1")
        self.assertEqual(done.returncode, 69)
        self.assertLess(time.monotonic() - begin, 3, "a port that is closed says so")

    def test_says_that_the_port_is_taken(self):
        with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as other:
            other.bind(("127.0.0.1", 4321))
            done = run("client", "--servers", ",".join(SERVERS), "--bind", "127.0.0.1", "--port", "4321")
        self.assertEqual(done.returncode, 71)
        self.assertIn("127.0.0.1:4321", done.stderr)

    def test_refuses_wrong_command_lines(self):
        for arguments in ([], ["cleint"], ["client"], ["client", "--servers", "127.0.0.1"],
                          ["client", "--servers", f"{S1},{S1},{S2}"], ["client", "--serv", ",".join(SERVERS)],
                          ["client", "--servers", f"{S1}:65535,{S2},{S3}"],
                          ["client", "--servers", ",".join(SERVERS), "--wait", "nan"],
                          ["client", "--servers", ",".join(SERVERS), "surplus"],
                          ["server", "--role", "2", "--listen", S2], ["server", "--role", "4", "--listen", S2],
                          ["server", "--role", "1", "--listen", "0.0.0.0"],
                          ["multi", "--servers", ",".join(SERVERS), "--bind", "127.0.0.1"],
                          ["stun"], ["stun", "--server", "localhost"], ["stun", "--server", S1, "--rate", "0"],
                          ["stun", "--server", S1, "--max", "0"], ["stun-server"],
                          ["stun-server", "--listen", "0.0.0.0"],
                          ["stun-server", "--listen", S1, "--second", S1],
                          ["stun-server", "--listen", S1, "--second", f"{S2}:3478"]):
            done = run(*arguments)
            self.assertEqual(done.returncode, 64, arguments)
            self.assertRegex(done.stderr, "^natcheck: ", arguments)

    def test_explains_itself(self):
        for arguments in (["--help"], ["client", "--help"], ["help"]):
            done = run(*arguments)
            self.assertEqual(done.returncode, 0)
            for command in ("server", "client", "multi", "agent", "stun", "stun-server"):
                self.assertIn(f"natcheck {command}:", done.stdout)
        self.assertRegex(run("--version").stdout, r"^natcheck \d+\.\d+\.\d+\n$")


class Several(unittest.TestCase):
    def test_hosts_do_not_disturb_each_other_without_a_gateway(self):
        with running(*SERVERS):
            done = run("multi", "--servers", ",".join(SERVERS), "--bind", "127.0.0.1,127.0.0.2,127.0.0.3,127.0.0.4",
                       "--json")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        found = json.loads(done.stdout)
        for protocol in ("udp", "tcp"):
            self.assertEqual([one["name"] for one in found[protocol]["rounds"]],
                             ["together", "after hairpins", "host 1 joins", "host 2 joins", "host 3 joins",
                              "host 4 joins", "host 1 leaves", "host 1 returns"])
            self.assertEqual(len(found[protocol]["hairpins"]), 12)
            self.assertEqual(found[protocol]["strays"], 0)

    def test_a_host_that_cannot_start_is_named(self):
        done = run("multi", "--servers", ",".join(SERVERS), "--host", "", "--host", "/nonexistent/command")
        self.assertEqual(done.returncode, 71)
        self.assertIn("host 2", done.stderr)

    def test_a_host_that_ends_is_named(self):
        with running(*SERVERS):
            done = run("multi", "--servers", ",".join(SERVERS), "--host", "", "--host", "false",
                       "--bind", "127.0.0.1,127.0.0.2")
        self.assertEqual(done.returncode, 71)
        self.assertIn("host 2: has ended", done.stderr)

    def test_an_agent_answers_nonsense_with_a_refusal(self):
        lines = ["", "dance", "observe udp", "ask udp s1", "join", "join 70000", "join 4321", "join 4321", "observe sctp",
                 "ask udp s4", "ask sctp s1", "hairpin udp nowhere 1", "hairpin tcp 127.0.0.1:1 zz", "heard -1", "leave", "leave"]
        done = subprocess.run([NATCHECK, "agent", "--servers", ",".join(SERVERS), "--bind", "127.0.0.1"],
                              input="\n".join(lines) + "\n", capture_output=True, text=True, timeout=20)
        self.assertEqual(done.returncode, 0)
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual([answer["ok"] for answer in answers[1:]],
                         [line in ("join 4321", "leave") and lines.index(line) == number
                          for number, line in enumerate(lines)])


class StunServer:
    """The first server's address, and the second's where `second` is true."""

    def __init__(self, second=True):
        self.process = subprocess.Popen([NATCHECK, "stun-server", "--listen", S1, *(["--second", S2] if second else [])],
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def __enter__(self):
        self.greeting = self.process.stdout.readline()
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.code = self.process.wait(5)
        self.process.stdout.close()


def stun_message(kind=b"\x00\x01", attributes=b""):
    return kind + len(attributes).to_bytes(2, "big") + b"\x21\x12\xa4\x42" + b"transaction!" + attributes


def attribute(kind, value):
    return kind.to_bytes(2, "big") + len(value).to_bytes(2, "big") + value


class Stun(unittest.TestCase):
    CHANGE, PADDING, RESPONSE_PORT = 0x0003, 0x0026, 0x0027

    def client(self, kind=socket.SOCK_DGRAM):
        made = socket.socket(socket.AF_INET, kind)
        self.addCleanup(made.close)
        made.settimeout(0.3)
        return made

    def found(self, *options):
        done = run("stun", "--server", S1, "--bind", "127.0.0.1", "--rate", "500", "--wait", "0.3", "--json", *options)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return json.loads(done.stdout)

    def test_sees_that_nothing_is_translated(self):
        with StunServer() as server:
            found = self.found("--max", "0.4")
        self.assertRegex(server.greeting, f"^natcheck stun-server: ready on {S1}:3478 and {S2}:3479, UDP and TCP\n$")
        self.assertEqual(server.code, 0)
        self.assertEqual((found["version"], found["other_address"], found["misbehaviors"]), (1, f"{S2}:3479", []))
        for protocol in ("udp", "tcp"):
            self.assertEqual((found[protocol]["mapping"], found[protocol]["translated"]),
                             ("endpoint-independent", False))
            self.assertIs(found[protocol]["payload_untouched"], True)
        udp = found["udp"]
        self.assertEqual(udp["filtering"], "endpoint-independent")
        self.assertIs(udp["fragments"], True)
        self.assertEqual(udp["endurance"], {"packets": 64, "losses": 0})
        self.assertEqual((udp["lifetime"]["alive"], udp["lifetime"]["dead"]), (0.4, None))

    def test_takes_nothing_for_granted_without_a_second_address(self):
        with StunServer(second=False):
            found = self.found()
        self.assertIsNone(found["other_address"])
        self.assertIsNone(found["udp"]["mapping"])
        self.assertIsNone(found["udp"]["filtering"])
        self.assertIsNone(found["tcp"]["mapping"])

    def test_says_that_no_server_is_there(self):
        done = run("stun", "--server", S1, "--bind", "127.0.0.1", "--timeout", "0.5")
        self.assertEqual(done.returncode, 69)
        self.assertIn("did not answer", done.stderr)

    def test_the_server_does_not_answer_what_is_no_request(self):
        with StunServer():
            client = self.client()
            client.connect((S1, 3478))
            for octets in (b"", b"\0", os.urandom(20), stun_message(b"\x01\x01"), stun_message(b"\x00\x11"),
                           stun_message()[:-1], stun_message() + b"\0", bytes(5000)):
                client.send(octets)
            with self.assertRaises(TimeoutError):
                client.recv(2048)
            client.send(stun_message())
            self.assertEqual(client.recv(2048)[:2], b"\x01\x01")

    def test_the_server_refuses_padding_for_another_port(self):
        with StunServer():
            client, other = self.client(), self.client()
            other.bind(("127.0.0.1", 0))
            client.connect((S1, 3478))
            port = attribute(self.RESPONSE_PORT, other.getsockname()[1].to_bytes(2, "big") + b"\0\0")
            client.send(stun_message(attributes=port + attribute(self.PADDING, bytes(400))))
            answer = client.recv(2048)
            self.assertEqual(answer[:2], b"\x01\x11")
            self.assertLess(len(answer), 100)
            with self.assertRaises(TimeoutError):
                other.recv(2048)
            client.send(stun_message(attributes=port))
            self.assertEqual(other.recvfrom(2048)[1], (S1, 3478))

    def test_the_server_bounds_its_answers(self):
        with StunServer():
            client = self.client()
            client.connect((S1, 3478))
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
            begin = time.monotonic()
            for _ in range(20):
                for _ in range(250):
                    client.send(stun_message())
                time.sleep(0.005)  # a flood that the server's socket can hold
            answers = 0
            with self.assertRaises(TimeoutError):
                while True:
                    client.recv(2048)
                    answers += 1
            self.assertGreater(answers, 500)
            self.assertLessEqual(answers, 1000 + 500 * (time.monotonic() - begin))

    def test_the_server_hangs_up_on_streams_that_carry_anything_else(self):
        with StunServer():
            stranger = self.client(socket.SOCK_STREAM)
            stranger.connect((S2, 3479))
            stranger.send(stun_message()[:7])
            stranger.send(stun_message()[7:])
            self.assertEqual(stranger.recv(2048)[:2], b"\x01\x01")
            stranger.send(b"GET / HTTP/1.0\r\n\r\n".ljust(64))
            with self.assertRaises(ConnectionResetError):
                stranger.recv(1)


class Servers(unittest.TestCase):
    def client(self, kind=socket.SOCK_DGRAM):
        made = socket.socket(socket.AF_INET, kind)
        self.addCleanup(made.close)
        made.settimeout(0.3)
        return made

    def test_say_when_they_are_ready_and_end_with_0(self):
        for address in SERVERS:
            server = Server(address)
            self.assertRegex(server.greeting, f"^natcheck server: ready, role [123] on {address}:{PORT} ")
            self.assertEqual(server.end(), 0)

    def test_answer_a_ping_with_a_message_of_the_same_size(self):
        with running(S1):
            client = self.client()
            client.sendto(message(PING), (S1, PORT))
            answer, source = client.recvfrom(2048)
            self.assertEqual((len(answer), answer[5], source), (SIZE, PONG, (S1, PORT)))
            host, port = client.getsockname()
            self.assertEqual(int.from_bytes(answer[19:21], "big") ^ 0xffff, port)

    def test_do_not_answer_what_is_no_message(self):
        with running(S1):
            client = self.client()
            client.connect((S1, PORT))
            good = message(PING)
            for octets in (b"", b"NATC", bytes(SIZE), good[:-1], good + b"\0", b"X" + good[1:], os.urandom(SIZE),
                           os.urandom(1400)):
                client.send(octets)
            with self.assertRaises(TimeoutError):
                client.recv(2048)
            client.send(good)
            self.assertEqual(len(client.recv(2048)), SIZE)

    def test_contact_nobody_whose_address_is_unproven(self):
        with running(*SERVERS):
            linked()
            client = self.client()
            for stage in (3, THIRD_SERVER):
                client.sendto(message(PROBE, stage=stage), (S2, PORT))
            with self.assertRaises(TimeoutError):
                client.recv(2048)

    def test_obey_nobody_but_the_second_server(self):
        with running(*SERVERS):
            victim = self.client()
            victim.bind(("127.0.0.1", 4000))
            forward = message(FORWARD, stage=THIRD_SERVER)
            forward[27:33] = bytes(octet ^ 0xff for octet in (127, 0, 0, 1, 4000 >> 8, 4000 & 255))
            self.client().sendto(forward, (S3, PORT))
            stranger = self.client(socket.SOCK_STREAM)
            stranger.connect((S3, PORT))
            stranger.send(forward)
            with self.assertRaises(TimeoutError):
                victim.recv(2048)

    def test_hang_up_on_streams_that_carry_anything_else(self):
        with running(S1):
            stranger = self.client(socket.SOCK_STREAM)
            stranger.connect((S1, PORT))
            stranger.send(b"GET / HTTP/1.0\r\n\r\n".ljust(SIZE))
            with self.assertRaises(ConnectionResetError):
                stranger.recv(1)

    def test_hold_a_bounded_number_of_streams(self):
        with running(S1):
            streams = [self.client(socket.SOCK_STREAM) for _ in range(300)]
            refused = 0
            for stream in streams:
                stream.settimeout(5)
                try:
                    stream.connect((S1, PORT))
                    stream.send(message(PING, protocol=6))
                    answered = len(stream.recv(SIZE)) == SIZE
                except (ConnectionResetError, BrokenPipeError):
                    answered = False
                refused += not answered
            self.assertEqual(refused, 300 - 256)


def main():
    if os.environ.get("NATCHECK_NAMESPACE") != "own":
        argv = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--net"]
        if subprocess.run([*argv, "true"], capture_output=True).returncode != 0:
            print("this machine refuses network namespaces")
            return SKIPPED
        os.environ["NATCHECK_NAMESPACE"] = "own"
        os.execvp(argv[0], [*argv, sys.executable, os.path.abspath(__file__), *sys.argv[1:]])
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    return unittest.main(verbosity=2)


if __name__ == "__main__":
    sys.exit(main())
