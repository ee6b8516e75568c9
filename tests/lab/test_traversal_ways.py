"""The other ways of RFC 5128 between two sites: relay (L1), reversal (L2), TCP one after the other and past a RST (L7),
prediction (L6, L8), and hosts that have each other's addresses (L9). The truth table of punching is in
test_traversal_table."""

import contextlib
import itertools
import socket
import threading

import pytest

from natlab import punching, traffic
from natlab.gateway import BEHAVIORS, KINDS
from natlab.waiting import wait_until

PROTOCOLS = {"udp": (), "tcp": ("--tcp",)}
PUBLIC = ("--try", "public")
BY_HAND = ("--start", "enter")


def explain(expected, reports):
    return f"expected {expected}, observed {punching.through(*reports)}; {punching.summary(reports)}"


@pytest.fixture(autouse=True)
def well_behaved(request):
    """Both gateways are themselves again after each test."""
    yield
    _, daemons, _ = request.getfixturevalue("sites")
    for natd in daemons.values():
        natd.set(ports__allocation="random", misbehave__syn_answer="none", tcp__opening="4min")


@pytest.mark.rows("L1")
@pytest.mark.parametrize("one", KINDS)
def test_a_relay_works_between_all_behaviours(sites, one):
    lab, daemons, server = sites
    daemons["gw"].behave(one)
    for other in KINDS:
        daemons["gwB"].behave(other)
        found = punching.meet_all({name: punching.Meeting(server, lab.in1, lab.inB, "--technique", "relay", *options)
                                   for name, options in PROTOCOLS.items()})
        for name, reports in found.items():
            assert punching.through(*reports), f"{one} x {other}, {name}: {explain(True, reports)}"
            assert {report["path"] for report in reports} == {"relay"}
            assert all(report["remote"].startswith(server) for report in reports), "all goes by way of S"


@pytest.mark.rows("L2")
@pytest.mark.parametrize("kind", KINDS)
def test_reversal_reaches_who_cannot_be_called(sites, kind):
    """in1 is behind natd, out2 behind nothing. out2's own calls arrive where filtering lets every remote in, and are met
    by silence elsewhere; asked by way of S, in1 calls out2 whatever the behaviours."""
    lab, daemons, server = sites
    daemons["gw"].behave(kind)
    mapping, filtering = KINDS[kind]
    meetings = {}
    for name, options in PROTOCOLS.items():
        meetings[name, "direct"] = punching.Meeting(server, lab.in1, lab.out2, *PUBLIC, *options,
                                                    one_more=("--start", "never"),
                                                    patience=punching.patience(filtering == BEHAVIORS[0]))
        meetings[name, "reverse"] = punching.Meeting(server, lab.in1, lab.out2, "--technique", "reverse", *options)
    found = punching.meet_all(meetings)
    for name in PROTOCOLS:
        direct, expected = found[name, "direct"], filtering == BEHAVIORS[0]
        assert punching.through(*direct) == expected, f"{kind}, {name}, direct: {explain(expected, direct)}"
        assert (direct[1]["resets"], direct[1]["icmp_errors"]) == (0, 0), "natd says nothing to a caller"
        inside, outside = found[name, "reverse"]
        assert punching.through(inside, outside), f"{kind}, {name}, reversed: {explain(True, (inside, outside))}"
        assert (inside["path"], outside["path"]) == ("reversed", "reversed")
        assert outside["reflexive"] == (mapping != BEHAVIORS[0]), "out2 sees what S saw, unless mappings depend on it"


@pytest.mark.rows("L7")
def test_peers_need_not_start_together(sites):
    """One begins, the other 0, 0.1, 1, 3 and 7 seconds later; in the strictest pair of the table and in a mixed one,
    where only the SYNs of the first get through, and Linux repeats them after 1, 3, 7 and 15 seconds."""
    lab, daemons, server = sites
    for pair in (("EIM/APDF", "EIM/APDF"), ("EDM/ADF", "EIM/ADF")):
        for natd, kind in zip(daemons.values(), pair):
            natd.behave(kind)
        found = punching.meet_all({
            (name, delay): punching.Meeting(server, lab.in1, lab.inB, *PUBLIC, *options,
                                            other_more=("--delay", delay), patience=20)
            for name, options in PROTOCOLS.items() for delay in ("0", "0.1", "1", "3", "7")})
        for what, reports in found.items():
            assert punching.through(*reports), f"{pair}, {what}: {explain(True, reports)}"


@pytest.mark.rows("L7")
@pytest.mark.parametrize("one, other", itertools.product(list(KINDS)[:3], repeat=2))
def test_one_opens_the_hole_and_the_other_calls(sites, one, other):
    """The sequential variant: a single SYN, given up, opens what the other's SYN comes in by."""
    lab, daemons, server = sites
    daemons["gw"].behave(one)
    daemons["gwB"].behave(other)
    found = punching.meet_all({name: punching.Meeting(server, lab.in1, lab.inB, "--technique", "sequential", *PUBLIC,
                                                      *options) for name, options in PROTOCOLS.items()})
    for name, reports in found.items():
        assert punching.through(*reports), f"{one} x {other}, {name}: {explain(True, reports)}"
        assert not any(report["reflexive"] for report in reports)


@pytest.mark.rows("L7")
@pytest.mark.parametrize("answer, counter", [("reset", "resets"), ("icmp", "icmp_errors")])
def test_a_refusal_by_the_other_gateway_is_survived(sites, answer, counter):
    """gwB refuses the SYN that comes too early. natd passes that on and keeps the session, so that the late SYN of
    the other side finds it."""
    lab, daemons, server = sites
    for natd in daemons.values():
        natd.behave("EIM/APDF")
    daemons["gwB"].set(misbehave__syn_answer=answer)
    one, other = reports = punching.meet(server, lab.in1, lab.inB, *PUBLIC, "--tcp",
                                         other_more=("--start", "after-peer", "--delay", "1.5"))
    assert one[counter] > 0, f"the early SYN was to be refused: {punching.summary(reports)}"
    assert punching.through(one, other), explain(True, reports)
    assert one["seen_as"] == one["external"], "the mapping is still the same"


def predict(sites, options, between=None, expected=True):
    """What becomes of prediction when `between` happens after both are introduced and before either sends."""
    lab, _, server = sites
    with punching.Meeting(server, lab.in1, lab.inB, "--technique", "predict", *BY_HAND, *options,
                          patience=punching.patience(expected)) as meeting:
        meeting.introduced()
        if between is not None:
            between(lab)
        for peer in meeting.peers:
            peer.go()
        return meeting.reports()


def depend_on_remotes(daemons, allocation):
    for natd in daemons.values():
        natd.behave("EDM/APDF")
        natd.set(ports__allocation=allocation)


def busy_neighbour(name):
    """in3 opens a session of its own."""
    def between(lab):
        if name == "udp":
            with traffic.udp_socket(lab.in3) as sock, traffic.udp_socket(lab.out3, 7100) as remote:
                sock.sendto(b"me too", (lab.out3.address, 7100))
                assert remote.recv(100) == b"me too"
        else:
            with traffic.tcp_socket(lab.out3, 7100) as listener, traffic.tcp_socket(lab.in3) as caller:
                listener.listen(1)
                caller.connect((lab.out3.address, 7100))
    return between


@pytest.mark.parametrize("name, options", PROTOCOLS.items(), ids=PROTOCOLS)
class TestPrediction:
    """Mapping and filtering depend on remote address and port: nothing but prediction gets through."""

    @pytest.mark.rows("L6", "L8")
    def test_works_while_nobody_else_opens_a_session(self, sites, name, options):
        depend_on_remotes(sites[1], "sequential")
        one, other = reports = predict(sites, options)
        assert punching.through(*reports), f"{name}: {explain(True, reports)}"
        assert one["reflexive"] and other["reflexive"], "where S saw neither of them"
        for report, partner in ((one, other), (other, one)):
            seen_by_server, seen_by_partner = (int(report[key].rsplit(":", 1)[1]) for key in ("external", "seen_as"))
            assert seen_by_partner == seen_by_server + 1
            assert partner["remote"] == report["seen_as"]

    @pytest.mark.rows("L6", "L8")
    def test_fails_when_a_neighbour_is_faster(self, sites, name, options):
        depend_on_remotes(sites[1], "sequential")
        reports = predict(sites, options, busy_neighbour(name), expected=False)
        assert not punching.through(*reports), f"{name}: {explain(False, reports)}"

    @pytest.mark.rows("L6", "L8")
    def test_finds_the_neighbours_neighbour_if_it_knows_of_it(self, sites, name, options):
        """What failed above failed because of the port alone: the other side aims one further."""
        depend_on_remotes(sites[1], "sequential")
        lab, _, server = sites
        with punching.Meeting(server, lab.in1, lab.inB, "--technique", "predict", *BY_HAND, *options,
                              other_more=("--offset", "2")) as meeting:
            meeting.introduced()
            busy_neighbour(name)(lab)
            for peer in meeting.peers:
                peer.go()
            reports = meeting.reports()
        assert punching.through(*reports), f"{name}: {explain(True, reports)}"

    @pytest.mark.rows("L6", "L8")
    def test_fails_with_random_ports(self, sites, name, options):
        depend_on_remotes(sites[1], "random")
        reports = predict(sites, options, expected=False)
        assert not punching.through(*reports), f"{name}: {explain(False, reports)}"

    @pytest.mark.rows("L6", "L8")
    def test_is_not_needed_where_mappings_do_not_depend_on_remotes(self, sites, name, options):
        """The port S saw is the port that every remote meets, also where ports follow each other: punching works."""
        for natd in sites[1].values():
            natd.behave("EIM/APDF")
            natd.set(ports__allocation="sequential")
        lab, _, server = sites
        reports = punching.meet(server, lab.in1, lab.inB, *PUBLIC, *options)
        assert punching.through(*reports), f"{name}: {explain(True, reports)}"


@pytest.mark.rows("L8")
@pytest.mark.parametrize("remembered, expected", [("4min", True), ("100ms", False)])
def test_prediction_over_tcp_lives_while_the_refused_session_does(sites, remembered, expected):
    """gwB refuses in1's first SYN. As long as gw keeps the session, the next SYN has the port that was predicted;
    from a gateway where it ends with the RST, or soon after, the next one gets another."""
    depend_on_remotes(sites[1], "sequential")
    lab, daemons, server = sites
    daemons["gw"].set(tcp__opening=remembered)
    daemons["gwB"].set(misbehave__syn_answer="reset")
    one, other = reports = punching.meet(server, lab.in1, lab.inB, "--technique", "predict", "--tcp",
                                         patience=punching.PATIENT if expected else 4,
                                         other_more=("--start", "after-peer", "--delay", "1.5"))
    assert one["resets"] > 0, "the early SYN was to be refused"
    assert punching.through(one, other) == expected, f"{remembered}: {explain(expected, reports)}"


class Impostor:
    """A program at an endpoint that answers every knock, with a nonce of its own, over UDP and TCP."""

    def __init__(self, host, endpoint):
        self.answered = 0
        self._sockets = [host.socket(socket.SOCK_DGRAM, timeout=None), host.socket(socket.SOCK_STREAM, timeout=None)]
        for sock in self._sockets:
            sock.bind(endpoint)
        self._sockets[1].listen(4)
        for work in (self._datagrams, self._streams):
            threading.Thread(target=work, daemon=True).start()

    def close(self):
        for sock in self._sockets:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()

    @staticmethod
    def _answer(knock):
        answer = bytearray(knock)
        answer[5] = 7  # an answer
        answer[8] ^= 1  # of another nonce
        answer[24:36], answer[36:48] = knock[36:48], knock[24:36]
        return bytes(answer)

    def _datagrams(self):
        with contextlib.suppress(OSError):
            while (received := self._sockets[0].recvfrom(100))[0]:
                self._sockets[0].sendto(self._answer(received[0]), received[1])
                self.answered += 1

    def _streams(self):
        with contextlib.suppress(OSError):
            while True:
                stream, _ = self._sockets[1].accept()
                with stream, contextlib.suppress(OSError):
                    stream.sendall(self._answer(stream.recv(64, socket.MSG_WAITALL)))
                    self.answered += 1
                    stream.recv(64)


@pytest.fixture
def alias(sites):
    """in2 has the address of inB as well, and in1 finds it there. Port 4900 belongs to an Impostor."""
    lab = sites[0]
    shared = lab.inB.address
    lab.in2.batch(f"address add {shared}/32 dev eth0")
    lab.in1.batch(f"route add {shared} via {lab.in2.address}")
    impostor = Impostor(lab.in2, (shared, 4900))
    yield impostor
    impostor.close()
    lab.in1.batch(f"route del {shared}")
    lab.in2.batch(f"address del {shared}/32 dev eth0")


@pytest.mark.rows("L9")
@pytest.mark.parametrize("name, options", PROTOCOLS.items(), ids=PROTOCOLS)
def test_an_impostor_at_the_private_address_is_not_taken_for_the_peer(sites, alias, name, options):
    lab, daemons, server = sites
    for natd in daemons.values():
        natd.behave("EIM/APDF")
    with punching.Meeting(server, lab.in1, lab.inB, *options, ports=(4901, 4900),
                          other_more=(*BY_HAND, *PUBLIC)) as meeting:
        meeting.introduced()
        wait_until(lambda: alias.answered, "the impostor to be asked")
        meeting.peers[1].go()
        one, other = reports = meeting.reports()
    assert one["rejected"] > 0, f"the impostor was to be heard: {reports}"
    assert punching.through(one, other), explain(True, reports)
    assert one["path"] == other["path"] == "public"
    assert one["remote"] == one["peer_external"]
    assert one["heard"] == [one["peer_external"]]
