"""More than one gateway: two sites that punch holes towards each other (L2), and a NAT behind a NAT (L3)."""

import itertools

import pytest

from natlab import gateway, punching, topology, traffic

EI, AD, APD = gateway.BEHAVIORS
KINDS = {"EIM/EIF": (EI, EI), "EIM/ADF": (EI, AD), "EIM/APDF": (EI, APD),
         "EDM/EIF": (APD, EI), "EDM/ADF": (APD, AD), "EDM/APDF": (APD, APD)}

# RFC 5128 section 3.3, as a table: rows and columns in the order of KINDS. y: they get through; n: they cannot;
# o: it depends on whose packet comes first.
TABLE = dict(zip(KINDS, ("yyyyyy", "yyyyyy", "yyyonn", "yyoyyy", "yynynn", "yynynn")))
CELLS = [(one, other, TABLE[one][column]) for one in KINDS for column, other in enumerate(KINDS)]


@pytest.fixture(scope="module")
def sites(datapath):
    """L2 with natd on both gateways; the daemons and the server S."""
    with topology.L2() as lab, traffic.Responder(lab.out1) as server:
        yield lab, gateway.start_all(lab, datapath), server


def behave(natd, kind):
    mapping, filtering = KINDS[kind]
    natd.set(udp__mapping=mapping, udp__filtering=filtering, tcp__mapping=mapping, tcp__filtering=filtering)


@pytest.mark.parametrize("one, other, expected", CELLS, ids=lambda value: value)
@pytest.mark.rows("L3")
def test_udp_hole_punching_follows_the_table(sites, one, other, expected):
    lab, daemons, server = sites
    behave(daemons["gw"], one)
    behave(daemons["gwB"], other)
    through = punching.udp(lab.in1, lab.inB, server.endpoint)
    assert through or expected in "no", "they should get through"
    assert not through or expected in "yo", "they should not get through"


@pytest.mark.parametrize("one, other", itertools.combinations_with_replacement(list(KINDS)[:3], 2))
def test_tcp_hole_punching_between_endpoint_independent_mappings(sites, one, other):
    """Nine cells of the table, mirrored ones left out: always possible, as SYNs are let in or dropped in silence."""
    lab, daemons, server = sites
    behave(daemons["gw"], one)
    behave(daemons["gwB"], other)
    assert punching.tcp(lab.in1, lab.inB, server.endpoint)


@pytest.fixture(scope="module")
def provider(datapath):
    """L3 with natd on all three gateways."""
    with topology.L3() as lab, traffic.Responder(lab.out1) as server:
        daemons = gateway.start_all(lab, datapath)
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


@pytest.mark.rows("L5")
def test_punching_through_the_providers_hairpin(provider):
    """L5 of RFC 5128 section 3.3.3: only gwX is global, so their way leads through its hairpin."""
    lab, daemons, server = provider
    for preset in gateway.PRESETS[:3]:
        for natd in daemons.values():
            natd.mode(preset)
        assert punching.udp(lab.in1, lab.inB, server.endpoint), preset
        assert punching.tcp(lab.in1, lab.inB, server.endpoint), preset
