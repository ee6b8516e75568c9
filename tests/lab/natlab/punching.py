"""Hole punching between two hosts behind gateways, as an application does it (RFC 5128 section 3.3).

Both learn their external endpoint from a Responder, send to the other's, and answer whatever source a
datagram with the right nonce really came from. Success means that both have had an answer.
"""

import contextlib
import errno
import select
import socket
import time

from . import traffic

INTERVAL = 0.05  # between two tries
PATIENCE = 1.5  # for all of them


class _Peer:
    def __init__(self, host, server, nonce):
        self.socket = traffic.udp_socket(host)
        self.seen_as, _ = traffic.ask(self.socket, server)
        self.nonce = nonce
        self.target = None
        self.connected = False

    def knock(self):
        self.socket.sendto(b"knock " + self.nonce, self.target)

    def hear(self):
        data, source = self.socket.recvfrom(2000)
        if data == b"knock " + self.nonce:
            self.socket.sendto(b"answer " + self.nonce, source)
        elif data == b"answer " + self.nonce:
            self.connected = True
        self.target = source if data.endswith(self.nonce) else self.target


def udp(one_host, other_host, server, nonce=b"sesame"):
    """Whether the two hosts get through to each other."""
    peers = [_Peer(host, server, nonce) for host in (one_host, other_host)]
    try:
        peers[0].target, peers[1].target = peers[1].seen_as, peers[0].seen_as
        deadline = time.monotonic() + PATIENCE
        next_knock = 0.0
        while not all(peer.connected for peer in peers):
            now = time.monotonic()
            if now >= deadline:
                return False
            if now >= next_knock:
                next_knock = now + INTERVAL
                for peer in peers:
                    peer.knock()
            ready, _, _ = select.select([peer.socket for peer in peers], [], [], max(0.0, next_knock - now))
            for peer in peers:
                if peer.socket in ready:
                    peer.hear()
        return True
    finally:
        for peer in peers:
            peer.socket.close()


class _Caller:
    """One side of a TCP punch: it listens and connects from the port that the server saw (section 3.4)."""

    def __init__(self, host, server):
        self.host = host
        self.stream = traffic.Stream(host, server)
        self.port = self.stream.socket.getsockname()[1]
        self.listener = traffic.tcp_socket(host, self.port)
        self.listener.listen(4)
        self.listener.setblocking(False)
        self.target = None
        self.calling = None
        self.connected = None

    def call(self):
        """Connects again unless a try is under way; a port in use means that the peer is at the listener."""
        if self.calling is None and self.connected is None:
            self.calling = traffic.tcp_socket(self.host, self.port)
            self.calling.setblocking(False)
            if self.calling.connect_ex(self.target) not in (0, errno.EINPROGRESS):
                self._hang_up()

    def look(self):
        """Notices a connection that was made or refused."""
        with contextlib.suppress(BlockingIOError):
            self.connected, _ = self.listener.accept()
        if self.calling is not None and select.select([], [self.calling], [], 0)[1]:
            if self.calling.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0:
                self.connected, self.calling = self.calling, None
            else:
                self._hang_up()

    def _hang_up(self):
        self.calling.close()
        self.calling = None

    def close(self):
        for sock in (self.calling, self.connected, self.listener, self.stream):
            if sock is not None:
                sock.close()


def tcp(one_host, other_host, server):
    """Whether both hosts end up with a connection to the other, calling each other again after refusals."""
    callers = [_Caller(host, server) for host in (one_host, other_host)]
    try:
        callers[0].target, callers[1].target = callers[1].stream.seen_as, callers[0].stream.seen_as
        deadline = time.monotonic() + 3 * PATIENCE
        while not all(caller.connected for caller in callers):
            if time.monotonic() >= deadline:
                return False
            for caller in callers:
                caller.call()
            waiting = [caller.calling for caller in callers if caller.calling]
            select.select([caller.listener for caller in callers], waiting, [], INTERVAL)
            for caller in callers:
                caller.look()
        return True
    finally:
        for caller in callers:
            caller.close()
