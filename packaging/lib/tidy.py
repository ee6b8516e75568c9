"""Runs clang-tidy over our sources within a bound of time and prints `PASSED FAILED SKIPPED` in files.

    tidy.py BUILD_DIR SECONDS [FILE...]

Without files it takes every one in the build's compile_commands.json that is installed on somebody's machine, so
not the tests; those changed last first, so that a short bound still covers the work at hand. Files not reached in time are skipped, and said so.
"""

import concurrent.futures
import json
import os
import subprocess
import sys
import time
from pathlib import Path

WORKERS = 2


def sources(build):
    """Our own translation units: not generated, not the system's, not the tests."""
    root = Path.cwd().resolve()
    entries = json.loads((build / "compile_commands.json").read_text())
    files = {Path(os.path.normpath(os.path.join(entry["directory"], entry["file"]))) for entry in entries}
    rooms = [root / room for room in ("translation", "filtering", "config", "natd")]
    ours = [file for file in files if any(file.is_relative_to(room) for room in rooms)]
    return sorted(ours, key=lambda file: -file.stat().st_mtime)


def check(build, file, deadline):
    """(verdict, output) for one file; verdict is passed, failed or skipped."""
    left = deadline - time.monotonic()
    if left <= 1:
        return "skipped", ""
    try:
        run = subprocess.run(["clang-tidy", "--quiet", "-p", str(build), str(file)], capture_output=True,
                             text=True, timeout=left, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        return "skipped", ""
    return ("passed", "") if run.returncode == 0 else ("failed", run.stdout + run.stderr)


def main(build, seconds, files):
    build = Path(build)
    deadline = time.monotonic() + float(seconds)
    files = [Path(file) for file in files] or sources(build)
    count = {"passed": 0, "failed": 0, "skipped": 0}
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        for file, (verdict, output) in zip(files, pool.map(lambda file: check(build, file, deadline), files)):
            count[verdict] += 1
            if verdict == "failed":
                print(f"  failed: clang-tidy {os.path.relpath(file)}\n{output}", file=sys.stderr)
    if count["skipped"]:
        print(f"  skipped: clang-tidy on {count['skipped']} files: the {seconds} s for it had passed",
              file=sys.stderr)
    print(count["passed"], count["failed"], count["skipped"])


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
