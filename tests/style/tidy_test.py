"""packaging/lib/tidy.py: which sources it takes, and when it takes one again."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "packaging/lib"))

import tidy  # noqa: E402

TREE = {
    "natd/one.h": "int one();\n",
    "natd/one.cpp": '#include "natd/one.h"\n',
    "natd/two.cpp": '#include "natd/between.h"\n',
    "natd/between.h": '#include "natd/deep.h"\n',
    "natd/deep.h": "",
    "natd/unused.h": "",
    "tests/unit/one_test.cpp": '#include "natd/one.h"\n',
    ".clang-tidy": "Checks: bugprone-*\n",
}
KNOWN = {"natd/one.cpp": "c++ one", "natd/two.cpp": "c++ two"}


@pytest.fixture
def tree(tmp_path, monkeypatch):
    for name, text in TREE.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(tidy, "ROOT", tmp_path)
    return tmp_path


@pytest.mark.parametrize("changed, sources", [
    ({"natd/one.cpp"}, {"natd/one.cpp"}),
    ({"natd/one.h"}, {"natd/one.cpp"}),
    ({"natd/deep.h"}, {"natd/two.cpp"}),
    ({"natd/one.h", "natd/between.h"}, {"natd/one.cpp", "natd/two.cpp"}),
    ({"natd/unused.h"}, set()),
    ({"tests/unit/one_test.cpp", "README.md"}, set()),
])
def test_a_changed_header_is_looked_at_through_a_source_that_includes_it(tree, changed, sources):
    assert tidy.covering(changed, KNOWN, tidy.Includes()) == sources


@pytest.mark.parametrize("name", ["natd/two.cpp", "natd/deep.h", ".clang-tidy"])
def test_a_verdict_holds_until_something_it_depends_on_changes(tree, name):
    def mark():
        return tidy.fingerprint("natd/two.cpp", KNOWN["natd/two.cpp"], tidy.Includes(), "version 1")
    before = mark()
    (tree / "natd/one.h").write_text("long one();\n")
    assert mark() == before
    (tree / name).write_text(TREE[name] + "\n// changed\n")
    assert mark() != before


def test_a_verdict_depends_on_the_command_and_on_the_version():
    marks = {tidy.fingerprint("packaging/none", command, NothingIncluded(), version)
             for command in ("c++ -O0", "c++ -O2") for version in ("14", "15")}
    assert len(marks) == 4


class NothingIncluded:
    def of(self, _source):
        return set()


def test_a_source_that_fails_is_looked_at_again(tree, monkeypatch):
    program = tree / "clang-tidy"
    program.write_text("#!/bin/sh\necho looked >>looked\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tree), prepend=":")
    monkeypatch.chdir(tree)
    mark = tree / "mark"
    for _ in range(2):
        tidy.check(tree, "natd/one.cpp", mark)
    program.write_text("#!/bin/sh\necho looked >>looked\n")
    for _ in range(2):
        assert tidy.check(tree, "natd/one.cpp", mark) == ""
    assert (tree / "looked").read_text() == "looked\n" * 3
