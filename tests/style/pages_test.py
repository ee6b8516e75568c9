"""pages.py: which names of a page must be in the tree."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

import pages  # noqa: E402


@pytest.fixture
def missing(tmp_path):
    def found(text, name="docs/page.md"):
        for file, content in {"natd/one.h": "class One { void two(); };\n", "docs/other.md": "", name: text}.items():
            (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / file).write_text(content)
        return [line.split(": ", 1)[1] for line in pages.missing(tmp_path)]

    return found


@pytest.mark.parametrize("text, expected", [
    ("Read\n`natd/gone.h`.", "no file natd/gone.h"),
    ("`natd/gone/*.h` has them.", "no file natd/gone/*.h"),
    ("[it](gone.md#part)", "no file gone.md"),
    ("`One::three` does it.", "no One::three in the sources"),
    ("`Other::two()` does it.", "no Other::two() in the sources"),
])
@pytest.mark.parametrize("name", ["docs/page.md", "README.md", "CONTRIBUTING.md"])
def test_a_name_that_is_not_there_is_found(missing, text, expected, name):
    assert missing(text, name) == [expected]


@pytest.mark.parametrize("text", [
    "`natd/one.h`, `natd/*.h`, `natd/` and `One::two`",
    "[it](other.md#part), [the web](https://example.org/gone.md)",
    "`/run/natd/gone.sock` and `/etc/natd/gone.conf`",
    "natd/gone.h, where it is no code",
])
def test_what_is_there_or_elsewhere_is_not(missing, text):
    assert missing(text) == []


def test_the_page_of_the_tests_is_theirs(missing):
    assert missing("`natd/gone.h`", "docs/compliance.md") == []
