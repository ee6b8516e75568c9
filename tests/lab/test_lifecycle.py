"""natd comes, goes, is killed and comes back: what it leaves behind, and that it fails closed."""

import os
import signal
import time

import pytest
from scapy.layers.inet import IP, TCP, UDP

from natlab import capture, gateway, namespaces, raw, snapshot, topology, traffic, wire
from natlab.waiting import wait_until


@pytest.fixture
def home(datapath):
    """A lab of its own for each test; natd is not running yet."""
    with topology.L1() as lab:
        yield lab


def use(lab):
    """A little of everything, so that there is state to take down."""
    with traffic.Responder(lab.out1) as server, traffic.udp_socket(lab.in1) as sock:
        traffic.ask(sock, server.endpoint)
        with traffic.Stream(lab.in2, server.endpoint) as stream:
            stream.echo(b"x" * 10_000)
        assert traffic.ping(lab.in3, lab.out3.address, count=1) == 1


def settle(lab, found):
    """Differences to the state found, once neighbours and links had the time to settle."""
    deadline = time.monotonic() + 10
    while (left := snapshot.differences(found, snapshot.take(lab.gw))) and time.monotonic() < deadline:
        time.sleep(0.1)
    return left


def test_a_clean_exit_leaves_the_namespace_as_found(home, datapath):
    found = snapshot.take(home.gw)
    with gateway.Natd(home, home.gw, datapath) as natd:
        use(home)
        assert natd.stop() == 0
    assert settle(home, found) == []


def test_what_the_administrator_had_set_up_is_left_alone(home, datapath):
    """Rules, routes and settings of others are there afterwards as they were before."""
    home.gw.run("iptables", "-A", "INPUT", "-p", "tcp", "--dport", "2222", "-j", "ACCEPT")
    home.gw.run("iptables", "-t", "mangle", "-A", "FORWARD", "-j", "MARK", "--set-mark", "7")
    home.gw.run("nft", "-f", "-", text="table inet mine { chain input { type filter hook input priority 5; }; }")
    home.gw.batch("rule add pref 4242 from 192.0.2.200 lookup 42", "route add 198.51.100.0/24 via 203.0.113.1")
    for key, value in (("net.ipv4.ip_forward", 1), ("net.ipv4.conf.all.rp_filter", 1),
                       ("net.ipv4.conf.lan0.rp_filter", 1), ("net.ipv4.conf.wan0.rp_filter", 1),
                       ("net.ipv4.ip_local_port_range", "32768 60999")):
        home.gw.sysctl(key, value)
    found = snapshot.take(home.gw)
    with gateway.Natd(home, home.gw, datapath) as natd:
        use(home)
        assert natd.stop() == 0
    assert settle(home, found) == []


@pytest.mark.alone
def test_sigterm_ends_it_within_two_seconds_under_load(home, datapath):
    with traffic.Files(home.out1) as files, gateway.Natd(home, home.gw, datapath) as natd:
        load = home.start(home.in1, "curl", "-s", "-o", "/dev/null", f"{files.base}/{10**11}", name="load")
        try:
            with traffic.Responder(home.out2) as server, traffic.Pulse(home.in2, server.endpoint) as pulse:
                pulse.wait_beats(20)
                begun = time.monotonic()
                natd.process.send(signal.SIGTERM)
                assert natd.process.wait(10) == 0
                assert time.monotonic() - begun < 2
        finally:
            load.kill()


def nothing_passes(lab):
    """Asserts that no packet from inside leaves on wan0, and none from outside reaches in1."""
    lab.core.batch(f"route replace 10.0.0.0/24 via {topology.EXTERNAL}")
    with capture.Capture(lab, lab.gw, "wan0", "ip", direction="out") as out, capture.Capture(
            lab, lab.in1, "eth0", "src net 192.0.2.0/24 and not src host 192.0.2.1") as inward:
        with traffic.udp_socket(lab.in1, 4900) as sock, traffic.udp_socket(lab.out1, 4901) as outside:
            for number in range(20):
                sock.sendto(b"out %d" % number, (lab.out1.address, 4901))
                outside.sendto(b"in %d" % number, ("10.0.0.1", 4900))
                outside.sendto(b"in %d" % number, (topology.EXTERNAL, 4900))
            assert traffic.ping(lab.in1, lab.out1.address, count=2) == 0
            assert traffic.ping(lab.out1, "10.0.0.1", count=2) == 0
            with pytest.raises(OSError):
                traffic.Stream(lab.in1, (lab.out1.address, 7007), timeout=0.5)
        # The gateway's own refusals (ICMP from its own address) are not traffic of the inside.
        forwarded = [packet for packet in out.stop() if packet.protocol != 1 or packet.payload[0] in (0, 8)]
        assert [str(packet) for packet in forwarded] == []
        assert [str(packet) for packet in inward.stop()] == []
    lab.core.batch(f"route del 10.0.0.0/24 via {topology.EXTERNAL}")


@pytest.mark.parametrize("forwarding", [0, 1], ids=["forwarding-was-off", "forwarding-was-on"])
@pytest.mark.rows("NO8")
def test_killed_it_fails_closed_and_restarts(home, datapath, forwarding):
    home.gw.sysctl("net.ipv4.ip_forward", forwarding)
    found = snapshot.take(home.gw)
    natd = gateway.Natd(home, home.gw, datapath)
    with traffic.Responder(home.out1) as server:
        use_one(home, server)
        natd.kill()
        nothing_passes(home)
        natd.start()
        use_one(home, server)
        assert natd.stop() == 0
    assert settle(home, found) == []


@pytest.mark.rows("TT8", "NO8", "NO2")
def test_killed_it_answers_nobody(home, datapath):
    """A port that was a mapping's is no port of the gateway's when natd is dead: no RST and no ICMP for it."""
    natd = gateway.Natd(home, home.gw, datapath)
    with traffic.Responder(home.out1) as server, traffic.udp_socket(home.in1, 4910) as sock, traffic.Stream(
            home.in1, server.endpoint, port=4910) as stream:
        ports = {traffic.ask(sock, server.endpoint)[0][1], stream.seen_as[1], 40123, 61000}
        natd.kill()
        with wire.Ear(home.out2) as ear:
            for port in ports:
                for flags in ("S", "A", "R"):
                    raw.send(home.out2, IP(src=home.out2.address, dst=topology.EXTERNAL)
                             / TCP(sport=999, dport=port, flags=flags))
                raw.send(home.out2, IP(src=home.out2.address, dst=topology.EXTERNAL) / UDP(sport=999, dport=port) / b"?")
            assert ear.hear(timeout=1.5) is None
        natd.start()
    assert natd.stop() == 0


def use_one(lab, server):
    with traffic.udp_socket(lab.in1, 4900) as sock:
        assert traffic.ask(sock, server.endpoint, b"before and after")[0][0] == topology.EXTERNAL


def test_killed_twice_in_a_row(home, datapath):
    """The second run finds the stale state of the first, is killed too, and the third still cleans up all of it."""
    found = snapshot.take(home.gw)
    natd = gateway.Natd(home, home.gw, datapath)
    natd.kill()
    natd.start()
    natd.kill()
    natd.start()
    assert natd.stop() == 0
    assert settle(home, found) == []


def test_cleanup_takes_down_what_a_killed_natd_left(home, datapath):
    found = snapshot.take(home.gw)
    natd = gateway.Natd(home, home.gw, datapath)
    use(home)
    natd.kill()
    assert snapshot.differences(found, snapshot.take(home.gw)) != [], "killed, it leaves its locks in place"
    natd.cleanup()
    assert settle(home, found) == []


def test_cleanup_without_anything_to_clean_is_harmless(home, datapath):
    found = snapshot.take(home.gw)
    gateway.Natd(home, home.gw, datapath, start=False).cleanup()
    assert settle(home, found) == []


def state(host, suffix):
    """natd's file of this host's namespace."""
    return namespaces.NATD_RUN / f"netns-{(namespaces.NETNS / host.name).stat().st_ino}.{suffix}"


def natd_once(lab, *arguments):
    """Runs natd to its end; (exit code, what it said)."""
    process = lab.start(lab.gw, gateway.binary("natd"), *arguments, name="natd-once")
    return process.wait(20), process.output()


# --- A restart, and what may not be believed or cannot be undone

def test_ended_for_a_restart_it_keeps_the_way_shut(home, datapath):
    """SIGUSR1: the kernel forwards by itself, and yet nothing passes between the end of natd and its next start."""
    home.gw.sysctl("net.ipv4.ip_forward", 1)
    found = snapshot.take(home.gw)
    with traffic.Responder(home.out1) as server:
        natd = gateway.Natd(home, home.gw, datapath)
        use_one(home, server)
        natd.process.send(signal.SIGUSR1)
        assert natd.process.wait(10) == 0
        assert "`natd --cleanup` opens the way" in natd.log
        left = snapshot.differences(found, snapshot.take(home.gw))
        assert [line for line in left if not line.startswith("nftables: new")] == [], "nothing else is left"
        nothing_passes(home)
        natd.start()
        use_one(home, server)
        assert natd.stop() == 0
    assert settle(home, found) == []


def test_ended_for_a_restart_cleanup_opens_the_way(home, datapath):
    found = snapshot.take(home.gw)
    natd = gateway.Natd(home, home.gw, datapath)
    natd.process.send(signal.SIGUSR1)
    assert natd.process.wait(10) == 0
    natd.cleanup()
    assert settle(home, found) == []


def test_a_start_that_fails_leaves_the_namespace_as_found(home, datapath):
    home.gw.sysctl("net.ipv4.ip_forward", 1)
    found = snapshot.take(home.gw)
    natd = gateway.Natd(home, home.gw, datapath, start=False)
    natd.control = "/proc/none/natd.sock"
    code, said = natd_once(home, *natd.argv()[1:])
    assert code == 1 and "/proc/none" in said
    assert settle(home, found) == []
    assert not state(home.gw, "journal").exists()


def test_a_start_that_fails_on_stale_state_keeps_the_way_shut(home, datapath):
    home.gw.sysctl("net.ipv4.ip_forward", 1)
    found = snapshot.take(home.gw)
    natd = gateway.Natd(home, home.gw, datapath)
    natd.kill()
    control, natd.control = natd.control, "/proc/none/natd.sock"
    for _ in range(2):
        code, said = natd_once(home, *natd.argv()[1:])
        assert code == 1 and "nothing passes" in said
        nothing_passes(home)
    natd.control = control
    natd.start()
    assert natd.stop() == 0
    assert settle(home, found) == []


def test_without_its_journal_it_still_undoes_all(home, datapath):
    """The operator tidied up /run/natd while natd ran."""
    found = snapshot.take(home.gw)
    with gateway.Natd(home, home.gw, datapath) as natd:
        assert state(home.gw, "journal").exists()
        state(home.gw, "journal").unlink()
        assert natd.stop() == 0
    assert settle(home, found) == []


def test_without_a_journal_what_has_natds_name_is_found(home, datapath):
    """Killed, and the journal lost: tables, rules and routes go; what a setting was before, no file tells."""
    home.gw.run("nft", "add table ip natd_mine; add table ip natd_barrier_4711")
    found = snapshot.take(home.gw)
    natd = gateway.Natd(home, home.gw, datapath)
    natd.kill()
    state(home.gw, "journal").unlink()
    natd.cleanup()
    wait_until(lambda: "natd-int" not in home.gw.run("ip", "link"), "the devices to go with their process")
    left = snapshot.differences(found, snapshot.take(home.gw))
    assert [line for line in left if not line.startswith(("settings:", "links:"))] == [
        "nftables: gone: table ip natd_barrier_4711 {"]


@pytest.mark.parametrize("cleaner", ["exit", "cleanup"])
def test_what_cannot_be_undone_stays_in_the_journal(home, datapath, cleaner):
    """The kernel refuses the old port range while a sysctl of the operator's stands in the way."""
    blocking = "net.ipv4.ip_unprivileged_port_start"
    before = home.gw.sysctl(blocking)
    found = snapshot.take(home.gw)
    natd = gateway.Natd(home, home.gw, datapath)
    home.gw.sysctl(blocking, 50000)
    if cleaner == "exit":
        assert natd.stop() == 1
        said = natd.log
    else:
        natd.kill()
        code, said = natd_once(home, "--cleanup")
        assert code == 1
    assert "ip_local_port_range" in said and "run `natd --cleanup`" in said
    assert natd_once(home, "--cleanup")[0] == 1, "it is still there"
    home.gw.sysctl(blocking, before)
    natd.cleanup()
    assert settle(home, found) == []
    assert not state(home.gw, "journal").exists()


def test_a_journal_that_others_can_write_is_not_believed(home, datapath):
    found = snapshot.take(home.gw)
    natd = gateway.Natd(home, home.gw, datapath)
    natd.kill()
    journal = state(home.gw, "journal")
    assert journal.stat().st_mode & 0o777 == 0o600 and journal.parent.stat().st_mode & 0o7777 == 0o755
    journal.chmod(0o666)
    for arguments in (["--cleanup"], natd.argv()[1:]):
        code, said = natd_once(home, *arguments)
        assert code == 1 and "can be written by others" in said
    nothing_passes(home)
    journal.chmod(0o600)
    natd.cleanup()
    assert settle(home, found) == []


def test_files_of_namespaces_that_are_gone_are_removed(home, datapath):
    """One that lives keeps its journal though no natd runs there. Where not every process is seen, a day must pass."""
    dead = namespaces.Namespace(home.name, "gone")
    gone = state(dead, "ports"), state(dead, "journal")
    for path in (*gone, state(home.out2, "journal")):
        path.write_text("left by a kill\n")
    for path in gone:
        os.utime(path, (time.time() - 2 * 86400,) * 2)
    namespaces.run("ip", "netns", "del", dead.name)
    alive = state(home.out2, "journal")
    assert natd_once(home, "--cleanup")[0] == 0
    assert [path for path in gone if path.exists()] == []
    assert alive.exists()
    alive.unlink()


GOOD = "[udp]\nfiltering = endpoint-independent\n"
BAD = "[udp]\nfiltring = endpoint-independent\n"


def test_sighup_reads_the_file_again_and_a_bad_file_changes_nothing(home, datapath):
    with traffic.Responder(home.out1) as server, gateway.Natd(home, home.gw, datapath, config="") as natd:
        with traffic.Pulse(home.in1, server.endpoint) as pulse:
            before = natd.ctl("show", "config")
            natd.config.write_text(BAD)
            natd.process.send(signal.SIGHUP)
            natd.process.wait_output(r"filtring.*filtering|:2:")
            assert natd.ctl("show", "config") == before
            natd.config.write_text(GOOD)
            natd.process.send(signal.SIGHUP)
            traffic.wait_until(lambda: natd.ctl("show", "config") != before, "the new settings")
            pulse.wait_beats(5)


@pytest.mark.parametrize("arguments, told, code", [
    (["--set", "udp.filtring=endpoint-independent"], "filtering", 2),
    (["--set", "udp.timeout=5s"], "RFC 4787", 2),
    (["--internal", "nosuch0"], "nosuch0", 1),  # it may come later
    (["--config", "/nonexistent.conf"], "/nonexistent.conf", 2),
    (["--nonsense"], "nonsense", 2),
])
def test_wrong_settings_are_refused_with_a_reason(home, datapath, arguments, told, code):
    """The namespace is untouched, the exit code says so, the message names the culprit."""
    found = snapshot.take(home.gw)
    natd = gateway.Natd(home, home.gw, datapath, start=False)
    argv = natd.argv()
    if arguments[0] == "--internal":
        del argv[1:3]
    process = home.start(home.gw, *argv, *arguments, name="natd")
    assert process.wait(10) == code
    assert told in process.output()
    assert settle(home, found) == []
