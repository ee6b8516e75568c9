"""Reads JUnit reports and prints `PASSED FAILED SKIPPED`.

ctest and pytest both write this form. The names of failures, and the names and reasons of skips, go to
stderr for the reader. A report that is missing or broken counts as one failure: a test program that died
before it could report must not look like success.
"""

import sys
import xml.etree.ElementTree as ElementTree


def read(path):
    passed = failed = skipped = 0
    for case in ElementTree.parse(path).iter("testcase"):
        name = ".".join(filter(None, (case.get("classname"), case.get("name"))))
        problem = next((case.find(tag) for tag in ("failure", "error") if case.find(tag) is not None), None)
        skip = case.find("skipped")
        if problem is not None:
            failed += 1
            print(f"  failed: {name}", file=sys.stderr)
        elif skip is not None:
            skipped += 1
            print(f"  skipped: {name}: {skip.get('message') or 'no reason given'}", file=sys.stderr)
        else:
            passed += 1
    return passed, failed, skipped


def main(paths):
    total = [0, 0, 0]
    for path in paths:
        try:
            counts = read(path)
        except (OSError, ElementTree.ParseError) as error:
            print(f"  failed: no report from the test program ({error})", file=sys.stderr)
            counts = (0, 1, 0)
        total = [have + more for have, more in zip(total, counts)]
    print(*total)


if __name__ == "__main__":
    main(sys.argv[1:])
