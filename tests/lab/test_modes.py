"""The behaviours, as other programs see them: coturn's tester, natcheck, and an open connection."""

import itertools

import pytest

from natlab import demo, natcheck, traffic
from natlab.gateway import BEHAVIORS, PRESETS

SHORT = {"endpoint-independent": "EI", "address-dependent": "AD", "address-and-port-dependent": "APD"}


@pytest.fixture(scope="module")
def check(lab):
    with natcheck.servers(lab) as addresses:
        yield addresses


def arrives(sock, sender, target, payload):
    """Whether a datagram from `sender` to the external endpoint reaches the inside socket."""
    sender.sendto(payload, target)
    sock.settimeout(0.4)
    try:
        while sock.recvfrom(2000)[0] != payload:
            pass
    except TimeoutError:
        return False
    finally:
        sock.settimeout(2)
    return True


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_are_what_they_promise(lab, natd, check, preset):
    """Section 10, for UDP and TCP: the promises are those that the demonstration prints."""
    natd.mode(preset)
    report = natcheck.report(lab.in1, check)
    promise = demo.PROMISES[preset]
    for protocol in ("udp", "tcp"):
        assert natcheck.verdict(report, protocol) == {"mapping": promise.mapping, "filtering": promise.filtering,
                                                      "hairpin": True, "punching": promise.punching}
        assert report[protocol]["payload_untouched"] is True
        assert report[protocol]["unsolicited"]["s3"]["response"] in ("silent", "passed")


@pytest.mark.parametrize("mapping, filtering", itertools.product(BEHAVIORS, BEHAVIORS),
                         ids=lambda behavior: SHORT[behavior])
@pytest.mark.rows("U8", "T3", "T3a")
def test_natcheck_finds_what_was_set(lab, natd, check, mapping, filtering):
    """The nine combinations, over UDP and TCP; test_stun asks those who know nothing of natd."""
    natd.set(udp__mapping=mapping, udp__filtering=filtering, tcp__mapping=mapping, tcp__filtering=filtering)
    expected = {"mapping": mapping, "filtering": filtering}
    report = natcheck.report(lab.in2, check)
    for protocol in ("udp", "tcp"):
        assert {what: report[protocol][what] for what in expected} == expected, protocol


@pytest.mark.rows("U11")
def test_several_hosts_on_one_port_do_not_disturb_each_other(lab, natd, check):
    """KM1, KM2: together, staggered, leaving and returning; and hairpins between every pair meanwhile."""
    found = natcheck.several([lab.in1, lab.in2, lab.in3], check)
    for protocol in ("udp", "tcp"):
        part = found[protocol]
        assert part["undisturbed"] and part["hairpins_work"] and part["external_sources"], part
        assert part["strays"] == 0
    assert found["exit"] == 0


@pytest.mark.rows("U8", "U8a")
def test_filtering_applies_to_the_next_packet(lab, natd, servers):
    """U8, U8a: one socket, one mapping, the filter switched under it."""
    with traffic.udp_socket(lab.in1, 4800) as sock, traffic.udp_socket(lab.out1) as other_port, traffic.udp_socket(
            lab.out2) as other_address:
        seen_as, _ = traffic.ask(sock, servers[0].endpoint)
        for filtering, expected in (("endpoint-independent", (True, True)), ("address-dependent", (True, False)),
                                    ("address-and-port-dependent", (False, False)),
                                    ("endpoint-independent", (True, True))):
            natd.set(udp__filtering=filtering)
            found = (arrives(sock, other_port, seen_as, b"other port"),
                     arrives(sock, other_address, seen_as, b"other address"))
            assert found == expected, filtering
            assert traffic.ask(sock, servers[0].endpoint)[0] == seen_as, "the mapping keeps its endpoint"


def test_mapping_applies_to_the_next_session(lab, natd, servers):
    """The open session keeps its endpoint; sessions to new remotes follow the new behaviour."""
    with traffic.udp_socket(lab.in1, 4801) as sock:
        first, _ = traffic.ask(sock, servers[0].endpoint)
        natd.set(udp__mapping="address-and-port-dependent")
        assert traffic.ask(sock, servers[0].endpoint)[0] == first
        second, _ = traffic.ask(sock, servers[1].endpoint)
        assert second != first
        natd.set(udp__mapping="endpoint-independent")
        assert traffic.ask(sock, servers[0].endpoint)[0] == first
        assert traffic.ask(sock, servers[1].endpoint)[0] == second


@pytest.mark.rows("T3b")
def test_protocols_are_set_apart(lab, natd, servers):
    """T3b: symmetric UDP beside endpoint-independent TCP."""
    natd.set(udp__mapping="address-and-port-dependent", tcp__mapping="endpoint-independent")
    with traffic.udp_socket(lab.in1, 4802) as sock:
        assert len({traffic.ask(sock, server.endpoint)[0] for server in servers}) == len(servers)
    streams = [traffic.Stream(lab.in1, server.endpoint, port=4802) for server in servers]
    assert len({stream.seen_as for stream in streams}) == 1
    for stream in streams:
        stream.close()


def test_open_connections_survive_every_switch_under_load(lab, natd, servers):
    """Three beating connections and a download, while the mode changes forty times."""
    with traffic.Files(lab.out2) as files, traffic.Pulse(lab.in1, servers[0].endpoint) as one, traffic.Pulse(
            lab.in2, servers[1].endpoint) as two, traffic.Pulse(lab.in3, servers[2].endpoint) as three:
        load = lab.start(lab.in3, "curl", "--silent", "--fail", "--limit-rate", "40M", "-o", "/dev/null",
                         f"{files.base}/100000000", name="load")
        for _ in range(10):
            for preset in PRESETS:
                natd.mode(preset)
                for pulse in (one, two, three):
                    pulse.wait_beats(2)
        assert load.wait(60) == 0, load.output()
        for pulse in (one, two, three):
            pulse.wait_beats(10)


def test_mode_names_what_it_changed(natd):
    """`mode` answers with what changed and what was kept, and `show config` agrees."""
    answer = natd.mode("symmetric")
    assert answer
    shown = str(natd.ctl("show", "config"))
    assert "address-and-port-dependent" in shown
