"""Reads JUnit reports and prints `PASSED FAILED SKIPPED`.

    tally.py [--all] REPORT...

ctest and pytest both write this form. The names of failures, and the names and reasons of skips, go to
stderr for the reader. A report that is missing or broken counts as one failure: a test program that died
before it could report must not look like success.

With --all, for a run that may do everything on this machine, a skipped test counts as failed, too, unless its
reason names what this kernel lacks: "this kernel has no ...".
"""

import re
import sys
import xml.etree.ElementTree as ElementTree

LACKING = "this kernel has no "
GOOGLETEST = re.compile(r": Skipped\n(.+)")  # ctest's own message says only that it was skipped


def reason(case):
    """Why a test was skipped, or nothing when it was not."""
    skip = case.find("skipped")
    if skip is None:
        return None
    said = GOOGLETEST.search(case.findtext("system-out") or "")
    return said[1] if said else skip.get("message") or "no reason given"


def read(path, all_must_run):
    passed = failed = skipped = 0
    for case in ElementTree.parse(path).iter("testcase"):
        name = ".".join(filter(None, (case.get("classname"), case.get("name"))))
        why = reason(case)
        if case.find("failure") is not None or case.find("error") is not None:
            failed += 1
            print(f"  failed: {name}", file=sys.stderr)
        elif why is None:
            passed += 1
        elif all_must_run and not why.startswith(LACKING):
            failed += 1
            print(f"  failed: {name}: skipped, although this run may do everything: {why}", file=sys.stderr)
        else:
            skipped += 1
            print(f"  skipped: {name}: {why}", file=sys.stderr)
    return passed, failed, skipped


def main(paths, all_must_run):
    total = [0, 0, 0]
    for path in paths:
        try:
            counts = read(path, all_must_run)
        except (OSError, ElementTree.ParseError) as error:
            print(f"  failed: no report from the test program ({error})", file=sys.stderr)
            counts = (0, 1, 0)
        total = [have + more for have, more in zip(total, counts)]
    print(*total)


if __name__ == "__main__":
    arguments = sys.argv[1:]
    main([argument for argument in arguments if argument != "--all"], "--all" in arguments)
