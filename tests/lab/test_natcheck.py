"""natcheck names what a gateway does wrong, each misbehaviour by its name and nothing else beside it."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from natlab import natcheck, stun

SHORT_LIVES = ("--max", "2", "--precision", "0.5")
PATIENCE = ("--timeout", "2")


class Check:
    """Everything that finds misbehaviours; each call returns the names of those seen."""

    def __init__(self, lab, servers, pool):
        self._lab = lab
        self._servers = servers
        self._pool = pool

    def __call__(self, *stun_options, protocols=()):
        """By client, stun and multi, at once."""
        lab = self._lab
        reports = [self._pool.submit(natcheck.report, lab.in1, self._servers, "--wait", "1.2", *PATIENCE,
                                     *protocols),
                   self._pool.submit(natcheck.by_stun, lab.in2, f"{lab.out1.address}:{stun.OURS}", *PATIENCE,
                                     *stun_options, *protocols),
                   self._pool.submit(self.several, *protocols)]
        return set().union(reports[2].result(), natcheck.misbehaviors(*(report.result() for report in reports[:2])))

    def several(self, *protocols):
        """By multi alone."""
        hosts = [self._lab.in1, self._lab.in2, self._lab.in3]
        return natcheck.misbehaviors(natcheck.several(hosts, self._servers, "--wait", "0.6", *PATIENCE,
                                                        *protocols))


@pytest.fixture(scope="module")
def check(lab):
    stun.serve_ours(lab)
    with natcheck.servers(lab) as addresses, ThreadPoolExecutor() as pool:
        yield Check(lab, addresses, pool)


@pytest.fixture
def misbehave(natd):
    """misbehave("key=value", ...) until the test ends."""
    before = {item["key"]: item["value"] for item in natd.ctl("show", "config")["config"]}
    changed = set()

    def change(*assignments):
        changed.update(assignment.split("=")[0] for assignment in assignments)
        natd.ctl("set", "lab=yes", *assignments)

    yield change
    natd.ctl("set", "lab=no", *(f"{key}={before[key]}" for key in changed))
    natd.ctl("flush")


def test_a_gateway_that_behaves_is_not_accused(natd, check):
    assert check() == set()


@pytest.mark.parametrize("name, settings, stun_options", [
    ("syn-reset", ["misbehave.syn-answer=reset"], []),
    ("syn-icmp", ["misbehave.syn-answer=icmp"], []),
    ("short-lifetime", ["udp.timeout=1400ms"], SHORT_LIVES),
    ("no-outbound-refresh", ["udp.timeout=1400ms", "misbehave.no-outbound-refresh=yes"], [*SHORT_LIVES, "--floor", "1"]),
    ("filter-ends-mapping", ["misbehave.filter-ends-mapping=yes"], []),
    ("sequential-ports", ["ports.allocation=sequential"], []),
    ("payload-rewriting", ["misbehave.payload-rewriting=yes"], []),
    ("no-hairpin", ["nat.hairpin=no"], []),
    ("port-overloading", ["misbehave.port-overloading=yes"], []),
    ("class-change", ["hosts.rule=10.0.0.2: udp.mapping=address-and-port-dependent "
                      "tcp.mapping=address-and-port-dependent"], []),
], ids=lambda value: value if isinstance(value, str) else "")
def test_is_named(natd, check, misbehave, name, settings, stun_options):
    misbehave(*settings)
    assert check(*stun_options) == {name}


def test_lost_mappings_are_named(natd, check, misbehave):
    """Over UDP: where one packet in ten loses its mapping, hardly any TCP connection comes about, hairpinned or not."""
    misbehave("misbehave.mapping-loss=100")
    assert check(protocols=["--udp"]) == {"mapping-loss"}


def test_an_internal_source_is_named_by_several_hosts(lab, natd, check, misbehave):
    """A host that sees its own address come back from outside drops it: it takes two to tell this from silence."""
    misbehave("misbehave.hairpin-internal-source=yes")
    assert check.several() == {"hairpin-internal-source"}


def test_lost_fragments_are_named(lab, natd, check):
    """A path that drops them; the gateway is innocent."""
    lab.core.run("iptables", "-A", "FORWARD", "-f", "-j", "DROP")
    try:
        assert check() == {"fragments-lost"}
    finally:
        lab.core.run("iptables", "-F", "FORWARD")
