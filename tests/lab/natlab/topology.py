"""The labs: who is connected to whom, with which addresses.

    L1   in1 10.0.0.1  --+                                             +-- out1 192.0.2.31
         in2 10.0.0.2  --+-- lan0 [gw] wan0 203.0.113.11 -- [core] ----+-- out2 192.0.2.32
         in3 10.0.0.3  --+   10.0.0.254                                +-- out3 192.0.2.33
    L2   L1, and a second site behind core: inB 10.1.1.3 -- [gwB] wan0 198.51.100.7
    L3   two sites inside a provider's own NAT: in1..3 -- [gwA] wan0 10.0.1.1 --+
                                                  inB -- [gwB] wan0 10.0.1.2 --+-- lan0 [gwX] wan0 203.0.113.11 -- core

Every gateway calls its sides lan0 (a bridge) and wan0. None of them forwards or translates until a gateway
program runs there. Addresses are documentation and private ranges, and exist in these namespaces only.
"""

import atexit
import contextlib
import itertools
import os
import signal
import socket
import threading

from . import namespaces, watch
from .namespaces import Namespace
from .processes import Process

EXTERNAL = "203.0.113.11"
POOL = ("203.0.113.12", "203.0.113.13", "203.0.113.14")
INSIDE = {"in1": "10.0.0.1", "in2": "10.0.0.2", "in3": "10.0.0.3"}
OUTSIDE = {"out1": "192.0.2.31", "out2": "192.0.2.32", "out3": "192.0.2.33"}
OUT1_SECOND = "192.0.2.34"  # for servers that need two addresses on one host
IN1_SECOND = "10.0.0.11"  # for a client that needs two; not set up by itself

_numbers = itertools.count(1)
_open = []


def _close_all():
    for lab in list(_open):
        lab.close()


def _leave(number, _frame):
    raise SystemExit(128 + number)


def _clean_up_on_signals():
    """SIGTERM and SIGHUP would end Python without its clean-up; SIGINT raises already."""
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is signal.SIG_DFL:
                signal.signal(number, _leave)


atexit.register(_close_all)


class Lab:
    """A set of hosts, the links between them, and the programs started in them.

    Hosts are attributes: lab.in1, lab.gw. `path` is the lab's own directory for logs and sockets.
    """

    gateways = ("gw",)

    def __init__(self, offloads=True):
        """Builds the topology. Without `offloads`, packets are on the wire byte for byte as sent."""
        _clean_up_on_signals()
        number = next(_numbers)
        self.name = f"{namespaces.PREFIX}-{os.getpid()}" + (f"x{number}" if number > 1 else "")
        self.path = namespaces.RUN / self.name
        self.hosts = {}
        self._processes = []
        _open.append(self)
        try:
            namespaces.make_directory(self.path)
            self.build()
            if not offloads:
                self._switch_off_offloads()
        except BaseException:
            self.close()
            raise

    def build(self):
        raise NotImplementedError

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __getattr__(self, name):
        try:
            return self.__dict__["hosts"][name]
        except KeyError:
            raise AttributeError(name) from None

    def start(self, host, *argv, ready=None, name=None, timeout=10.0, environment=None):
        """Starts a program on a host; it ends with the lab at the latest."""
        name = name or os.path.basename(str(argv[0]))
        log = self.path / f"{host}-{name}-{len(self._processes)}.log"
        process = Process(host, argv, log, ready, timeout, environment)
        self._processes.append(process)
        return process

    def close(self):
        """Ends the programs, removes the namespaces and the directory. May be called twice."""
        if self not in _open:
            return
        held = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
        before = signal.pthread_sigmask(signal.SIG_BLOCK, held)  # an impatient second Ctrl-C waits
        try:
            with contextlib.suppress(Exception):
                watch.end_all(self)
            for process in reversed(self._processes):
                with contextlib.suppress(Exception):
                    process.end()
            namespaces.take_down(self.name)
            _open.remove(self)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def keep(self):
        """Leaves everything as it is when this process ends."""
        (self.path / "kept").touch()
        _open.remove(self)

    # What topologies are made of

    def host(self, name, address=None):
        made = self.hosts[name] = Namespace(self.name, name)
        made.address = address
        made.sysctl("net.ipv4.ip_forward", 0)
        return made

    def link(self, one, one_interface, other, other_interface):
        """A cable: a veth pair, up on both sides."""
        one.batch(f"link add {one_interface} type veth peer name {other_interface} netns {other.name}",
                  f"link set {one_interface} up")
        other.batch(f"link set {other_interface} up")

    def switch(self, router, bridge, address, leaves):
        """A bridge on `router` with the address, and leaves {host: (interface, address)} plugged into it."""
        router.batch(f"link add {bridge} type bridge mcast_snooping 0", f"address add {address}/24 dev {bridge}",
                     f"link set {bridge} up")
        for leaf, (interface, leaf_address) in leaves.items():
            self.link(leaf, interface, router, f"p-{leaf.host}")
            router.batch(f"link set p-{leaf.host} master {bridge}")
            leaf.batch(f"address add {leaf_address}/24 dev {interface}", f"route add default via {address}")

    def site(self, gateway, address, insiders):
        """A gateway host and what is behind it: insiders {name: address} on a switch lan0."""
        router = self.host(gateway, address)
        network = next(iter(insiders.values())).rsplit(".", 1)[0]
        self.switch(router, "lan0", f"{network}.254",
                    {self.host(name, leaf): ("eth0", leaf) for name, leaf in insiders.items()})
        return router

    def outside(self):
        """core, and the servers beyond it."""
        core = self.host("core", "192.0.2.1")
        core.sysctl("net.ipv4.ip_forward", 1)
        leaves = {self.host(name, address): ("eth0", address) for name, address in OUTSIDE.items()}
        self.switch(core, "net0", core.address, leaves)
        self.out1.batch(f"address add {OUT1_SECOND}/24 dev eth0")
        for host in (core, *leaves):
            host.sysctl("net.ipv4.icmp_ratelimit", 0)  # errors are counted in tests, and must all come

    def uplink(self, gateway, interface, provider):
        """Connects a gateway's wan0 to core, whose interface there has the provider's address."""
        self.link(gateway, "wan0", self.core, interface)
        self.core.batch(f"address add {provider}/24 dev {interface}")
        gateway.batch(f"address add {gateway.address}/24 dev wan0", f"route add default via {provider}")

    def _switch_off_offloads(self):
        features = [word for name in ("tx", "rx", "tso", "gso", "gro") for word in (name, "off")]
        for host in self.hosts.values():
            with host.entered():
                interfaces = [name for _, name in socket.if_nameindex()]
            for interface in interfaces:
                if interface != "lo":
                    host.run("ethtool", "-K", interface, *features, check=False)


class L1(Lab):
    """One gateway, three hosts inside, three servers outside."""

    def build(self):
        self.outside()
        self.uplink(self.site("gw", EXTERNAL, INSIDE), "site0", "203.0.113.1")


class L2(L1):
    """L1 and a second site with a gateway of its own."""

    gateways = ("gw", "gwB")

    def build(self):
        super().build()
        self.uplink(self.site("gwB", "198.51.100.7", {"inB": "10.1.1.3"}), "site1", "198.51.100.1")


class L3(Lab):
    """Two home gateways behind a provider's NAT."""

    gateways = ("gwX", "gwA", "gwB")

    def build(self):
        self.outside()
        home_a = self.site("gwA", "10.0.1.1", INSIDE)
        home_b = self.site("gwB", "10.0.1.2", {"inB": "10.1.1.3"})
        provider = self.host("gwX", EXTERNAL)
        self.switch(provider, "lan0", "10.0.1.254", {home_a: ("wan0", "10.0.1.1"), home_b: ("wan0", "10.0.1.2")})
        self.uplink(provider, "site0", "203.0.113.1")


TOPOLOGIES = {"L1": L1, "L2": L2, "L3": L3}
