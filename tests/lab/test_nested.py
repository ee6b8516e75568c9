"""More than one gateway in a row: a NAT behind a NAT (L3), and how peers behind two of them meet (RFC 5128 section
3.3.3)."""

import pytest

from natlab import gateway, punching, topology, traffic


@pytest.fixture(scope="module")
def provider(datapath):
    """L3 with natd, `lab = yes`, on all three gateways, and a Responder."""
    with topology.L3() as lab, traffic.Responder(lab.out1) as server:
        daemons = gateway.start_all(lab, datapath, {"lab": "yes"})
        for natd in daemons.values():
            natd.mode("full-cone")
        yield lab, daemons, server


def test_traffic_through_two_gateways(provider):
    lab, _, server = provider
    for host in (lab.in1, lab.inB):
        with traffic.Stream(host, server.endpoint) as stream, traffic.udp_socket(host) as sock:
            assert stream.seen_as[0] == topology.EXTERNAL
            stream.echo(b"two translations" * 10_000)
            assert traffic.ask(sock, server.endpoint, b"z" * 3000)[1] == b"z" * 3000
        assert traffic.ping(host, lab.out2.address) == 3
    with traffic.Files(lab.out2) as files:
        assert traffic.download(lab.inB, f"{files.base}/5000000")[0] == files.digest(5_000_000)


@pytest.fixture
def meet(provider):
    """A function: in1 and inB meet over UDP and TCP, by the endpoints that S saw; {protocol: reports}."""
    lab, daemons, _ = provider
    with punching.server(lab, lab.out2) as server:
        def together(*options, expected):
            return punching.meet_all({name: punching.Meeting(server, lab.in1, lab.inB, *options, *chosen,
                                                             patience=punching.patience(expected))
                                      for name, chosen in (("udp", ()), ("tcp", ("--tcp",)))})
        yield together
    for natd in daemons.values():
        natd.set(nat__hairpin="yes", nat__hairpin_filter="no", ports__allocation="random")


def check(found, expected, what):
    for name, reports in found.items():
        line = f"{what}, {name}: expected {expected}, observed {punching.through(*reports)}"
        assert punching.through(*reports) == expected, f"{line}; {punching.summary(reports)}"
        if expected:
            for report in reports:
                assert report["path"] == "hairpin" and report["remote"] == report["peer_external"], line
                assert report["remote"].startswith(topology.EXTERNAL + ":"), line


@pytest.mark.rows("L5")
@pytest.mark.parametrize("dependent", [None, "gwA", "gwB", "gwX"])
def test_peers_meet_by_the_providers_hairpin(provider, meet, dependent):
    """Only gwX is global. gwX must hairpin, with the other's external endpoint as the source, and all three must map
    without regard to remotes. Filters are the strictest, so that nothing else lets them through."""
    _, daemons, _ = provider
    for name, natd in daemons.items():
        natd.behave("EDM/APDF" if name == dependent else "EIM/APDF")
    check(meet("--try", "public", expected=dependent is None), dependent is None,
          f"{dependent or 'no gateway'} maps by remote")


@pytest.mark.rows("L5")
@pytest.mark.parametrize("kind", ["EIM/EIF", "EIM/APDF"])
def test_peers_do_not_meet_without_the_providers_hairpin(provider, meet, kind):
    _, daemons, _ = provider
    for natd in daemons.values():
        natd.behave(kind)
    daemons["gwX"].set(nat__hairpin="no")
    check(meet("--try", "public", expected=False), False, f"{kind}, gwX does not hairpin")


@pytest.mark.rows("L5")
def test_peers_pass_the_providers_filter_on_hairpins(provider, meet):
    """gwX sees the other's external endpoint as source, and that is the one it has let in by then."""
    _, daemons, _ = provider
    for natd in daemons.values():
        natd.behave("EIM/APDF")
    daemons["gwX"].set(nat__hairpin_filter="yes")
    check(meet("--try", "public", expected=True), True, "gwX filters hairpins")


@pytest.mark.rows("L6", "L8")
@pytest.mark.parametrize("provider_kind", ["EDM/APDF", "EIM/APDF"])
def test_prediction_fails_behind_a_second_layer(provider, meet, provider_kind):
    """All gateways give ports one after the other; but what S saw are the provider's ports, and both draw from them:
    each aims at a port that is its own by now, or that waits for another host."""
    _, daemons, _ = provider
    for name, natd in daemons.items():
        natd.behave(provider_kind if name == "gwX" else "EDM/APDF")
        natd.set(ports__allocation="sequential")
    check(meet("--technique", "predict", expected=False), False, f"gwX {provider_kind}")
