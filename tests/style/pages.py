#!/usr/bin/env python3
"""Holds the pages against the tree: each file, link, class and function that README.md, CONTRIBUTING.md or docs/ names exists.

    pages.py SOURCE_DIRECTORY

Ends with 1 and one line for each name that is not there. docs/compliance.md is written from the tests and left out.
"""

import re
import sys
from pathlib import Path

FOLDERS = ("config", "docs", "filtering", "natd", "packaging", "tests", "translation")
CODE = re.compile(r"`([^`\n]+)`")
# As `natd/daemon.cpp`, not as /run/natd/control.sock.
PATH = re.compile(rf"(?<![\w/.-])(?:{'|'.join(FOLDERS)})/[\w./*-]*[\w*]")
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
MEMBER = re.compile(r"(\w+)::(\w+)(?:\(.*\))?")


def pages(root):
    yield from (root / name for name in ("README.md", "CONTRIBUTING.md") if (root / name).exists())
    yield from (page for page in sorted((root / "docs").glob("*.md")) if page.name != "compliance.md")


def words_of(root):
    """Every word in the sources of the tree."""
    words = set()
    for folder in FOLDERS:
        for file in (root / folder).rglob("*"):
            if file.suffix in (".h", ".cpp", ".def"):
                words.update(re.findall(r"\w+", file.read_text()))
    return words


def missing(root):
    words = words_of(root)
    for page in pages(root):
        name = page.relative_to(root).as_posix()
        for number, line in enumerate(page.read_text().split("\n"), 1):
            for link in LINK.findall(line):
                if not (page.parent / link).exists():
                    yield f"{name}:{number}: no file {link}"
            for code in CODE.findall(line):
                for path in PATH.findall(code):
                    if not any(root.glob(path)):
                        yield f"{name}:{number}: no file {path}"
                member = MEMBER.fullmatch(code)
                if member and not {member[1], member[2]} <= words:
                    yield f"{name}:{number}: no {code} in the sources"


def main():
    found = list(missing(Path(sys.argv[1])))
    print("\n".join(found) if found else "the pages name what is there")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
