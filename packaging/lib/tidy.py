"""Runs clang-tidy over our sources and prints `PASSED FAILED SKIPPED` in files.

    tidy.py BUILD_DIR changed    what differs from the last tag; everything where there is no tag, or no git
    tidy.py BUILD_DIR all        everything
    tidy.py BUILD_DIR FILE...    these sources

Everything means all that is installed: the daemon, natctl, natcheck and natpunch, without their tests. A header is
looked at through a source that includes it. No file is left out for want of time; instead a file that passed is
kept in BUILD_DIR/tidy by what its verdict depends on: it, the headers of ours that it includes, its command,
.clang-tidy, and the version of clang-tidy.
"""

import concurrent.futures
import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

WORKERS = os.cpu_count() or 2
FOLDERS = ("translation", "filtering", "config", "natd", "tests/natcheck", "tests/traversal")
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)
ROOT = Path.cwd().resolve()


def is_ours(name):
    return any(name.startswith(folder + "/") for folder in FOLDERS) and not name.endswith("_test.cpp")


def sources(build):
    """{source, relative to the root: its command}, of our own translation units."""
    found = {}
    for entry in json.loads((build / "compile_commands.json").read_text()):
        path = Path(os.path.normpath(os.path.join(entry["directory"], entry["file"])))
        if path.is_relative_to(ROOT) and is_ours(path.relative_to(ROOT).as_posix()):
            found[path.relative_to(ROOT).as_posix()] = entry["command"]
    return found


class Includes:
    """What each file of ours includes, directly or not, by its text."""

    def __init__(self):
        self._direct = {}

    def _read(self, name):
        if name not in self._direct:
            text = (ROOT / name).read_text(errors="replace")
            found = set()
            for included in INCLUDE.findall(text):
                beside = os.path.normpath(os.path.join(os.path.dirname(name), included))
                found |= {path for path in (included, beside) if (ROOT / path).is_file()}
            self._direct[name] = found
        return self._direct[name]

    def of(self, source):
        """Every file of ours that `source` is compiled from, itself among them."""
        seen, left = set(), [source]
        while left:
            name = left.pop()
            if name not in seen:
                seen.add(name)
                left.extend(self._read(name))
        return seen


def git(*arguments):
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    return done.stdout if done.returncode == 0 else None


def changed():
    """(names of the files that differ from the last tag, the tag); (None, why) where that is not known."""
    tag = git("describe", "--tags", "--abbrev=0")
    if tag is None:
        return None, "there is no tag to compare with"
    names = git("diff", "--name-only", tag.strip())
    new = git("ls-files", "--others", "--exclude-standard")
    if names is None or new is None:
        return None, f"git cannot compare with {tag.strip()}"
    return set(names.split("\n") + new.split("\n")) - {""}, tag.strip()


def covering(names, known, includes):
    """The sources of `known` that show clang-tidy each of `names`: those themselves, and one for each header."""
    chosen = {name for name in names if name in known}
    seen = set().union(*(includes.of(source) for source in chosen))
    for header in sorted(name for name in names if is_ours(name) and name.endswith((".h", ".def"))):
        if header in seen:
            continue
        users = [source for source in sorted(known) if header in includes.of(source)]
        users.sort(key=lambda source: source.rsplit(".", 1)[0] != header.rsplit(".", 1)[0])
        if users:
            chosen.add(users[0])
            seen |= includes.of(users[0])
    return chosen


def fingerprint(source, command, includes, version):
    digest = hashlib.sha256(f"{version}\0{command}\0".encode() + (ROOT / ".clang-tidy").read_bytes())
    for name in sorted(includes.of(source)):
        digest.update(name.encode() + b"\0" + (ROOT / name).read_bytes())
    return digest.hexdigest()


def check(build, source, mark):
    """What clang-tidy complains of in one source; empty when it passes, and then `mark` is made."""
    if mark.exists():
        return ""
    done = subprocess.run(["clang-tidy", "--quiet", "-p", str(build), source], capture_output=True, text=True,
                          stdin=subprocess.DEVNULL)
    if done.returncode == 0:
        mark.touch()
        return ""
    return done.stdout + done.stderr


def choose(which, known, includes):
    if which == ["all"]:
        return sorted(known)
    if which != ["changed"]:
        return which
    names, since = changed()
    if names is None:
        print(f"  clang-tidy looks at everything: {since}", file=sys.stderr)
        return sorted(known)
    if ".clang-tidy" in names:
        print(f"  clang-tidy looks at everything: its checks have changed since {since}", file=sys.stderr)
        return sorted(known)
    print(f"  clang-tidy looks at what has changed since {since}", file=sys.stderr)
    return sorted(covering(names, known, includes))


def main(build, which):
    build = Path(build)
    known, includes = sources(build), Includes()
    marks = build / "tidy"
    marks.mkdir(exist_ok=True)
    version = subprocess.run(["clang-tidy", "--version"], capture_output=True, text=True, check=True).stdout
    chosen = choose(which, known, includes)
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        work = [(source, pool.submit(check, build, source,
                                     marks / fingerprint(source, known.get(source, ""), includes, version)))
                for source in chosen]
        for source, result in work:
            if result.result():
                failed += 1
                print(f"  failed: clang-tidy {source}\n{result.result()}", file=sys.stderr)
    print(len(chosen) - failed, failed, 0)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:] or ["changed"])
