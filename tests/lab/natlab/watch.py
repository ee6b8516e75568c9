"""Watches the external side of every gateway for internal addresses, whatever a test looks at.

A watch begins when natd is ready and ends when natd ends well, or with the lab: while natd is dead it still answers
for what passes. conftest.py switches watching on; `found` and `watched` are what this process has seen, and
whole_run() what every process of the run has seen that was given the same file by NATLAB_WATCHED.
"""

import contextlib
import ipaddress
import json
import os
import re
from pathlib import Path

from . import capture

on = False
watched = {}  # how many gateways, by datapath
found = []  # "who: packet" for every packet with an internal address

_EVERYTHING_INSIDE = ipaddress.ip_network("10.0.0.0/8")
_open = {}  # by gateway host
_exempt = []
_shared = os.environ.get("NATLAB_WATCHED")


def _share(what, text):
    """Adds a line to the file of the run. Lines are short and appended in one write, so processes do not mix them."""
    if _shared:
        with open(_shared, "a", encoding="utf-8") as file:
            file.write(json.dumps([what, text]) + "\n")


def whole_run():
    """(datapaths of the gateways watched, packets found with an internal address) in the whole run."""
    datapaths, packets = set(watched), list(found)
    if _shared and Path(_shared).exists():
        for line in Path(_shared).read_text(encoding="utf-8").splitlines():
            what, text = json.loads(line)
            if what == "watched":
                datapaths.add(text)
            elif text not in packets:
                packets.append(text)
    return datapaths, packets


def _inside(host):
    """The networks that must not be seen: all of 10/8, or where wan0 has such an address, those of lan0."""
    if ipaddress.ip_address(host.address) not in _EVERYTHING_INSIDE:
        return [str(_EVERYTHING_INSIDE)]
    shown = host.run("ip", "-4", "-o", "address", "show", "dev", "lan0")
    return [str(ipaddress.ip_interface(text).network) for text in re.findall(r"inet ([\d./]+)", shown)]


@contextlib.contextmanager
def exempt(*remotes):
    """For labs made and closed inside the block: these remotes may see internal addresses (nat.exempt)."""
    _exempt.append(remotes)
    try:
        yield
    finally:
        _exempt.remove(remotes)


def begin(lab, host, datapath):
    """Watches what `host` sends on wan0, unless that is being done already."""
    if not on or host in _open:
        return
    inside = _inside(host)
    expression = " or ".join(["arp", "icmp", *(f"net {network}" for network in inside)])
    _open[host] = (capture.Capture(lab, host, "wan0", expression, direction="out"), inside)
    watched[datapath] = watched.get(datapath, 0) + 1
    _share("watched", datapath)


def end(host):
    """Ends the watch and keeps what it found."""
    if host in _open:
        capturing, inside = _open.pop(host)
        leaked = capture.leaks(capturing.stop(), inside)
        spared = set().union(*_exempt)
        for packet in leaked:
            if not packet.addresses() & spared:
                found.append(f"{host}: {packet}")
                _share("found", found[-1])


def end_all(lab):
    for host in lab.hosts.values():
        end(host)
