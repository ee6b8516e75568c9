#!/usr/bin/python3
"""natcheck against gateways whose behaviour is known beforehand: the kernel's own translation, arranged by rules.

Each case says what the rules do and what natcheck must therefore find. Needs root, iptables and nft; without them,
or where the kernel lacks a match, a case is skipped.
"""

import json
import os
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lab"))

from natlab import gateway, natcheck, topology  # noqa: E402

SKIPPED = 77  # the exit code that ctest takes for it
EIM, ADM, APDM = "endpoint-independent", "address-dependent", "address-and-port-dependent"
EIF, ADF, APDF = EIM, ADM, APDM

MASQUERADE = ["iptables -t nat -A POSTROUTING -o wan0 -j MASQUERADE"]
# What is not translated back reaches the gateway's own stack, which would answer it.
SILENT = ["iptables -A INPUT -d {external} -j DROP"]
SYMMETRIC = ["iptables -t nat -A POSTROUTING -o wan0 -p udp -j MASQUERADE --random-fully",
             "iptables -t nat -A POSTROUTING -o wan0 -p tcp -j MASQUERADE --random-fully"]
# One host owns the external address: whatever comes to it is translated, whoever sends it.
ONE_TO_ONE = ["iptables -t nat -A POSTROUTING -o wan0 -s 10.0.0.1 -j SNAT --to-source {external}",
              "iptables -t nat -A PREROUTING -d {external} -j DNAT --to-destination 10.0.0.1"]
HAIRPIN = ["iptables -t nat -A POSTROUTING -o lan0 -s 10.0.0.1 -j SNAT --to-source {external}"]
STATEFUL = ["iptables -A FORWARD -i wan0 -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT"]
CONTACTED = ["iptables -I FORWARD -i lan0 -o wan0 -m recent --name contacted --rdest --set",
             "iptables -A FORWARD -i wan0 -m recent --name contacted --rsource --rcheck -j ACCEPT"]
DROP_REST = ["iptables -A FORWARD -i wan0 -j DROP"]
RESET_REST = ["iptables -A FORWARD -i wan0 -p tcp -j REJECT --reject-with tcp-reset", *DROP_REST]
ICMP_REST = ["iptables -A FORWARD -i wan0 -j REJECT --reject-with icmp-admin-prohibited"]
# An external address for each of three hosts, hairpins included; or with hairpins that show the internal source.
EACH_ITS_OWN = [rule for host, address in zip(topology.INSIDE.values(), topology.POOL) for rule in (
    f"iptables -t nat -A POSTROUTING -s {host} -j SNAT --to-source {address}",
    f"iptables -t nat -A PREROUTING -d {address} -j DNAT --to-destination {host}")]
EACH_ITS_OWN_LAZY = [rule.replace("POSTROUTING", "POSTROUTING -o wan0") for rule in EACH_ITS_OWN]
OF_DIFFERENT_CLASSES = [
    f"iptables -t nat -A POSTROUTING -o wan0 -s {host} -p {protocol} -j SNAT --to-source {address}"
    + (" --random-fully" if host == topology.INSIDE["in2"] else "")
    for host, address in zip(topology.INSIDE.values(), topology.POOL) for protocol in ("udp", "tcp")]
# Another external address for each server.
BY_ADDRESS = [f"iptables -t nat -A POSTROUTING -o wan0 -d {server} -j SNAT --to-source {address}"
              for server, address in zip(topology.OUTSIDE.values(), topology.POOL)]
# A rewriter of payloads: the client's address, as it stands in an echo, becomes the external one (203.0.113.11).
REWRITER = ["nft add table ip rewriter",
            "nft add chain ip rewriter post {{ type filter hook postrouting priority 300 ; }}",
            "nft add rule ip rewriter post oifname wan0 udp dport 7475 @th,104,8 8 @th,328,32 0x0a000001"
            " @th,328,32 set 0xcb00710b"]


class KernelGateway(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.lab = cls.enterClassContext(topology.L1())
        cls.addresses = cls.enterClassContext(natcheck.servers(cls.lab))
        gw = cls.lab.gw
        gw.sysctl("net.ipv4.ip_forward", 1)
        gw.sysctl("net.ipv4.icmp_ratelimit", 0)
        if Path("/proc/sys/net/bridge").exists():
            gw.sysctl("net.bridge.bridge-nf-call-iptables", 0)  # lan0 is a router's interface here
        for address in topology.POOL:
            gw.batch(f"address add {address}/24 dev wan0")

    def follow(self, rules):
        """The gateway follows these rules, and none of the case before. What it keeps of that does no harm:
        every run has ports of its own."""
        for flush in ("iptables -F", "iptables -t nat -F", "nft delete table ip rewriter"):
            self.lab.gw.run(*flush.split(), check=False)
        for rule in rules:
            try:
                self.lab.gw.run(*rule.format(external=topology.EXTERNAL).split())
            except RuntimeError as error:
                self.skipTest(f"this kernel refuses '{rule}': {error}")

    def check(self, rules, *options):
        """The report of a client on in1 behind a gateway with these rules."""
        self.follow(rules)
        return natcheck.report(self.lab.in1, self.addresses, "--wait", "1.2", *options)

    def check_several(self, rules):
        """The report of the multi-client test with in1, in2 and in3 behind a gateway with these rules."""
        self.follow(rules)
        hosts = [word for host in topology.INSIDE for word in ("--host", " ".join(self.lab.hosts[host].argv()))]
        argv = [str(gateway.binary("natcheck")), "multi", "--servers", self.addresses, "--wait", "0.6", "--json", *hosts]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
        self.assertLess(done.returncode, 16, done.stderr)
        found = json.loads(done.stdout)
        self.assertEqual(found["exit"], done.returncode)
        return found

    def expect(self, found, protocol, **expected):
        part = found[protocol]
        seen = {"mapping": part["mapping"], "filtering": part["filtering"],
                "from_s3": part["unsolicited"]["s3"]["response"],
                "from_second_port": part["unsolicited"]["s2_second_port"]["response"],
                "one_way": part["hairpin"]["one_way"], "two_way": part["hairpin"]["two_way"],
                "external_source": part["hairpin"]["external_source"], "payload": part["payload_untouched"],
                "punching": part["hole_punching"], "third": part.get("connection_to_s3")}
        self.assertEqual({key: seen[key] for key in expected}, expected, json.dumps(part, indent=1))

    def names(self, found):
        return {one["name"] for one in found["misbehaviors"]}

    def test_no_translation(self):
        """The servers know the way back: nothing is translated, filtered or refused."""
        self.lab.core.batch(f"route add 10.0.0.0/24 via {topology.EXTERNAL}")
        self.addCleanup(self.lab.core.batch, "route del 10.0.0.0/24")
        found = self.check([])
        self.assertEqual(found["exit"], 0)
        self.assertEqual(self.names(found), set())
        for protocol in ("udp", "tcp"):
            self.assertIs(found[protocol]["translated"], False)
            self.expect(found, protocol, mapping=EIM, filtering=EIF, from_s3="passed", payload=True, punching=True)

    def test_masquerade_as_it_comes(self):
        """Ports are kept, so mappings look endpoint-independent; unknown hosts reach the gateway's stack, which answers
        SYNs with a RST and datagrams with port unreachable."""
        found = self.check(MASQUERADE)
        self.assertEqual(found["exit"], 2)
        self.expect(found, "udp", mapping=EIM, filtering=APDF, from_s3="icmp", one_way=False, two_way=False,
                    payload=True, punching=True)
        self.assertEqual(found["udp"]["unsolicited"]["s3"]["icmp"], {"type": 3, "code": 3})
        self.expect(found, "tcp", mapping=EIM, filtering=APDF, from_s3="refused", from_second_port="refused",
                    one_way=False, payload=True, punching=False)

    def test_silent_masquerade(self):
        """The same, but what is not expected vanishes: holes can be punched, SYNs meet."""
        found = self.check(MASQUERADE + SILENT)
        self.assertEqual(found["exit"], 0)
        self.expect(found, "udp", mapping=EIM, filtering=APDF, from_s3="silent", punching=True)
        self.expect(found, "tcp", mapping=EIM, filtering=APDF, from_s3="silent", from_second_port="silent",
                    punching=True, third="simultaneous")

    def test_a_port_for_each_session(self):
        found = self.check(SYMMETRIC + SILENT)
        self.assertEqual(found["exit"], 3)
        for protocol in ("udp", "tcp"):
            self.expect(found, protocol, mapping=APDM, filtering=APDF, from_s3="silent", punching=False)

    def test_an_address_for_each_server(self):
        found = self.check(BY_ADDRESS)
        self.assertEqual(found["exit"], 3)
        for protocol in ("udp", "tcp"):
            self.expect(found, protocol, mapping=ADM, punching=False)

    def test_open_to_everybody(self):
        found = self.check(ONE_TO_ONE + HAIRPIN)
        self.assertEqual(found["exit"], 0)
        self.assertEqual(self.names(found), set())
        for protocol in ("udp", "tcp"):
            self.expect(found, protocol, mapping=EIM, filtering=EIF, from_s3="passed", from_second_port="passed",
                        one_way=True, two_way=True, external_source=True, punching=True)

    def test_open_to_contacted_addresses(self):
        found = self.check(ONE_TO_ONE + STATEFUL + CONTACTED + DROP_REST)
        self.assertEqual(found["exit"], 0)
        for protocol in ("udp", "tcp"):
            self.expect(found, protocol, mapping=EIM, filtering=ADF, from_s3="silent", from_second_port="passed",
                        punching=True)

    def test_open_to_contacted_ports(self):
        found = self.check(ONE_TO_ONE + STATEFUL + DROP_REST)
        for protocol in ("udp", "tcp"):
            self.expect(found, protocol, mapping=EIM, filtering=APDF, from_s3="silent", from_second_port="silent",
                        punching=True)

    def test_refusal_by_reset(self):
        found = self.check(ONE_TO_ONE + STATEFUL + RESET_REST)
        self.assertEqual(found["exit"], 2)
        self.assertEqual(self.names(found), {"syn-reset", "no-hairpin"})
        self.expect(found, "udp", filtering=APDF, from_s3="silent", punching=True)
        self.expect(found, "tcp", filtering=APDF, from_s3="refused", punching=False, third="accepted-after-refusal")

    def test_refusal_by_icmp(self):
        found = self.check(ONE_TO_ONE + STATEFUL + ICMP_REST)
        self.assertEqual(found["exit"], 2)
        self.assertEqual(self.names(found), {"syn-icmp", "no-hairpin"})
        self.expect(found, "udp", filtering=APDF, from_s3="icmp", punching=True)
        self.expect(found, "tcp", filtering=APDF, from_s3="icmp", punching=False, third="accepted-after-icmp")
        self.assertEqual(found["tcp"]["unsolicited"]["s3"]["icmp"], {"type": 3, "code": 13})

    def test_rewritten_payload(self):
        found = self.check(MASQUERADE + REWRITER, "--udp")
        self.expect(found, "udp", mapping=EIM, payload=False)
        self.assertEqual(self.names(found), {"payload-rewriting", "no-hairpin"})

    def test_blocked_udp(self):
        found = self.check(MASQUERADE + SILENT + ["iptables -A FORWARD -p udp -j DROP"], "--timeout", "1")
        self.assertEqual(found["exit"], 1)
        self.expect(found, "udp", mapping=None, filtering=None, punching=None)
        self.expect(found, "tcp", mapping=EIM, punching=True)

    def test_several_hosts_without_hairpin(self):
        """There is no hairpin. Whether masquerade keeps hosts on one port apart is a matter of which 5-tuples
        happen to clash, so nothing is expected of that."""
        found = self.check_several(MASQUERADE + SILENT)
        self.assertEqual(found["exit"] & (4 + 8), 4 + 8, json.dumps(found, indent=1))
        for protocol in ("udp", "tcp"):
            self.assertFalse(found[protocol]["hairpins_work"])

    def test_several_hosts_without_consistency(self):
        found = self.check_several(SYMMETRIC + SILENT)
        self.assertEqual(found["exit"], 1 + 2 + 4 + 8)
        for protocol in ("udp", "tcp"):
            for seen in found[protocol]["rounds"]:
                self.assertTrue(seen["complete"] and not seen["consistent"], seen)

    def test_several_hosts_undisturbed(self):
        found = self.check_several(EACH_ITS_OWN)
        self.assertEqual(found["exit"], 0, json.dumps(found, indent=1))
        for protocol in ("udp", "tcp"):
            self.assertTrue(found[protocol]["external_sources"])
            self.assertTrue(all(pair["one_way"] is not False for pair in found[protocol]["hairpins"]))
            self.assertEqual(found[protocol]["strays"], 0)

    def test_hairpins_with_internal_source(self):
        """Datagrams arrive, from the internal address; connections cannot come about."""
        found = self.check_several(EACH_ITS_OWN_LAZY)
        self.assertEqual(found["exit"], 8, json.dumps(found, indent=1))
        self.assertIs(found["udp"]["external_sources"], False)
        self.assertTrue(found["udp"]["hairpins_work"])
        self.assertEqual(self.names(found), {"hairpin-internal-source"})

    def test_a_port_of_several_hosts(self):
        """Masquerade keeps the port of every host, as long as they talk to different servers."""
        found = self.check_several(MASQUERADE + SILENT)
        self.assertEqual(self.names(found), {"port-overloading", "no-hairpin"}, json.dumps(found, indent=1))

    def test_hosts_of_different_classes(self):
        """One host has a port for each session, the others have one for all; no two have the same address."""
        found = self.check_several(OF_DIFFERENT_CLASSES)
        self.assertEqual(self.names(found), {"class-change", "no-hairpin"}, json.dumps(found, indent=1))


def main():
    missing = [program for program in ("ip", "iptables", "nft", "unshare") if not shutil.which(program)]
    if missing or os.geteuid() != 0 or subprocess.run(["unshare", "--net", "true"]).returncode != 0:
        print("this needs root, network namespaces and the programs ip, iptables, nft and unshare")
        return SKIPPED
    return unittest.main(verbosity=2)


if __name__ == "__main__":
    sys.exit(main())
