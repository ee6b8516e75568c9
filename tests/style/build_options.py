#!/usr/bin/env python3
"""Holds the build options to what they say: which programs the build has, and which of them it installs, with
NATD_TESTS and with NATD_TOOLS switched off. Configures, but compiles nothing.

    build_options.py SOURCE_DIRECTORY CMAKE NINJA

Ends with 1 and one line for each breach.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

DAEMON = {"natd", "natctl"}
TOOLS = {"natcheck", "natpunch"}
TESTS = {"natd_unit_tests", "natd_golden", "natd_model", "natcheck_test", "natpunch_test"}
PAGES = {"natcheck.1.gz", "natpunch.1.gz"}

# (options, built, not built, installed, not installed)
CASES = [
    (["NATD_TESTS=OFF"], DAEMON | TOOLS, TESTS, DAEMON | TOOLS | PAGES, TESTS),
    (["NATD_TOOLS=OFF"], DAEMON | {"natd_unit_tests"}, TOOLS | {"natcheck_test", "natpunch_test"}, DAEMON, TOOLS | PAGES),
]


def run(*argv):
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout


def breaches(source, cmake, ninja):
    for options, built, not_built, installed, not_installed in CASES:
        with tempfile.TemporaryDirectory() as build:
            run(cmake, "-S", source, "-B", build, "-G", "Ninja", f"-DCMAKE_MAKE_PROGRAM={ninja}",
                *(f"-D{option}" for option in options))
            programs = set(re.findall(r"^bin/(\w+):", run(ninja, "-C", build, "-t", "targets", "all"), re.MULTILINE))
            scripts = "".join(path.read_text() for path in Path(build).rglob("cmake_install.cmake"))
            files = {Path(name).name for line in re.findall(r"file\(INSTALL.*", scripts)
                     for name in re.findall(r'"([^"]+)"', line)}
        for name in sorted(built - programs):
            yield f"{' '.join(options)}: {name} is not built"
        for name in sorted(not_built & programs):
            yield f"{' '.join(options)}: {name} is built"
        for name in sorted(installed - files):
            yield f"{' '.join(options)}: {name} is not installed"
        for name in sorted(not_installed & files):
            yield f"{' '.join(options)}: {name} is installed"


def main():
    found = list(breaches(*sys.argv[1:4]))
    print("\n".join(found) if found else f"{len(CASES)} sets of options build and install what they say")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
