"""natlab: small internets made of network namespaces, to watch a gateway from all sides.

A *lab* is a topology (L1, L2 or L3) of namespaces named natlab-PID-HOST, joined by veth pairs, with real
programs in them. Everything a lab makes is removed when it is closed, on every way out of the process;
what a killed process left is removed by `python3 -m natlab --sweep`. Only the standard library is needed,
and the programs of iproute2.

    with topology.L1() as lab, gateway.Natd(lab.gw, lab.path) as natd:
        server = traffic.Responder(lab.out1, lab.out1.address)
        ...

Modules, from the ground up: waiting, namespaces, processes, topology, gateway, then traffic, capture, natcheck,
stun and punching, which use a lab.
"""
