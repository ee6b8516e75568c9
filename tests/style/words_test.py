"""words.py: which words it refuses, and that it reads prose and nothing else."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

import words  # noqa: E402


def found_in(tmp_path, name, text):
    file = tmp_path / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return list(words.breaches(tmp_path))


@pytest.mark.parametrize("word", ["nobody", "Nobody's", "somebody", "strangers", "people", "house", "furnished",
                                  "Chronicle", "an account of", "leavings", "foretold", "barrier"])
def test_a_word_in_a_comment_is_refused_with_its_place(tmp_path, word):
    (breach,) = found_in(tmp_path, "natd/one.h", f"int one();\n\n// What {word} is.\nint two();\n")
    assert breach.startswith("natd/one.h:3: ")


@pytest.mark.parametrize("name, text", [
    ("one.cpp", 'int one();  // "quoted" and for nobody\n'),
    ("one.def", 'OPTION("key", "Who may use it; empty for nobody.")\n'),
    ("docs/one.md", "For nobody.\n"),
    ("one.8.in", ".It one\nFor nobody.\n"),
    ("one.1", "For nobody.\n"),
    ("one.py", '"""One.\n\nFor nobody.\n"""\n'),
    ("one.py", 'def one():\n    """For nobody."""\n'),
    ("one.py", "one = 1  # for nobody\n"),
    ("one.sh", "one  # for nobody\n"),
])
def test_every_kind_of_prose_is_read(tmp_path, name, text):
    assert len(found_in(tmp_path, name, text)) == 1


@pytest.mark.parametrize("name, text", [
    ("one.cpp", 'const char* text = "of nobody";\n'),
    ("one.cpp", 'const char* text = "http://nobody \\" // nobody";\n'),
    ("one.cpp", "bool stranger = drop(people);\n"),
    ("one.py", 'name = "nobody"\n'),
    ("one.py", 'call(one,\n     "nobody")\n'),
    ("one.py", "def test_it_disturbs_nobody(): pass\n"),
    ("docs/one.md", "Fragments.AFloodDisturbsNobody, warehouse, user accounts\n"),
    ("one.txt", "nobody\n"),
    ("build/one.md", "nobody\n"),
    (".git/one.md", "nobody\n"),
])
def test_code_strings_and_longer_words_are_left_alone(tmp_path, name, text):
    assert found_in(tmp_path, name, text) == []
