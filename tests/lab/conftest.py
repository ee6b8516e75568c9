"""Fixtures of the lab tests. A test that asks for `natd` runs once on every datapath."""

import os
import re
import signal
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from natlab import capture, gateway, namespaces, punching, topology, traffic, watch  # noqa: E402


def stop_like_ctrl_c(_number, _frame):
    """pytest takes any other exception for the failure of one test, and would go on."""
    raise KeyboardInterrupt


def pytest_configure(config):
    if os.geteuid() != 0:
        pytest.exit("the lab tests need root, to make network namespaces", returncode=2)
    config.addinivalue_line("markers", "alone: compares times, or sums up the run; packaging/test runs it after the others, with"
                            " nothing beside it")
    config.addinivalue_line("markers", "rows(*names, on=None): the rows of tests/compliance/rows.txt that a test proves")
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop_like_ctrl_c)
    watch.on = True
    for owner in namespaces.sweep():
        print(f"removed what a killed run had left: {owner}")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """With `-n`: the tests of one file on one datapath share a lab, and so a process."""
    from xdist.scheduler import LoadScopeScheduling

    class OneLabOneProcess(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            file, _, test = nodeid.partition("::")
            datapath = re.search(rf"\b({'|'.join(gateway.DATAPATHS)})\b", test.partition("[")[2])
            return f"{file}::{datapath[1] if datapath else ''}"

    return OneLabOneProcess(config, log)


def pytest_addoption(parser):
    parser.addoption("--datapath", choices=gateway.DATAPATHS, action="append",
                     help="only this datapath (may be repeated; default: every one)")


def pytest_generate_tests(metafunc):
    if "datapath" in metafunc.fixturenames:
        datapaths = metafunc.config.getoption("datapath") or gateway.DATAPATHS
        metafunc.parametrize("datapath", datapaths, scope="module", indirect=True)


@pytest.fixture(scope="module")
def datapath(request):
    if request.param == "tun" and not Path("/dev/net/tun").exists():
        pytest.skip("this kernel has no /dev/net/tun")
    return request.param


@pytest.fixture(scope="module")
def lab(request, datapath):
    """L1 with veth's offloads, one for each test file and datapath. NATLAB_CAPTURES names a directory for captures."""
    with topology.L1() as built:
        with capture.kept(built, os.environ.get("NATLAB_CAPTURES"), f"{request.path.stem}-{datapath}"):
            yield built


@pytest.fixture(scope="module")
def daemon(lab, datapath):
    """natd on gw with the defaults."""
    with gateway.Natd(lab, lab.gw, datapath) as natd:
        yield natd
        assert natd.stop() == 0, f"natd did not end well:\n{natd.log[-4000:]}"


@pytest.fixture
def natd(daemon):
    """The running natd, alive before and after the test, and back to its defaults afterwards. Nothing is left of what
    tests before did: a mapping keeps the behaviour it was made under, and a program that draws its ports may meet it."""
    if not daemon.process.running:
        daemon.start()
    daemon.ctl("flush")
    yield daemon
    assert daemon.process.running, f"natd ended during the test:\n{daemon.log[-3000:]}"
    daemon.set(**{f"{protocol}__{what}": behavior for protocol in ("udp", "tcp", "icmp")
                  for what, behavior in (("mapping", "endpoint-independent"), ("filtering", "address-dependent"))})


@pytest.fixture(scope="module")
def sites(datapath):
    """L2, natd with `lab = yes` on both gateways, and natpunch's server: (lab, daemons, server)."""
    with topology.L2() as lab, punching.server(lab) as server:
        yield lab, gateway.start_all(lab, datapath, {"lab": "yes"}), server


@pytest.fixture(scope="module")
def servers(lab):
    """A Responder on each outside host, in order."""
    made = [traffic.Responder(lab.hosts[name]) for name in topology.OUTSIDE]
    yield made
    for server in made:
        server.close()


def pytest_collection_modifyitems(items):
    """The rows of a test stand in the report beside its result; what sums up the watch comes last."""
    items.sort(key=lambda item: item.path.name == "test_watch.py")
    for item in items:
        for marker in item.iter_markers("rows"):
            item.user_properties.append(("rows", " ".join(marker.args)))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_teardown(item):
    """A test ends with an error when a gateway that it has used let out an internal address."""
    before = len(watch.found)
    outcome = yield
    outcome.get_result()
    leaked = watch.found[before:]
    assert not leaked, f"{len(leaked)} packets with internal addresses on wan0, such as {leaked[0]}"


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows what natd said."""
    outcome = yield
    report = outcome.get_result()
    natd = getattr(item, "funcargs", {}).get("daemon")
    if report.failed and natd is not None and natd.process is not None:
        report.sections.append(("natd's log", natd.log[-4000:]))
