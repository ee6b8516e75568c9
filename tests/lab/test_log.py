"""The log of mappings that providers keep: every mapping is in it with its host and endpoint, and no remote is."""

import re

import pytest

from natlab import gateway, topology, traffic
from natlab.waiting import wait_until

LINE = re.compile(r"^natd: mapping (made|ended) (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) (\w+) "
                  r"([\d.]+:\d+) -> ([\d.]+:\d+)(?: (\w+))?$", re.MULTILINE)


def told(natd, verb):
    """(protocol, internal, external) of every line with that verb."""
    return {(proto, internal, external) for found, _, proto, internal, external, _ in LINE.findall(natd.log)
            if found == verb}


@pytest.mark.rows("C-log", "C12")
def test_every_mapping_is_told_and_no_remote(datapath):
    """Symmetric, as mappings for one remote would be the ones to give it away."""
    with topology.L1() as lab, traffic.Responder(lab.out1) as server, gateway.Natd(
            lab, lab.gw, datapath, {"log.mappings": "yes", "udp.mapping": "address-and-port-dependent"}) as natd:
        with traffic.udp_socket(lab.in1, 5100) as one, traffic.udp_socket(lab.in2, 5100) as two, traffic.Stream(
                lab.in1, server.endpoint, port=5101) as stream:
            expected = {("udp", "10.0.0.1:5100", traffic.show(traffic.ask(one, server.endpoint)[0])),
                        ("udp", "10.0.0.2:5100", traffic.show(traffic.ask(two, server.endpoint)[0])),
                        ("tcp", "10.0.0.1:5101", traffic.show(stream.seen_as))}
            wait_until(lambda: told(natd, "made") >= expected, "a line for each mapping made")
            assert told(natd, "ended") == set()
            natd.ctl("flush")
            wait_until(lambda: told(natd, "ended") == expected, "a line for each mapping that ended")
            natd.set(log__mappings="no")
            traffic.ask(one, server.endpoint)
        assert natd.stop() == 0
        assert told(natd, "made") == expected, "and none after it was switched off"
        assert lab.out1.address not in natd.log


def test_nothing_is_told_unasked(datapath):
    with topology.L1() as lab, traffic.Responder(lab.out1) as server, gateway.Natd(lab, lab.gw, datapath) as natd:
        with traffic.udp_socket(lab.in1) as sock:
            traffic.ask(sock, server.endpoint)
        assert natd.stop() == 0
        assert LINE.findall(natd.log) == []
