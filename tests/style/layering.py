#!/usr/bin/env python3
"""Holds the tree against docs/architecture.md: includes run one way, and the engine's words are the field's.

    layering.py SOURCE_DIRECTORY

Ends with 1 and one line for each breach.
"""

import re
import sys
from pathlib import Path

# A room may include itself and what stands here. More specific rooms first.
ROOMS = {
    "translation/net": set(),
    "filtering": {"translation/net"},
    "translation": {"translation/net", "filtering"},
    "config": {"translation/net", "filtering", "translation"},
    "natd/natctl": {"translation/net", "filtering", "translation", "config", "natd/control"},
    "natd/control": {"translation/net", "filtering", "translation", "config", "natd"},
    "natd": {"translation/net", "filtering", "translation", "config", "natd/control", "natd/natctl"},
}

# What the pure rooms may not reach for: clocks, threads, files, sockets, logs.
IMPURE = re.compile(
    r"#include <(?:thread|mutex|atomic|fstream|iostream|ctime|unistd\.h|fcntl\.h|poll\.h|sys/(?!mman\.h)[^>]+|netinet/[^>]+"
    r"|arpa/[^>]+|linux/[^>]+)>|\b(?:steady_clock|system_clock|clock_gettime|getrandom|std::cerr|std::cout|printf)\b")

# The right-hand column of the vocabulary: never in identifiers of the engine.
FOREIGN = re.compile(r"\b(?:in2out|out2in|conntrack|bib|xlate|dnat|snat|vip|pinhole|lan|wan)\b", re.IGNORECASE)


def room_of(path):
    for room in sorted(ROOMS, key=len, reverse=True):
        if path == room or path.startswith(room + "/"):
            return room
    return None


def without_comments(text):
    return re.sub(r"//[^\n]*", "", text)


def breaches(root):
    for file in sorted(root.glob("**/*.h")) + sorted(root.glob("**/*.cpp")) + sorted(root.glob("**/*.def")):
        name = file.relative_to(root).as_posix()
        room = room_of(name)
        if room is None or name.startswith("build/"):
            continue
        text = file.read_text()
        for included in re.findall(r'#include "([^"]+)"', text):
            other = room_of(included)
            if other is not None and other != room and other not in ROOMS[room]:
                yield f"{name}: {room} must not include {included}"
        if room in ("translation/net", "filtering", "translation"):
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
