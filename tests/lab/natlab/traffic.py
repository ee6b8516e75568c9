"""Servers and clients made of sockets that live on the lab's hosts.

Responder answers on UDP and TCP and sends each client the endpoint it was seen at; Files serves web downloads; Listener
and the functions below are the clients' side.
"""

import contextlib
import hashlib
import http.server
import re
import socket
import socketserver
import struct
import subprocess
import threading

from .waiting import wait_until

RESPONDER_PORT = 7007
WEB_PORT = 80


def show(endpoint):
    return f"{endpoint[0]}:{endpoint[1]}"


def parse(text):
    address, port = text.rsplit(":", 1)
    return address, int(port)


class _Datagrams(socketserver.BaseRequestHandler):
    def handle(self):
        data, sock = self.request
        self.server.seen.append(self.client_address)
        sock.sendto(show(self.client_address).encode() + b"\n" + data, self.client_address)


class _Streams(socketserver.BaseRequestHandler):
    """Says "ADDRESS:PORT\\n", then echoes until the client ends."""

    def handle(self):
        self.server.seen.append(self.client_address)
        with contextlib.suppress(OSError):
            self.request.sendall(show(self.client_address).encode() + b"\n")
            while data := self.request.recv(65536):
                self.request.sendall(data)


class _Server:
    """One thread that accepts, in the namespace of `host`; closed with the `with` block."""

    def _serve(self, server):
        server.seen = []
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
        return server

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Responder(_Server):
    """Answers UDP and TCP on one port: first a line with the endpoint the client was seen from, then an echo.

    udp_seen and tcp_seen list every client endpoint in order of arrival.
    """

    def __init__(self, host, port=RESPONDER_PORT, address=""):
        self.endpoint = (address or host.address, port)
        with host.entered():
            self._udp = self._serve(_Udp((address, port), _Datagrams))
            self._tcp = self._serve(_Tcp((address, port), _Streams))

    @property
    def udp_seen(self):
        return self._udp.seen

    @property
    def tcp_seen(self):
        return self._tcp.seen

    def close(self):
        for server in (self._udp, self._tcp):
            server.shutdown()
            server.server_close()


class _Udp(socketserver.ThreadingUDPServer):
    allow_reuse_address = True
    daemon_threads = True
    max_packet_size = 65535


class _Tcp(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128


class _Download(http.server.BaseHTTPRequestHandler):
    """GET /SIZE sends SIZE bytes of the server's block, over and over."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        size = int(self.path.strip("/") or 0)
        self.send_response(200)
        self.send_header("Content-Length", str(size))
        self.end_headers()
        block = memoryview(self.server.block)
        while size > 0:
            part = block[:size]
            self.wfile.write(part)
            size -= len(part)

    def log_message(self, *_):
        pass


class Files(_Server):
    """A web server: GET /N gives N bytes. `digest(n)` is their SHA-256."""

    def __init__(self, host, port=WEB_PORT):
        self.base = f"http://{host.address}:{port}"
        with host.entered():
            self._server = http.server.ThreadingHTTPServer(("", port), _Download)
        self._server.daemon_threads = True
        self._server.block = bytes(range(251)) * 4178  # about 1 MB; the odd period shows lost or swapped parts
        self._serve(self._server)

    def digest(self, size):
        whole, rest = divmod(size, len(self._server.block))
        digest = hashlib.sha256()
        for _ in range(whole):
            digest.update(self._server.block)
        digest.update(self._server.block[:rest])
        return digest.hexdigest()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


def download(host, url, timeout=60):
    """Fetches with curl on `host`; returns (sha256, bytes per second)."""
    command = host.argv("curl", "--silent", "--show-error", "--fail", "--max-time", str(timeout),
                        "--write-out", "%{stderr}%{speed_download}", url)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          stdin=subprocess.DEVNULL) as curl:
        digest = hashlib.sha256()
        while block := curl.stdout.read(1 << 20):
            digest.update(block)
        message = curl.stderr.read().decode()
    if curl.returncode != 0:
        raise AssertionError(f"curl {url}: exit {curl.returncode}: {message}")
    return digest.hexdigest(), float(message)


def udp_socket(host, port=0, timeout=2.0, address=""):
    made = host.socket(socket.SOCK_DGRAM, timeout=timeout)
    made.bind((address, port))
    return made


def ask(sock, server, payload=b"?", tries=3):
    """Sends a datagram to a Responder until it answers; returns (the endpoint it saw, the echoed payload)."""
    for attempt in range(tries):
        sock.sendto(payload, server)
        try:
            while True:
                data, source = sock.recvfrom(65535)
                if source == server:
                    endpoint, echoed = data.split(b"\n", 1)
                    return parse(endpoint.decode()), echoed
        except TimeoutError:
            if attempt == tries - 1:
                raise
    raise AssertionError("unreachable")


def tcp_socket(host, port=0, timeout=5.0):
    """An unconnected TCP socket, its port shareable with others as hole punching needs."""
    made = host.socket(socket.SOCK_STREAM, timeout=timeout)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    made.bind(("", port))
    return made


class Stream:
    """A TCP connection to a Responder; `seen_as` is the endpoint the server saw."""

    def __init__(self, host, server, port=0, timeout=5.0):
        self.socket = tcp_socket(host, port, timeout)
        try:
            self.socket.connect(server)
            self.seen_as = parse(self._line())
        except BaseException:
            self.socket.close()
            raise

    def _line(self):
        line = b""
        while not line.endswith(b"\n"):
            part = self.socket.recv(1)
            if not part:
                raise ConnectionError("the server closed early")
            line += part
        return line.decode().strip()

    def echo(self, payload):
        """Sends and receives the same bytes back; raises when they differ."""
        self.socket.sendall(payload)
        back = bytearray()
        while len(back) < len(payload):
            part = self.socket.recv(65536)
            if not part:
                raise ConnectionError("the server closed early")
            back += part
        if bytes(back) != payload:
            raise AssertionError("the echo differs from what was sent")

    def reset(self):
        """Ends it with a RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Pulse:
    """A TCP connection that is never idle: an echo every few milliseconds from a thread of its own.

    `beats` counts the echoes; `error` is what ended it, or None while it is well.
    """

    def __init__(self, host, server, port=0):
        self.stream = Stream(host, server, port)
        self.beats = 0
        self.error = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)
        self._thread.start()

    def _beat(self):
        while not self._stop.wait(0.005):
            try:
                self.stream.echo(b"%08d" % self.beats)
            except Exception as error:
                self.error = error
                return
            self.beats += 1

    def wait_beats(self, more=10, timeout=10.0):
        """Waits for `more` echoes from now on; so the connection works at this moment."""
        goal = self.beats + more
        wait_until(lambda: self.error or self.beats >= goal, "echoes on an open connection", timeout)
        if self.error:
            raise AssertionError(f"the open connection broke: {self.error!r}")

    def close(self):
        self._stop.set()
        self._thread.join(10)
        self.stream.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def ping(host, address, *options, count=3):
    """Pings and returns how many answers came."""
    output = host.run("ping", "-n", "-c", str(count), "-i", "0.2", "-W", "2", *options, address, check=False)
    return int(re.search(r"(\d+) received", output)[1])
