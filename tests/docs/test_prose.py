"""Docstrings, comments, messages and pages avoid the wording that `prose_patterns.txt` lists."""

from pathlib import Path

import pytest

from .prose import PATTERNS, Rules

ROOT = Path(__file__).parents[2]
FILES = (
    "causalgen/**/*.py",
    "README.md",
    "CONTRIBUTING.md",
    "docs/**/*.md",
    "datasets/*/README.md",
    "examples/**/*.md",
)
RULES = Rules(PATTERNS.read_text())


def test_no_refused_wording_is_left() -> None:
    paths = {path.relative_to(ROOT).as_posix(): path for files in FILES for path in sorted(ROOT.glob(files))}
    assert len(paths) > 400
    found = [line for name, path in paths.items() for line in RULES.findings(path.read_text(encoding="utf-8"), name)]
    assert not found, f"{len(found)} refused wordings:\n" + "\n".join(found)


PLANTED = '''
"""The user is told
which rows stand
twice."""
x = f"Mend {1} of them"  # whom it may concern
y = "`beside` in code is no prose"
z = ("written so that it is "
     "told by two strings")
"""The probability to be treated, of each unit the largest, is no number.
One row a node."""
y = "None without."  # the noise is drawn anew, and fits the data as well
'''


def test_planted_tics_are_caught_with_place_and_suggestion() -> None:
    found = RULES.findings(PLANTED, "a.py")
    assert sorted(line.partition(";")[0] for line in found) == [
        "a.py:10: 'One row a node'",
        "a.py:11: 'None without.'",
        "a.py:11: 'drawn anew'",
        "a.py:11: 'fits the data as well'",
        "a.py:2: 'is told'",
        "a.py:3: 'stand twice'",
        "a.py:5: 'Mend'",
        "a.py:5: 'whom'",
        "a.py:7: 'is told'",
        "a.py:9: 'is no number'",
        "a.py:9: 'of each unit the'",
        "a.py:9: 'probability to be'",
    ]
    assert all(line.partition("; write: ")[2] for line in found)


def test_a_tic_on_a_page_is_caught_outside_its_code() -> None:
    page = "A\ntable beside it.\n\n```python\nx = 'beside'\n```\nAnd `beside` in code.\nIn words.\n"
    assert [line.partition(";")[0] for line in RULES.findings(page, "a.md")] == [
        "a.md:2: 'beside'",
        "a.md:8: 'In words'",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "next to it",
        "2 concerns",
        "effective sample size 347",
        "with its own noise",
        "beside: x",
        "there is no image",
        "fits the data as well as the other model",
        "one row per node",
        "None without a table",
    ],
)
def test_plain_words_pass(text: str) -> None:
    assert not RULES.findings(text, "a.md")
