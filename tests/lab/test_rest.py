"""A released port is in quarantine before another host gets it, whatever happens to natd meanwhile (C8)."""

import contextlib

import pytest

from natlab import gateway, topology, traffic
from natlab.waiting import wait_until


@pytest.fixture
def start(datapath):
    with contextlib.ExitStack() as stack:
        def make(**settings):
            lab = stack.enter_context(topology.L1())
            natd = stack.enter_context(gateway.Natd(lab, lab.gw, datapath, {
                key.replace("__", "."): value for key, value in settings.items()}))
            return lab, natd, stack.enter_context(traffic.Responder(lab.out1)), stack
        yield make


def restart(natd, how):
    if how == "killed":
        natd.kill()
    else:
        assert natd.stop() == 0
    natd.start()


@pytest.mark.rows("C8")
@pytest.mark.parametrize("how", ["ended", "killed"])
def test_over_a_restart_a_port_goes_to_its_owner_only(start, how):
    lab, natd, server, stack = start()
    one = stack.enter_context(traffic.udp_socket(lab.in1, 4800))
    assert traffic.ask(one, server.endpoint)[0] == (topology.EXTERNAL, 4800)
    assert traffic.ping(lab.in1, lab.out1.address, count=1) == 1
    restart(natd, how)
    resting = {pool["proto"]: pool["quarantined"] for pool in natd.ctl("show", "stats")["pools"]}
    assert resting == {"udp": 1, "tcp": 0, "icmp": 1}
    two = stack.enter_context(traffic.udp_socket(lab.in2, 4800))
    assert traffic.ask(two, server.endpoint)[0][1] != 4800
    assert traffic.ask(one, server.endpoint)[0] == (topology.EXTERNAL, 4800)


@pytest.mark.rows("C8")
@pytest.mark.parametrize("how", ["ended", "killed"])
def test_over_a_restart_a_port_rests_its_time_out_and_no_longer(start, how):
    """Of eight ports, the other seven go to in2 at once, the last one when its quarantine is over."""
    lab, natd, server, stack = start(lab="yes", ports__ranges="40000-40007", ports__preserve="no", ports__rest="10s")
    one = stack.enter_context(traffic.udp_socket(lab.in1))
    used = traffic.ask(one, server.endpoint)[0][1]
    one.close()
    restart(natd, how)
    others = [stack.enter_context(traffic.udp_socket(lab.in2)) for _ in range(7)]
    assert {traffic.ask(sock, server.endpoint)[0][1] for sock in others} == set(range(40000, 40008)) - {used}
    last = stack.enter_context(traffic.udp_socket(lab.in2, timeout=0.3))

    def answered():
        with contextlib.suppress(OSError):
            return traffic.ask(last, server.endpoint, tries=1)[0][1]

    assert answered() is None
    assert wait_until(answered, "the port to have rested", 20) == used
