#!/usr/bin/env python3
"""Joins the rows that natd answers for, the tests that say they prove them, and what a run of the tests saw.

    compliance.py write                 writes docs/compliance.md, as it is when every marked test passes
    compliance.py check                 holds the list, the markers and the page against each other
    compliance.py check REPORT...       and holds them against JUnit reports of ctest and of the lab's pytest

Rows are in rows.txt beside this file; its head says how to read it. A test says in its source what it proves:

    // Rows: U1 U11                          the line above a TEST, TEST_F or TEST_P
    @pytest.mark.rows("U9", "U9a")           a lab test; on="nfqueue" where it is about one datapath only
    # Rows: U1                               the first lines of a golden fixture

Only a test that fails when the row is broken may carry its name. Ends with 1 and one line for each problem.
"""

import argparse
import ast
import dataclasses
import re
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LIST = Path("tests/compliance/rows.txt")
PAGE = Path("docs/compliance.md")
LEVELS = ("M", "S", "O", "D", "L")
PLACES = ("unit", "nfqueue", "tun")
DATAPATHS = PLACES[1:]

HOLDS, FAILS, NOT_RUN = "holds", "fails", "did not run"


@dataclasses.dataclass(frozen=True)
class Row:
    """One promise. `where` are the places it must be proven in; empty when it does not apply to natd."""

    name: str
    level: str
    source: str
    where: tuple
    promise: str
    reason: str
    section: str


@dataclasses.dataclass(frozen=True)
class Test:
    """A marked test: `key` is its name in the reports without parameters, `places` where it runs."""

    key: str
    rows: tuple
    places: tuple


class Source:
    """What the sources say: marked tests, and what is wrong with their markers."""

    def __init__(self):
        self.tests = []
        self.problems = []


def read_rows(text):
    """The rows of a list and the problems in it."""
    rows, problems, section = {}, [], ""
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        if line.startswith("=="):
            section = line.strip("= ")
            continue
        fields = [field.strip() for field in line.split("|")]
        if len(fields) not in (5, 6):
            problems.append(f"{LIST}:{number}: a row has five fields, and a reason or none; this has {len(fields)}")
            continue
        name, level, source, where, promise, reason = (*fields, "")[:6]
        where = () if where == "-" else tuple(where.split())
        row = Row(name, level, source, where, promise, reason, section)
        if name in rows:
            problems.append(f"{LIST}:{number}: {name} is there already")
        if level not in LEVELS:
            problems.append(f"{LIST}:{number}: {name} has the level '{level}'; levels are {', '.join(LEVELS)}")
        if set(where) - set(PLACES):
            problems.append(f"{LIST}:{number}: {name} names a place that is none of {', '.join(PLACES)}")
        if not where and not reason:
            problems.append(f"{LIST}:{number}: {name} is to be proven nowhere, and does not say why")
        rows[name] = row
    return rows, problems


# What the sources say

CPP_MARKER = re.compile(r"^// Rows:\s*(.*)$")
CPP_TEST = re.compile(r"^TEST(?:_F|_P)?\(\s*(\w+)\s*,\s*(\w+)\s*\)")


def scan_cpp(path, text, found):
    """Adds the tests of a C++ file whose line above is a marker."""
    waiting, marked_at = [], 0
    for number, line in enumerate(text.splitlines(), 1):
        marker, test = CPP_MARKER.match(line), CPP_TEST.match(line)
        if not marker and re.search(r"//.*\bRows: ", line):
            found.problems.append(f"{path}:{number}: rows stand at the beginning of a line")
        if marker:
            waiting, marked_at = waiting + marker[1].split(), number
        elif test and waiting:
            found.tests.append(Test(f"{test[1]}.{test[2]}", tuple(waiting), ("unit",)))
            waiting = []
        elif waiting:
            found.problems.append(f"{path}:{marked_at}: the line after the rows is no TEST")
            waiting = []
    if waiting:
        found.problems.append(f"{path}:{marked_at}: the line after the rows is no TEST")


def scan_fixture(path, text, found):
    """Adds a golden fixture that names rows in its head of comments."""
    rows = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        if line.startswith("# Rows:"):
            rows += line[len("# Rows:"):].split()
    if rows:
        found.tests.append(Test(f"golden.{path.stem}", tuple(rows), ("unit",)))


def _is_fixture(function):
    return any("fixture" in ast.unparse(decorator) for decorator in function.decorator_list)


def _arguments(function):
    return {argument.arg for argument in function.args.args}


def _functions(body, prefix=""):
    for node in body:
        if isinstance(node, ast.FunctionDef):
            yield prefix + node.name, node
        elif isinstance(node, ast.ClassDef):
            yield from _functions(node.body, f"{prefix}{node.name}.")


def _marker(function):
    """(rows, places or None) of a marked function."""
    for decorator in function.decorator_list:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.rows":
            on = {keyword.arg: ast.literal_eval(keyword.value) for keyword in decorator.keywords}.get("on")
            return tuple(ast.literal_eval(argument) for argument in decorator.args), tuple(on.split()) if on else None
    return None


def _depends_on_datapath(function, fixtures):
    seen, todo = set(), _arguments(function)
    while todo:
        name = todo.pop()
        if name == "datapath":
            return True
        if name not in seen:
            seen.add(name)
            todo |= fixtures.get(name, set())
    return False


def scan_python(path, text, found, common=None):
    """Adds the marked tests of a lab file; `common` is the text of conftest.py."""
    functions = dict(_functions(ast.parse(text).body))
    fixtures = {name: _arguments(function)
                for source in (dict(_functions(ast.parse(common or "").body)), functions)
                for name, function in source.items() if _is_fixture(function)}
    for name, function in functions.items():
        marker = _marker(function)
        if marker is None:
            continue
        rows, places = marker
        if places is None and _depends_on_datapath(function, fixtures):
            places = DATAPATHS
        if not places or set(places) - set(PLACES):
            found.problems.append(f"{path}: {name} must say on which of {', '.join(PLACES)} it runs, with on=")
            continue
        found.tests.append(Test(f"{path.stem}.{name}", rows, places))


def scan(root):
    """Every marked test of the tree."""
    found = Source()
    for path in sorted((root / "tests").glob("**/*_test.cpp")):
        scan_cpp(path.relative_to(root), path.read_text(), found)
    for path in sorted((root / "tests/golden/fixtures").glob("*.golden")):
        scan_fixture(path.relative_to(root), path.read_text(), found)
    common = (root / "tests/lab/conftest.py").read_text()
    for path in sorted((root / "tests/lab").glob("test_*.py")):
        scan_python(path.relative_to(root), path.read_text(), found, common)
    return found


# What a run saw

def key_of(classname, name):
    """How a report's test case is called in the sources, and its parameters."""
    name, _, parameters = name.partition("[")
    parts = (classname or "").split(".")
    modules = [index for index, part in enumerate(parts) if part.startswith("test_")]
    if modules:
        return ".".join(parts[modules[0]:] + [name]), parameters.rstrip("]")
    # ctest repeats behind the name what the parameter was.
    parameterised = re.fullmatch(r"(?:\w+/)?(\w+\.\w+)/\w+(?:\s+# GetParam\(\) = .*)?", name, re.DOTALL)
    return (parameterised[1] if parameterised else name), parameters


class Run:
    """What the reports of one run say: {key: [(parameters, outcome)]}."""

    def __init__(self):
        self.cases = {}

    def read(self, path):
        for case in ElementTree.parse(path).iter("testcase"):
            key, parameters = key_of(case.get("classname"), case.get("name"))
            if case.find("failure") is not None or case.find("error") is not None:
                outcome = FAILS
            elif case.find("skipped") is not None or case.get("status") in ("disabled", "notrun"):
                outcome = NOT_RUN
            else:
                outcome = HOLDS
            self.cases.setdefault(key, []).append((parameters, outcome))

    def knows(self, test):
        return test.key in self.cases

    def outcome(self, test, place):
        """HOLDS, FAILS or NOT_RUN of all that a test did in one place."""
        cases = self.cases.get(test.key, [])
        if any(datapath in parameters.split("-") for parameters, _ in cases for datapath in DATAPATHS):
            cases = [case for case in cases if place in case[0].split("-")]
        outcomes = {outcome for _, outcome in cases}
        return FAILS if FAILS in outcomes else HOLDS if HOLDS in outcomes else NOT_RUN


class Promised:
    """In the place of a run: every marked test passes."""

    @staticmethod
    def knows(_test):
        return True

    @staticmethod
    def outcome(_test, _place):
        return HOLDS


# The join

def result_of(row, tests, run):
    """(what the page says of the row, whether that may stand)."""
    if not row.where:
        return f"does not apply: {row.reason}", True
    outcomes = {place: [run.outcome(test, place) for test in tests if place in test.places] for place in PLACES}
    if any(FAILS in seen for seen in outcomes.values()):
        return "**fails**", False
    missing = [place for place in row.where if HOLDS not in outcomes[place]]
    if not missing:
        return HOLDS, True
    if row.level != "M" and row.reason:
        return f"left out: {row.reason}", True
    if row.level in ("O", "D") and not tests:
        return "not tested", True
    return f"**not proven on {', '.join(missing)}**", False


HEAD = """# What natd promises, and what proves it

Made by `tests/compliance/compliance.py write` from [the list of rows](../tests/compliance/rows.txt) and the markers
of the tests. `packaging/test` holds it against what its run saw, and fails where they differ: so this page is true of
every commit that passes. `tests/compliance/README.md` says how a test names its rows.

Levels: **M** must, **S** should, **O** may, **D** natd's own choice, **L** a lab scenario. *Unit* is the engine and
the daemon's parts with a clock in the test's hands; *nfqueue* and *tun* are the datapaths, in network namespaces.
"""


def page(rows, tests, run):
    """The text of the page, and the rows that do not stand: [(name, why)]."""
    lines, unproven, section = [HEAD], [], None
    for row in rows.values():
        if row.section != section:
            section = row.section
            lines += [f"## {section}", "", "| Row | Level | From | natd | Tests | On | Result |",
                      "|---|---|---|---|---|---|---|"]
        proving = sorted((test for test in tests if row.name in test.rows), key=lambda test: test.key)
        result, stands = result_of(row, proving, run)
        if not stands:
            unproven.append((row.name, result.strip("*")))
        places = [place for place in PLACES if any(place in test.places for test in proving)]
        names = "<br>".join(test.key for test in proving)
        lines.append(f"| {row.name} | {row.level} | {row.source} | {row.promise} | {names} | {', '.join(places)} "
                     f"| {result} |")
        following = list(rows.values())[list(rows).index(row.name) + 1:][:1]
        if not following or following[0].section != section:
            lines.append("")
    return "\n".join(lines), unproven


def problems_of(rows, source):
    """Markers that name no row."""
    for test in source.tests:
        for name in test.rows:
            if name not in rows:
                yield f"{test.key} says that it proves {name}, which is no row of {LIST}"


def check(root, reports):
    """Every problem, as a line of text."""
    rows, problems = read_rows((root / LIST).read_text())
    source = scan(root)
    problems += source.problems + list(problems_of(rows, source))
    run = Promised()
    if reports:
        run = Run()
        for report in reports:
            run.read(report)
        problems += [f"{test.key} is marked, but no report tells of it" for test in source.tests if not run.knows(test)]
    text, unproven = page(rows, source.tests, run)
    problems += [f"{name}: {why}" for name, why in unproven]
    try:
        committed = (root / PAGE).read_text()
    except OSError as error:
        return [*problems, f"{PAGE}: {error.strerror}"]
    if committed != text:
        known = set(committed.splitlines())
        different = [line.split("|")[1].strip() for line in text.splitlines()
                     if line.startswith("|") and line not in known]
        problems.append(f"{PAGE} is not what this tree and run give"
                        + (f" (rows {', '.join(different)})" if different else "")
                        + "; `tests/compliance/compliance.py write` writes it anew")
    return problems


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("write", "check"))
    parser.add_argument("reports", nargs="*", metavar="REPORT")
    parser.add_argument("--root", type=Path, default=ROOT, help=argparse.SUPPRESS)
    options = parser.parse_intermixed_args(arguments)
    if options.command == "write":
        rows, _ = read_rows((options.root / LIST).read_text())
        text, _ = page(rows, scan(options.root).tests, Promised())
        (options.root / PAGE).write_text(text)
        return 0
    try:
        problems = check(options.root, options.reports)
    except (OSError, ElementTree.ParseError) as error:
        problems = [f"a report cannot be read: {error}"]
    print("\n".join(problems) if problems else "every row is as docs/compliance.md says")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
