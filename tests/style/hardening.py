#!/usr/bin/env python3
"""Holds programs against NATD_HARDEN: position-independent, relocations bound at start and read-only then, no stack
that can be run, stacks and buffers checked.

    hardening.py PROGRAM...

Ends with 1 and one line for each breach.
"""

import re
import subprocess
import sys


def readelf(*arguments):
    return subprocess.run(["readelf", "--wide", *arguments], check=True, capture_output=True, text=True).stdout


def breaches(program):
    dynamic = readelf("--dynamic", program)
    segments = readelf("--program-headers", program)
    symbols = readelf("--dyn-syms", program)
    if not re.search(r"\(FLAGS_1\).*\bPIE\b", dynamic):
        yield "it is not position-independent"
    if not re.search(r"\(FLAGS_1\).*\bNOW\b", dynamic):
        yield "relocations are not bound at start"
    if "GNU_RELRO" not in segments:
        yield "relocations stay writable"
    if not re.search(r"GNU_STACK.* RW ", segments):
        yield "its stack can be run"
    if "__stack_chk_fail" not in symbols:
        yield "no stack is checked"
    if not re.search(r"\b__\w+_chk\b", symbols):
        yield "no buffer is checked"


def main():
    found = [f"{program}: {breach}" for program in sys.argv[1:] for breach in breaches(program)]
    print("\n".join(found) if found else f"{len(sys.argv) - 1} programs are hardened")
    return 1 if found or len(sys.argv) == 1 else 0


if __name__ == "__main__":
    sys.exit(main())
