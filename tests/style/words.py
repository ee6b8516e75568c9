#!/usr/bin/env python3
"""Holds prose against docs/style.md: comments, documentation and manual pages use the words of the RFCs, not figures of speech.

    words.py SOURCE_DIRECTORY

Ends with 1 and one line for each word found. Code and its string literals are not prose; in a .def file they are, as their
texts are shown to the operator.
"""

import io
import re
import sys
import tokenize
from pathlib import Path

# What to write instead.
WORDS = {
    r"nobody(?:'s)?|no one": "say which: no host, no remote, no client",
    r"(?:some|any|every)body(?:'s)?": "say which: a host, any remote, all hosts",
    r"strangers?(?:'s?)?": "a remote, or a host that was not contacted",
    r"people(?:'s)?": "the operator",
    r"house|furnish\w*": "folder, tree",
    r"chronicles?": "events",
    r"accounts? of": "a trace of",
    r"leavings": "stale state",
    r"foretells?|foretold|foretelling": "predict",
    r"barriers?": "forward block",
}
REFUSED = [(re.compile(rf"\b(?:{words})(?!\w)", re.IGNORECASE), instead) for words, instead in WORDS.items()]

CODE = {".h", ".cpp"}
WHOLE = {".def", ".md", ".in", ".1"}
COMMENT = re.compile(r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'|//(?P<comment>[^\n]*)')
OF_SHELL = re.compile(r"(?:^|\s)#([^\n]*)")


def prose_of_code(text):
    for found in COMMENT.finditer(text):
        if found["comment"] is not None:
            yield text.count("\n", 0, found.start()) + 1, found["comment"]


def prose_of_python(text):
    """Comments and docstrings: a docstring is a string that is a statement of its own."""
    before = None
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
            continue
        if token.type == tokenize.STRING and before in (None, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT):
            yield from enumerate(token.string.split("\n"), token.start[0])
        if token.type not in (tokenize.NL, tokenize.ENCODING):
            before = token.type


def prose_of_shell(text):
    for number, line in enumerate(text.split("\n"), 1):
        for found in OF_SHELL.finditer(line):
            yield number, found[1]


def prose(name, text):
    """(number of the line, text) for each piece of prose in the file."""
    suffix = Path(name).suffix
    if suffix in CODE:
        return prose_of_code(text)
    if suffix in WHOLE:
        return enumerate(text.split("\n"), 1)
    if suffix == ".py":
        return prose_of_python(text)
    return prose_of_shell(text) if suffix == ".sh" else ()


def breaches(root):
    for file in sorted(root.rglob("*")):
        name = file.relative_to(root).as_posix()
        if re.match(r"build|\.", name) or "/." in name or not file.is_file():
            continue
        if file.suffix not in CODE | WHOLE | {".py", ".sh"}:
            continue
        for number, text in prose(name, file.read_text()):
            for word, instead in REFUSED:
                for found in word.finditer(text):
                    yield f"{name}:{number}: '{found[0]}' is no word of docs/style.md; {instead}"


def main():
    found = list(breaches(Path(sys.argv[1])))
    print("\n".join(found) if found else "prose is in plain words")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
