"""RFC 5780: coturn's tester and natcheck's, each with the server of either, agree on every behaviour of natd."""

import itertools
from concurrent.futures import ThreadPoolExecutor

import pytest

from natlab import natcheck, stun, topology
from natlab.gateway import BEHAVIORS

SHORT = {"endpoint-independent": "EI", "address-dependent": "AD", "address-and-port-dependent": "APD"}


@pytest.fixture(scope="module")
def stun_servers(lab):
    stun.serve(lab)
    stun.serve_ours(lab)
    lab.in1.batch(f"address add {topology.IN1_SECOND}/24 dev eth0")
    return {"coturn": stun.PORT, "natcheck": stun.OURS}


@pytest.mark.parametrize("mapping, filtering", itertools.product(BEHAVIORS, BEHAVIORS),
                         ids=lambda behavior: SHORT[behavior])
@pytest.mark.rows("U8", "U3", "U9", "U14", "NO1")
def test_all_agree(lab, natd, stun_servers, mapping, filtering):
    """Section 7, nine combinations: turnutils_natdiscovery with all of its flags, and natcheck, on either server."""
    natd.set(udp__mapping=mapping, udp__filtering=filtering, tcp__mapping=mapping, tcp__filtering=filtering)
    with ThreadPoolExecutor() as pool:
        theirs = {name: stun.ask(lab.in1, lab.out1.address, *stun.EVERYTHING, port=port)
                  for name, port in stun_servers.items()}
        ours = {name: pool.submit(natcheck.by_stun, host, f"{lab.out1.address}:{port}")
                for host, (name, port) in zip((lab.in2, lab.in3), stun_servers.items())}
        for name, verdicts in theirs.items():
            assert verdicts() == stun.expected(mapping, filtering), f"turnutils_natdiscovery on {name}'s server"
        for name, future in ours.items():
            report = future.result()
            udp = report["udp"]
            assert (udp["mapping"], udp["filtering"]) == (mapping, filtering), f"natcheck on {name}'s server"
            assert udp["hairpin"]["two_way"] and udp["hairpin"]["external_source"] and udp["fragments"], udp
            assert udp["payload_untouched"] and report["tcp"]["payload_untouched"]
            if name == "natcheck":
                assert report["tcp"]["mapping"] == mapping, "over TCP"
            assert report["misbehaviors"] == [], f"natcheck on {name}'s server: a false alarm"


def test_lifetimes_agree(lab, natd, stun_servers):
    """LT1: a mapping lives between what natcheck calls alive and dead; coturn sees that it is gone."""
    natd.ctl("set", "lab=yes", "udp.timeout=600ms")
    try:
        theirs = {name: stun.ask(lab.in1, lab.out1.address, "alive", port=port) for name, port in stun_servers.items()}
        for name, port in stun_servers.items():
            found = natcheck.by_stun(lab.in2, f"{lab.out1.address}:{port}", "--udp", "--max", "2", "--precision", "0.5")
            lifetime = found["udp"]["lifetime"]
            assert lifetime["alive"] <= 0.6 < lifetime["dead"], f"natcheck on {name}'s server"
            assert lifetime["outbound_refresh"] is True and lifetime["inbound_refresh"] is False
            assert natcheck.misbehaviors(found) == {"short-lifetime"}
            assert theirs[name]() == {"alive": False}, f"turnutils_natdiscovery on {name}'s server"
    finally:
        natd.ctl("set", "udp.timeout=5min", "lab=no")


def test_inbound_refresh_is_seen(lab, natd, stun_servers):
    """LT2: the RFC leaves it to the gateway."""
    natd.ctl("set", "lab=yes", "udp.timeout=600ms", "udp.inbound-refresh=yes")
    try:
        found = natcheck.by_stun(lab.in2, f"{lab.out1.address}:{stun.OURS}", "--udp", "--max", "2", "--precision",
                                 "0.5", "--floor", "0.5")
        assert found["udp"]["lifetime"]["inbound_refresh"] is True, found["udp"]["lifetime"]
        assert found["misbehaviors"] == [], "allowed either way"
    finally:
        natd.ctl("set", "udp.timeout=5min", "udp.inbound-refresh=no", "lab=no")
