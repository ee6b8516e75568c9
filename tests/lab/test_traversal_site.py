"""L4 of RFC 5128: two peers behind the same natd, by their private endpoints and by their public ones (hairpinning)."""

import pytest

from natlab import gateway, punching, topology
from natlab.gateway import KINDS

PROTOCOLS = {"udp": (), "tcp": ("--tcp",)}


@pytest.fixture(scope="module")
def site(datapath):
    """L1 with natd, `lab = yes`, and S."""
    with topology.L1() as lab, punching.server(lab) as server:
        with gateway.Natd(lab, lab.gw, datapath, {"lab": "yes"}) as natd:
            yield lab, natd, server


@pytest.fixture(autouse=True)
def hairpinning_again(site):
    yield
    site[1].set(nat__hairpin="yes", nat__hairpin_filter="no")


def meet(site, *options, **more):
    """The peers in1 and in2 over UDP and TCP at the same time: {protocol: reports}."""
    lab, _, server = site
    return punching.meet_all({name: punching.Meeting(server, lab.in1, lab.in2, *options, *chosen, **more)
                              for name, chosen in PROTOCOLS.items()})


def check(found, expected):
    for name, reports in found.items():
        assert punching.through(*reports) == expected, f"{name}: expected {expected}; {punching.summary(reports)}"


@pytest.mark.rows("L4")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("hairpin", ["yes", "no"])
def test_private_endpoints_always_work(site, kind, hairpin):
    """No packet needs natd, whatever it does."""
    site[1].behave(kind)
    site[1].set(nat__hairpin=hairpin)
    found = meet(site, "--try", "private")
    check(found, True)
    assert {report["path"] for reports in found.values() for report in reports} == {"private"}


@pytest.mark.rows("L4", "U9", "U9a", "T8")
@pytest.mark.parametrize("kind", KINDS)
def test_public_endpoints_work_by_hairpinning(site, kind):
    """Each sees the other's external endpoint. Where mappings do not depend on remotes it is the one that S saw."""
    site[1].behave(kind)
    found = meet(site, "--try", "public")
    check(found, True)
    for name, reports in found.items():
        for report in reports:
            assert report["path"] == "hairpin", name
            for endpoint in (report["remote"], report["seen_as"]):
                assert endpoint.startswith(topology.EXTERNAL + ":"), f"{name}: {endpoint} is not external"
            if kind.startswith("EIM"):
                assert report["remote"] == report["peer_external"] and report["seen_as"] == report["external"]


@pytest.mark.rows("L4")
def test_public_endpoints_do_not_work_without_hairpinning(site):
    """Not even with the widest filter; and with both endpoints to try, the private one is left."""
    site[1].behave("EIM/EIF")
    site[1].set(nat__hairpin="no")
    check(meet(site, "--try", "public", patience=punching.SHORT), False)
    found = meet(site)
    check(found, True)
    assert {report["path"] for reports in found.values() for report in reports} == {"private"}


@pytest.mark.rows("L4")
@pytest.mark.parametrize("kind, hairpin_filter, expected", [
    ("EIM/EIF", "no", True), ("EIM/EIF", "yes", True), ("EIM/APDF", "no", True), ("EIM/APDF", "yes", False)])
def test_one_side_alone_meets_the_hairpin_filter(site, kind, hairpin_filter, expected):
    """in2 sends nothing before it is spoken to. Filters leave hairpinned packets alone unless that is asked for."""
    site[1].behave(kind)
    site[1].set(nat__hairpin_filter=hairpin_filter)
    found = meet(site, "--try", "public", other_more=("--start", "never"), patience=punching.patience(expected))
    check(found, expected)


@pytest.mark.rows("L4")
@pytest.mark.parametrize("kind", ["EIM/EIF", "EIM/ADF", "EIM/APDF"])
def test_two_sides_together_pass_the_hairpin_filter(site, kind):
    """What punches holes through two gateways punches them through the same one twice."""
    site[1].behave(kind)
    site[1].set(nat__hairpin_filter="yes")
    check(meet(site, "--try", "public"), True)
