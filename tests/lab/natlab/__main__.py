"""python3 -m natlab: labs to work in by hand.

    python3 -m natlab up L1|L2|L3 [--datapath auto|nfqueue|tun] [--no-natd] [--keep]
    python3 -m natlab list
    python3 -m natlab down NAME
    python3 -m natlab --sweep

`up` builds a lab with natd on its gateways and says how to enter the hosts. It stands until Enter or Ctrl-C;
with --keep it stays, for `down` to remove. `--sweep` removes what killed processes left behind.
"""

import argparse
import sys

from . import gateway, namespaces, topology


def how_to_enter(lab):
    """Lines for a person who wants to look around."""
    hosts = " ".join(lab.hosts)
    lines = [f"lab {lab.name}; its hosts: {hosts}",
             f"  enter one:    ip netns exec {lab.name}-in1 bash",
             f"  try:          ip netns exec {lab.name}-in1 ping -c 3 {topology.OUTSIDE['out1']}"]
    for name in lab.gateways:
        control = lab.path / f"{name}.sock"
        if control.exists():
            lines.append(f"  steer {name}:     {gateway.binary('natctl')} --control {control} show mappings")
    lines.append(f"  logs:         {lab.path}")
    return lines


def up(arguments):
    with topology.TOPOLOGIES[arguments.topology]() as lab:
        if not arguments.no_natd:
            gateway.start_all(lab, arguments.datapath)
        print("\n".join(how_to_enter(lab)))
        if arguments.keep:
            lab.keep()
            print(f"  take it down: PYTHONPATH={gateway.ROOT}/tests/lab python3 -m natlab down {lab.name}")
        else:
            print("  take it down: press Enter here", flush=True)
            sys.stdin.readline()


def down(arguments):
    if arguments.name not in namespaces.existing():
        sys.exit(f"natlab: there is no lab {arguments.name}; `python3 -m natlab list` shows those there are")
    namespaces.take_down(arguments.name)


def show(_arguments):
    for owner, names in namespaces.existing().items():
        print(owner, "kept" if namespaces.is_kept(owner) else "", *(name[len(owner) + 1:] for name in names))


def main():
    parser = argparse.ArgumentParser(prog="natlab", description="Small internets made of network namespaces.")
    parser.add_argument("--sweep", action="store_true", help="remove what killed processes left behind")
    commands = parser.add_subparsers(dest="command")
    raising = commands.add_parser("up", help="build a lab")
    raising.add_argument("topology", choices=topology.TOPOLOGIES)
    raising.add_argument("--datapath", choices=("auto", *gateway.DATAPATHS), default="auto")
    raising.add_argument("--no-natd", action="store_true", help="leave the gateways without a program")
    raising.add_argument("--keep", action="store_true", help="leave the lab when this command ends")
    raising.set_defaults(action=up)
    removing = commands.add_parser("down", help="remove a kept lab")
    removing.add_argument("name")
    removing.set_defaults(action=down)
    commands.add_parser("list", help="the labs of this machine").set_defaults(action=show)
    arguments = parser.parse_args()
    if arguments.sweep:
        for owner in namespaces.sweep():
            print(f"removed {owner}")
    elif arguments.command:
        try:
            arguments.action(arguments)
        except KeyboardInterrupt:
            sys.exit(130)
    else:
        parser.error("say what to do: up, down, list or --sweep")


if __name__ == "__main__":
    main()
