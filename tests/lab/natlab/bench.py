"""How fast natd carries traffic on this machine, as ratios to what the same kernel does without it.

    python3 -m natlab.bench [--seconds N] [--rounds N]

Everything runs in L1 on the same cores, in turns, and the median round counts; only ratios mean something on
another machine. Bulk is one iperf3 TCP stream with veth's offloads; small packets are 18-octet UDP datagrams
from lab_flood, counted where they arrive.
"""

import argparse
import contextlib
import json
import statistics

from . import gateway, topology

TCP_PORT = 5201


@contextlib.contextmanager
def masquerade(lab):
    """The kernel's own NAT. Each contestant has a lab of its own, so nothing is taken back."""
    lab.gw.sysctl("net.ipv4.ip_forward", 1)
    lab.gw.run("nft", "-f", "-", text="table ip bench { chain post { type nat hook postrouting priority 100;"
                                      " oifname wan0 masquerade; }; }")
    yield


@contextlib.contextmanager
def accepting(lab):
    """A program that accepts every queued packet and does nothing else, on as many queues as natd; the kernel
    forwards without translation."""
    rule = ("POSTROUTING", "-o", "wan0", "-j", "NFQUEUE", "--queue-balance", "9:10")
    lab.gw.sysctl("net.ipv4.ip_forward", 1)
    lab.core.batch(f"route add 10.0.0.0/24 via {topology.EXTERNAL}")
    lab.gw.run("iptables", "-t", "mangle", "-A", *rule)
    program = lab.start(lab.gw, gateway.binary("accept_queue"), "9", "2", ready=r"^accept_queue: ready")
    yield
    program.end()


def natd(datapath):
    @contextlib.contextmanager
    def running(lab):
        with gateway.Natd(lab, lab.gw, datapath):
            yield
    return running


def bulk(lab, seconds, reverse):
    """Gbit/s of one TCP stream, from in1 to out1 or back."""
    server = lab.start(lab.out1, "iperf3", "-s", "-1", "--forceflush", ready="Server listening")
    try:
        output = lab.in1.run("iperf3", "-c", lab.out1.address, "-t", str(seconds), "-J",
                             *(["-R"] if reverse else []), timeout=seconds + 30)
    finally:
        server.end()
    return json.loads(output)["end"]["sum_received"]["bits_per_second"] / 1e9


def small(lab, seconds):
    """Thousands of datagrams a second that arrive at out1, sent by in1 as fast as it can."""
    counter = "cat /sys/class/net/eth0/statistics/rx_packets"
    before = int(lab.out1.run("sh", "-c", counter))
    lab.in1.run(str(gateway.binary("lab_flood")), lab.out1.address, "9", str(seconds), timeout=seconds + 30)
    return (int(lab.out1.run("sh", "-c", counter)) - before) / seconds / 1e3


def compare(title, unit, contestants, measure, rounds):
    """Measures every contestant in turns; prints the medians and their ratio to the first."""
    print(f"\n{title} ({unit}, median of {rounds})", flush=True)
    results = {name: [] for name, _ in contestants}
    for _ in range(rounds):
        for name, setting in contestants:
            with topology.L1() as lab, setting(lab):
                results[name].append(measure(lab))
                print(f"    {name}: {results[name][-1]:.2f}", flush=True)
    medians = {name: statistics.median(values) for name, values in results.items()}
    yardstick = medians[contestants[0][0]]
    for name, median in medians.items():
        print(f"  {name:24} {median:9.2f}   {median / yardstick:5.2f} x", flush=True)


def main():
    parser = argparse.ArgumentParser(prog="natlab.bench", description="natd's throughput, as ratios.")
    parser.add_argument("--seconds", type=int, default=4, help="for each measurement")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    daemons = [(f"natd, {datapath}", natd(datapath)) for datapath in gateway.DATAPATHS]
    kernel = ("kernel masquerade", masquerade)
    for title, reverse in (("one TCP stream outwards", False), ("one TCP stream inwards", True)):
        compare(title, "Gbit/s", [kernel, *daemons], lambda lab, way=reverse: bulk(lab, arguments.seconds, way),
                arguments.rounds)
    compare("small packets outwards", "thousand/s", [("accept only, nfqueue", accepting), *daemons, kernel],
            lambda lab: small(lab, arguments.seconds), arguments.rounds)


if __name__ == "__main__":
    main()
