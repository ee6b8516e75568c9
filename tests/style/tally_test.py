"""packaging/lib/tally.py: what it counts as passed, failed and skipped."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "packaging/lib"))

import tally  # noqa: E402

PASSED = '<testcase name="passes"/>'
FAILED = '<testcase name="fails"><failure message="no"/></testcase>'
BROKEN = '<testcase name="breaks"><error message="no"/></testcase>'
NOT_ROOT = '<testcase name="needs"><skipped message="needs root"/></testcase>'
OLD_KERNEL = '<testcase name="lacks"><skipped message="this kernel has no /dev/net/tun"/></testcase>'
CTEST_NOT_ROOT = ('<testcase name="needs"><skipped message="SKIP_REGULAR_EXPRESSION_MATCHED"/>'
                  '<system-out>a_test.cpp:9: Skipped\nneeds root\n\n[  SKIPPED ] A.needs</system-out></testcase>')
CTEST_OLD_KERNEL = CTEST_NOT_ROOT.replace("needs root", "this kernel has no nf_tables")
SKIPPED_AND_FAILED = '<testcase name="both"><skipped message="this kernel has no x"/><error message="no"/></testcase>'


def counts(tmp_path, capsys, cases, **how):
    report = tmp_path / "report.xml"
    report.write_text(f"<testsuite>{cases}</testsuite>")
    tally.main([str(report)], how.get("all_must_run", False))
    said = capsys.readouterr()
    return said.out.strip(), said.err


@pytest.mark.parametrize("cases, expected", [
    (PASSED + PASSED, "2 0 0"),
    (PASSED + FAILED + BROKEN, "1 2 0"),
    (NOT_ROOT + OLD_KERNEL + CTEST_NOT_ROOT, "0 0 3"),
    (SKIPPED_AND_FAILED, "0 1 0"),
])
def test_each_test_counts_once(tmp_path, capsys, cases, expected):
    assert counts(tmp_path, capsys, cases)[0] == expected


@pytest.mark.parametrize("cases, expected", [
    (PASSED + NOT_ROOT, "1 1 0"),
    (PASSED + CTEST_NOT_ROOT, "1 1 0"),
    (OLD_KERNEL + CTEST_OLD_KERNEL, "0 0 2"),
    (SKIPPED_AND_FAILED, "0 1 0"),
])
def test_where_all_must_run_only_the_kernel_excuses_a_skip(tmp_path, capsys, cases, expected):
    assert counts(tmp_path, capsys, cases, all_must_run=True)[0] == expected


@pytest.mark.parametrize("case", [NOT_ROOT, CTEST_NOT_ROOT])
@pytest.mark.parametrize("all_must_run", [False, True])
def test_the_reason_of_a_skip_is_said(tmp_path, capsys, case, all_must_run):
    said = counts(tmp_path, capsys, case, all_must_run=all_must_run)[1]
    assert said.startswith("  failed: needs: " if all_must_run else "  skipped: needs: ")
    assert said.endswith("needs root\n")


def test_no_report_is_a_failure(tmp_path, capsys):
    tally.main([str(tmp_path / "none.xml")], False)
    assert capsys.readouterr().out.strip() == "0 1 0"
