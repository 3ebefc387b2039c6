"""Which changes on the image come first: what the study expects, else the largest of every intervention; three at most."""

from dataclasses import replace

import pytest

from causalgen.metrics import ImageChange
from causalgen.reports import change_sentence, lead_changes
from causalgen.reports.image_changes import change_answer

NOTHING = ImageChange(
    query="do(age = 80)",
    name="head",
    factual=900,
    redrawn=900,
    counterfactual=903,
    change=3,
    low=-1,
    high=7,
    floor=0.5,
    floor_low=-1,
    floor_high=2,
    units=50,
    asked=60,
    groups=20,
    supported=0.9,
    spread=60,
)
AGE, SEX = "do(age = 80)", "do(sex = M)"
CHANGES = [
    NOTHING,
    replace(NOTHING, name="ventricle", change=40, spread=20),
    replace(NOTHING, name="noise", change=50, spread=1000),
    replace(NOTHING, query=SEX, change=-300),
    replace(NOTHING, query=SEX, name="ventricle", change=-5, spread=20),
]

ALL_OF_AGE = [(AGE, "head"), (AGE, "ventricle"), (AGE, "noise")]
ONE_A_QUERY = [replace(change, query=f"do(x = {place})") for place, change in enumerate(CHANGES)]


def expecting(*pairs: tuple[str, str]) -> list[ImageChange]:
    return [replace(change, expected=(change.query, change.name) in pairs) for change in CHANGES]


@pytest.mark.parametrize(
    ("changes", "leads"),
    [
        (CHANGES, [(AGE, "ventricle"), (SEX, "head")]),
        (expecting((SEX, "ventricle")), [(SEX, "ventricle"), (AGE, "ventricle")]),
        (expecting((AGE, "head"), (AGE, "noise")), [(AGE, "head"), (AGE, "noise"), (SEX, "head")]),
        (expecting(*ALL_OF_AGE, (SEX, "head")), ALL_OF_AGE),
        (ONE_A_QUERY, [(change.query, change.name) for change in ONE_A_QUERY[:3]]),
        ([replace(c, spread=0, change=0) for c in CHANGES[:1]], [(AGE, "head")]),
        ([], []),
    ],
    ids=["largest", "expected first", "all expected", "three at most", "one a query", "no spread", "none"],
)  # fmt: skip
def test_leading_changes(changes: list[ImageChange], leads: list[tuple[str, str]]) -> None:
    assert [(change.query, change.name) for change in lead_changes(changes)] == leads
    assert change_answer(changes).count("on the image by") == len(leads)


def test_the_words_hold_value_interval_and_floor() -> None:
    answer = change_answer([replace(NOTHING, change=3.25)])
    assert answer.replace("−", "-").startswith(
        "do(age = 80) changes head on the image by +3.2 [-1.0, 7.0] over 50 test images"
    )
    for text in (answer, change_sentence(NOTHING)):
        assert "+0.5 [-1.0, 2.0]" in text.replace("−", "-")
    assert "50 test images of 20 groups; the other 10" in change_sentence(NOTHING)
