"""compliance.py held against small trees made for the purpose."""

import textwrap

import pytest

import compliance

ROWS = """
== UDP
U1 | M | RFC 4787 REQ-1 | unit nfqueue tun | maps by the internal endpoint alone
U4 | S | RFC 4787 REQ-4 | unit             | keeps the parity of a port
U5b | O | RFC 4787      | unit             | lets timers be configured
== Checksums
CK9 | M | other stacks  | -                | completes partial sums | natd has no such datapath
"""
UNIT = """
// Rows: U1
TEST(Engine, MapsByEndpoint) {
}

// Rows: U4
TEST_F(Engine, Parity) {
"""
LAB = '''
import pytest

@pytest.fixture
def home(datapath):
    pass

@pytest.mark.rows("U1")
def test_one_endpoint(home):
    pass
'''


@pytest.fixture
def tree(tmp_path):
    """Everything is proven; the page is not written yet."""
    for name, text in {"tests/compliance/rows.txt": ROWS, "tests/unit/engine_test.cpp": UNIT,
                       "tests/lab/test_modes.py": LAB, "tests/lab/conftest.py": "", "docs/x": "",
                       "tests/golden/fixtures/plain.golden": "# Rows: U4\n"}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def put(tree, name, text):
    (tree / name).write_text(textwrap.dedent(text))


def write(tree):
    assert compliance.main(["write", "--root", str(tree)]) == 0
    return (tree / "docs/compliance.md").read_text()


def case(name, classname=None, inside=""):
    return f'<testcase name="{name}" classname="{classname or name}">{inside}</testcase>'


ALL = [case("Engine.MapsByEndpoint"), case("Engine.Parity"), case("golden.plain"),
       case("test_one_endpoint[nfqueue]", "test_modes"), case("test_one_endpoint[tun]", "test_modes")]


def problems(tree, cases=None):
    if cases is None:
        return compliance.check(tree, [])
    put(tree, "report.xml", f"<testsuite>{''.join(cases)}</testsuite>")
    return compliance.check(tree, [tree / "report.xml"])


def test_a_page_that_was_just_written_stands(tree):
    text = write(tree)
    assert problems(tree) == []
    assert problems(tree, ALL) == []
    assert "| U1 | M | RFC 4787 REQ-1 | maps by the internal endpoint alone " \
           "| Engine.MapsByEndpoint<br>test_modes.test_one_endpoint | unit, nfqueue, tun | holds |" in text
    assert "does not apply: natd has no such datapath" in text


def test_a_page_of_yesterday_does_not(tree):
    write(tree)
    put(tree, "tests/compliance/rows.txt", ROWS.replace("the parity", "the evenness"))
    assert "(rows U4)" in problems(tree)[0]


def test_a_missing_page_is_told(tree):
    assert "docs/compliance.md" in problems(tree)[0]


@pytest.mark.parametrize("broken", ["Engine.MapsByEndpoint", "test_one_endpoint[tun]"])
def test_a_failed_test_fails_its_row_whatever_else_passes(tree, broken):
    write(tree)
    cases = [one.replace("></testcase>", "><failure/></testcase>") if f'name="{broken}"' in one else one for one in ALL]
    assert "U1: fails" in problems(tree, cases)


def test_a_must_is_proven_on_every_datapath_it_names(tree):
    write(tree)
    assert "U1: not proven on tun" in problems(tree, [one for one in ALL if "[tun]" not in one])
    skipped = [one.replace("></testcase>", "><skipped/></testcase>") if "[tun]" in one else one for one in ALL]
    assert "U1: not proven on tun" in problems(tree, skipped)


def test_a_must_without_a_marker_is_told_without_a_run(tree):
    put(tree, "tests/lab/test_modes.py", LAB.replace('("U1")', '("U4")'))
    write(tree)
    assert problems(tree) == ["U1: not proven on nfqueue, tun"]


def test_a_must_does_not_go_by_a_reason(tree):
    put(tree, "tests/compliance/rows.txt", ROWS.replace("internal endpoint alone", "internal endpoint alone | later"))
    put(tree, "tests/lab/test_modes.py", "")
    write(tree)
    assert problems(tree) == ["U1: not proven on nfqueue, tun"]


def test_a_should_has_a_test_or_a_reason(tree):
    put(tree, "tests/golden/fixtures/plain.golden", "")
    put(tree, "tests/unit/engine_test.cpp", UNIT.replace("// Rows: U4", ""))
    write(tree)
    assert problems(tree) == ["U4: not proven on unit"]
    put(tree, "tests/compliance/rows.txt", ROWS.replace("of a port", "of a port | nobody needs it"))
    assert "left out: nobody needs it" in write(tree)
    assert problems(tree) == []


def test_an_option_may_go_without(tree):
    assert "| lets timers be configured |  |  | not tested |" in write(tree)


def test_a_marker_names_a_row_of_the_list(tree):
    put(tree, "tests/unit/engine_test.cpp", UNIT.replace("// Rows: U4", "// Rows: U4 U99"))
    write(tree)
    assert "Engine.Parity says that it proves U99, which is no row of tests/compliance/rows.txt" in problems(tree)


def test_a_marker_stands_directly_above_its_test(tree):
    put(tree, "tests/unit/engine_test.cpp", UNIT.replace("// Rows: U4\n", "// Rows: U4\n\n"))
    assert any("engine_test.cpp:6: the line after the rows is no TEST" in line for line in problems(tree))


def test_a_marker_that_was_wrapped_into_a_sentence_is_told(tree):
    put(tree, "tests/unit/engine_test.cpp", UNIT.replace("// Rows: U4", "// The parity. Rows: U4"))
    assert any("engine_test.cpp:6: rows stand at the beginning of a line" in line for line in problems(tree))


def test_a_marked_test_that_no_report_knows_is_told(tree):
    """It was renamed, or is not built any more."""
    write(tree)
    assert "Engine.Parity is marked, but no report tells of it" in problems(tree, [*ALL[:1], *ALL[2:]])


def test_markers_may_take_several_lines_and_tests_parameters(tree):
    put(tree, "tests/unit/engine_test.cpp", UNIT.replace("// Rows: U4", "// Rows: U4\n// Rows: U5b"))
    assert "| lets timers be configured | Engine.Parity | unit | holds |" in write(tree)
    for name in ("Every/Engine.Parity/0", "Every/Engine.Parity/Odd  # GetParam() = true"):
        assert problems(tree, [*ALL[:1], case(name), *ALL[2:]]) == []


def test_a_lab_test_without_datapaths_says_where_it_runs(tree):
    put(tree, "tests/lab/test_modes.py", LAB.replace("(home)", "()"))
    assert any("test_one_endpoint must say on which" in line for line in problems(tree))
    put(tree, "tests/lab/test_modes.py", LAB.replace("(home)", "()").replace('("U1")', '("U1", on="nfqueue tun")'))
    write(tree)
    assert problems(tree, [*ALL[:3], case("test_one_endpoint", "tests.lab.test_modes")]) == []


def test_classes_of_tests_are_found(tree):
    put(tree, "tests/lab/test_modes.py", """
        import pytest
        class TestAll:
            @pytest.mark.rows("U1")
            def test_one(self, datapath):
                pass
        """)
    assert "test_modes.TestAll.test_one" in write(tree)
    cases = [case(f"test_one[{datapath}-10]", "test_modes.TestAll") for datapath in ("nfqueue", "tun")]
    assert problems(tree, [*ALL[:3], *cases]) == []


@pytest.mark.parametrize("line, told", [
    ("U1 | M | RFC | unit | twice", "U1 is there already"),
    ("U2 | MUST | RFC | unit | x", "has the level 'MUST'"),
    ("U2 | M | RFC | lan | x", "names a place"),
    ("U2 | M | RFC | - | x", "does not say why"),
    ("U2 | M | RFC", "five fields"),
])
def test_a_wrong_list_is_told(line, told):
    _, found = compliance.read_rows(ROWS + line)
    assert len(found) == 1 and told in found[0]


def test_a_report_that_cannot_be_read_is_a_failure(tree, capsys):
    write(tree)
    assert compliance.main(["check", "--root", str(tree), str(tree / "nothing.xml")]) == 1
    assert "cannot be read" in capsys.readouterr().out
