#!/usr/bin/env python3
"""Holds the tree against docs/architecture.md: includes run one way between folders, the engine is pure, and words are the
field's.

    layering.py SOURCE_DIRECTORY

Ends with 1 and one line for each breach.
"""

import re
import sys
from pathlib import Path

ENGINE = ["translation/base", "translation/net", "filtering", "translation/policy", "translation/ports", "translation/state",
          "translation/protocols", "translation/pipeline", "translation/trace", "translation"]
DAEMON = ["natd/system", "natd/observe", "natd/engine", "natd/store", "natd/datapath"]

# A folder may include itself, what stands here, and what those may include. Files beside folders of their own count for the folder.
FOLDERS = {
    "translation/base": [],
    "translation/net": ["translation/base"],
    "filtering": ["translation/net"],
    "translation/policy": ["filtering"],
    "translation/ports": ["translation/policy"],
    "translation/state": ["translation/ports"],
    "translation/protocols": ["translation/state"],
    "translation/pipeline": ["translation/protocols"],
    "translation/trace": ["translation/pipeline"],
    "translation": ["translation/trace"],
    "config": ["translation/policy"],
    "natd/system": ["translation/ports"],
    "natd/observe": ["natd/system", "translation"],
    "natd/engine": ["natd/observe", "config"],
    "natd/store": ["natd/observe"],
    "natd/datapath": ["natd/engine", "config"],
    "natd/datapath/nfqueue": ["natd/datapath"],
    "natd/datapath/replay": ["natd/datapath"],
    "natd/datapath/tun": ["natd/datapath"],
    "natd/control": ["natd/engine", "config"],
    "natd/natctl": ["natd/control"],
    "natd/natctl/commands": ["natd/natctl"],
    "natd": ["natd/control", "natd/datapath/nfqueue", "natd/datapath/replay", "natd/datapath/tun", "natd/store"],
}
# A program's list of commands names them all.
ALSO = {"natd/natctl": {"natd/natctl/commands"}}

# What the pure folders may not reach for: clocks, threads, files, sockets, logs.
IMPURE = re.compile(
    r"#include <(?:thread|mutex|atomic|fstream|iostream|ctime|unistd\.h|fcntl\.h|poll\.h|sys/(?!mman\.h)[^>]+|netinet/[^>]+"
    r"|arpa/[^>]+|linux/[^>]+)>|\b(?:steady_clock|system_clock|clock_gettime|getrandom|std::cerr|std::cout|printf)\b")

# The words of others: never in identifiers of the engine.
FOREIGN = re.compile(r"\b(?:in2out|out2in|conntrack|bib|xlate|dnat|snat|vip|pinhole|lan|wan)\b", re.IGNORECASE)


def folder_of(path):
    parts = path.split("/")[:-1]
    while parts:
        if "/".join(parts) in FOLDERS:
            return "/".join(parts)
        parts.pop()
    return None


def below(folder, seen=None):
    """Every folder that `folder` may include."""
    seen = set() if seen is None else seen
    for other in FOLDERS[folder]:
        if other not in seen:
            seen.add(other)
            below(other, seen)
    return seen


def without_comments(text):
    return re.sub(r"//[^\n]*", "", text)


def breaches(root):
    for file in sorted(root.glob("**/*.h")) + sorted(root.glob("**/*.cpp")) + sorted(root.glob("**/*.def")):
        name = file.relative_to(root).as_posix()
        if name.startswith("build/"):
            continue
        folder = folder_of(name)
        if folder is None:
            continue
        allowed = below(folder) | ALSO.get(folder, set()) | {folder}
        text = file.read_text()
        for included in re.findall(r'#include "([^"]+)"', text):
            other = folder_of(included)
            if other is not None and other not in allowed:
                yield f"{name}: {folder} must not include {included}"
        if folder in ENGINE:
            code = without_comments(text)
            for found in IMPURE.findall(code):
                yield f"{name}: the engine is pure, but this uses {found or 'a forbidden header'}"
            for found in FOREIGN.findall(code):
                yield f"{name}: '{found}' is not a word of docs/style.md"


def main():
    root = Path(sys.argv[1])
    found = list(breaches(root))
    print("\n".join(found) if found else "includes and words are in order")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
