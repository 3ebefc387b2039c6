"""The headline of an audit agrees with every section below it, whatever the generator does."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from causalgen.audit import AuditReport, as_classifier, audit
from causalgen.audit.rows import ALL, BEYOND, CANNOT_TELL, SUPPORTED, WITHIN
from causalgen.audit.subgroups import EVERYONE

from .halves import (
    BIAS,
    BLUE,
    Blurred,
    Entangled,
    Halves,
    Idle,
    Known,
    Rounding,
    Uncertain,
    brightness,
    model,
    place,
    readers,
    units,
)

TO_BLUE, TO_TWO = {"ink": "blue"}, {"tone": 2.0}


class Speckled(Halves):
    """Reconstruction moves every image by a lot, up and down in turns, so that the mean score stays."""

    def forward(self, noise: Mapping[str, Tensor], parents: Mapping[str, Tensor], *, changed=frozenset()) -> Tensor:
        turns = 1.0 - 2.0 * (torch.arange(len(noise["pattern"])) % 2)
        return super().forward(noise, parents) + 3 * BIAS * turns[:, None, None, None]


class Half(Halves):
    """Makes a quarter of the change that was asked."""

    def forward(self, noise: Mapping[str, Tensor], parents: Mapping[str, Tensor], *, changed=frozenset()) -> Tensor:
        values = dict(parents)
        if "ink" in changed:
            values["ink"] = torch.where(parents["ink"] == 1, noise["was"] + 0.25 * (1 - noise["was"]), parents["ink"])
        return super().forward(noise, values)

    def abduct(self, value: Tensor, parents: Mapping[str, Tensor], *, draw: bool = True) -> dict[str, Tensor]:
        return super().abduct(value, parents) | {"was": parents["ink"].float()}


def score(images: Tensor) -> Tensor:
    return brightness(images)


def constant(images: Tensor) -> Tensor:
    return torch.full((len(images),), 0.7)


def bottom_only(images: Tensor) -> Tensor:
    return images[:, 0, 2:].mean((1, 2))


def no_ink() -> dict:
    return {name: reader for name, reader in readers().items() if name != "ink"}


def coin() -> dict:
    """The reader of the ink guesses."""
    return readers() | {"ink": Known("ink", lambda images, values: torch.arange(len(images)) // 2 % 2)}


def majority() -> dict:
    """The reader of the ink says red of every image."""
    return readers() | {"ink": Known("ink", lambda images, values: torch.zeros(len(images)).long())}


def half_blind() -> dict:
    def size(images: Tensor, values: Mapping[str, Tensor]) -> Tensor:
        return torch.where(torch.arange(len(images)) % 4 == 0, torch.nan, bottom_only(images) / 3)

    return readers() | {"size": Known("size", size)}


@dataclass(frozen=True)
class Case:
    """One audit with the verdict and the words that are right for it."""

    verdict: str
    words: str = ""
    generator: type[Halves] = Halves
    do: Mapping[str, Any] = field(default_factory=lambda: TO_BLUE)
    effect: str = "total"
    margin: float = 1.0
    rows: int = 200
    score: Callable[[Tensor], Tensor] = score
    read: Callable[[], dict] = readers
    subgroups: tuple[str, ...] = ()
    groups: int = 1


MEAN = BLUE / 2
"""Mean change under do(ink = blue): half of the units are blue already."""
CASES = {
    "a good generator, a change beyond": Case(BEYOND),
    "a good generator, no change": Case(WITHIN, score=bottom_only),
    "a good generator, a margin above the change": Case(WITHIN, margin=BLUE + 0.5),
    "a good generator, mediators held": Case(WITHIN, do={"tone": 0.0}, effect="direct", score=bottom_only),
    "images that ignore the attribute": Case(CANNOT_TELL, "of the requested change in ink they show 0%", Idle),
    "images that ignore a shift": Case(CANNOT_TELL, "of the requested change in tone they show", Idle, TO_TWO),
    "images that show a quarter of it": Case(CANNOT_TELL, "the images do not show the intervention", Half),
    "reconstruction beyond the margin": Case(
        CANNOT_TELL, "rebuilding the images alone changes the score by +0.5", Blurred, margin=0.9 * BIAS, score=bottom_only
    ),
    "reconstruction beyond the margin and the change": Case(
        CANNOT_TELL, "scores generated images differently from real ones", Blurred, margin=0.9
    ),
    "reconstruction that scatters": Case(CANNOT_TELL, "changes its score by 1.5 on average", Speckled, score=bottom_only),
    "a change far beyond what reconstruction does": Case(
        BEYOND, "but rebuilding the images alone changes the score", Blurred, TO_TWO, margin=0.9
    ),
    "kept attributes that move": Case(
        CANNOT_TELL, "the size should stay, but the images change it", Entangled, TO_TWO, "direct", score=bottom_only
    ),
    "kept attributes that move, beyond": Case(
        CANNOT_TELL, "so the change of the score may be due to it", Entangled, TO_TWO, "direct"
    ),
    "few rows": Case(CANNOT_TELL, "only 12 groups of units", rows=12, score=bottom_only),
    "few groups": Case(CANNOT_TELL, "only 10 groups of units", groups=20, score=bottom_only),
    "one row": Case(CANNOT_TELL, "only 1 group of units", rows=1, score=bottom_only),
    "few rows, and nothing reads the attribute": Case(CANNOT_TELL, "nothing reads ink", rows=12, read=no_ink),
    "an interval across the margin": Case(CANNOT_TELL, "reaches across the margin", margin=MEAN),
    "far from training": Case(CANNOT_TELL, "only 0% of the units have attributes that training saw", do={"tone": 19.0}),
    "half far from training, a change beyond": Case(
        BEYOND, "but only 43% of the units have attributes that training saw together", do=TO_TWO, effect="direct"
    ),
    "half far from training, no change": Case(
        CANNOT_TELL, "only 43% of the units", do=TO_TWO, effect="direct", score=bottom_only
    ),
    "a classifier that says the same of all": Case(CANNOT_TELL, "nearly the same score, 0.7", score=constant),
    "nothing reads the attribute": Case(CANNOT_TELL, "nothing reads ink from the images", score=bottom_only, read=no_ink),
    "nothing reads anything": Case(CANNOT_TELL, "nothing reads ink", score=bottom_only, read=dict),
    "nothing reads the attribute, a change beyond": Case(BEYOND, "but nothing reads ink from the images", read=no_ink),
    "a reader that guesses": Case(CANNOT_TELL, "the ink predicted on real images has too large", score=bottom_only, read=coin),
    "a reader that says the same of all": Case(
        CANNOT_TELL, "the ink predicted on real images has too large", score=bottom_only, read=majority
    ),
    "a reader that says the same of all, a change beyond": Case(BEYOND, "but the ink predicted on real", read=majority),
    "images that cannot be read": Case(
        CANNOT_TELL, "the size can be predicted on only 75% of the images", score=bottom_only, read=half_blind
    ),
    "a reader of what no image shows": Case(WITHIN, do={"tone": 0.0}, effect="direct", score=bottom_only, read=place),
    "nothing asked": Case(CANNOT_TELL, "so nothing changes", do={"ink": lambda value, parents: value}),
    "changes that cancel": Case(
        CANNOT_TELL, "changes of opposite signs cancel", do={"tone": 0.0}, margin=12.0, groups=1
    ),
    "a subgroup beyond the margin": Case(
        CANNOT_TELL, "beyond the margin, among ink = red", margin=BLUE - 1.0, subgroups=("ink",)
    ),
    "uncertain noise": Case(BEYOND, generator=Uncertain),
    "uncertain noise, no change": Case(WITHIN, generator=Uncertain, score=bottom_only),
}  # fmt: skip


def asked(case: Case) -> AuditReport:
    unit = as_classifier(case.score, outcome="score", unit="grey levels")
    groups = torch.arange(case.rows) // case.groups
    return audit(
        unit, model(case.generator), units(case.rows), interventions=[case.do], margin=case.margin, groups=groups,
        classifiers=case.read(), subgroups=case.subgroups,
    )  # fmt: skip


@pytest.fixture(scope="module", params=CASES)
def found(request: pytest.FixtureRequest) -> tuple[Case, AuditReport]:
    case = CASES[request.param]
    return case, asked(case)


def headline(case: Case, report: AuditReport):
    return next(row for row in report.headline if row.effect == case.effect)


def test_the_verdict_is_the_right_one_and_says_why(found: tuple[Case, AuditReport]) -> None:
    case, report = found
    row = headline(case, report)
    assert row.verdict == case.verdict, row.reasons
    assert case.words in report.sentence(row)
    assert bool(row.reasons) == bool(case.words)


def test_the_headline_agrees_with_every_section_below_it(found: tuple[Case, AuditReport]) -> None:
    _, report = found
    trust = {(entry.intervention, entry.effect): entry for entry in report.trust}
    for row in report.headline:
        entry = trust[row.intervention, row.effect]
        alike = [other for other in report if (other.intervention, other.effect) == (row.intervention, row.effect)]
        moved = [shown for shown in entry.shown if shown.moved]
        shows = all(shown.reached.value > 0.5 for shown in moved)
        keeps = not any(shown.drift > 0.1 for shown in entry.shown)
        if row.verdict == WITHIN:
            assert shows
            assert keeps
            assert all(shown.readable for shown in moved)
            assert not entry.unread
            assert entry.moved
            assert entry.supported >= 0.5
            assert row.groups >= 20
            assert -report.margin <= row.adjusted_low <= row.adjusted_high <= report.margin
            assert max(abs(row.null_change.value), row.null_gap, row.gap.value) <= report.margin
            assert not any(other.verdict == BEYOND for other in alike)
            assert not row.reasons
        if row.verdict == BEYOND:
            assert keeps
            assert entry.moved
            inside = report.row(row.intervention, row.effect, stratum=SUPPORTED)
            assert entry.supported >= 0.5 or inside.verdict == BEYOND
            assert row.groups >= 20
            assert all(shown.reached.value > 0.5 for shown in moved if shown.readable)
            assert row.adjusted_low > report.margin or row.adjusted_high < -report.margin
            assert not any(other.verdict == WITHIN for other in alike if other.subgroup == EVERYONE)
        if row.verdict == CANNOT_TELL:
            assert row.reasons


def test_every_form_says_the_same(found: tuple[Case, AuditReport], tmp_path: Path) -> None:
    case, report = found
    row = headline(case, report)
    plain = json.loads(report.write(tmp_path)[0].read_text())
    told = next(entry for entry in plain["headline"] if entry["effect"] == case.effect)
    assert told == {
        "intervention": row.intervention, "effect": row.effect, "verdict": row.verdict,
        "reasons": list(row.reasons), "sentence": report.sentence(row),
    }  # fmt: skip
    assert report.sentence(row) in str(report)
    assert plain["verdict"] == report.verdict
    frame = report.to_frame()
    place = (frame["effect"] == case.effect) & (frame["subgroup"] == EVERYONE) & (frame["stratum"] == ALL)
    assert frame[place]["verdict"].tolist() == [row.verdict]
    assert frame[place]["reasons"].tolist() == ["; ".join(row.reasons)]


def test_the_verdict_of_a_report_is_that_of_its_interventions() -> None:
    images = {"interventions": [TO_BLUE, TO_TWO], "classifiers": readers(), "margin": 1.0}
    both = audit(as_classifier(score, unit="grey levels"), model(), units(200), **images)
    assert both.verdict == BEYOND
    idle = audit(as_classifier(score, unit="grey levels"), model(Idle), units(200), **images)
    assert idle.verdict == CANNOT_TELL
    still = audit(
        as_classifier(bottom_only, unit="grey levels"), model(), units(200), **images | {"interventions": [TO_BLUE]}
    )
    assert still.verdict == WITHIN


def test_what_the_images_show_is_a_share_of_what_was_asked() -> None:
    shares = {}
    for generator in (Halves, Half, Idle):
        report = asked(Case("", generator=generator, do=TO_TWO if generator is Half else TO_BLUE))
        shares[generator] = {shown.attribute: shown for shown in report.trust[0].shown}
    good, idle = shares[Halves]["ink"], shares[Idle]["ink"]
    assert good.reached.value == pytest.approx(1.0, abs=0.02)
    assert idle.reached.value == pytest.approx(0.0, abs=0.02)
    assert good.moved == idle.moved == 0.5
    assert np.isnan(shares[Halves]["size"].reached.value)
    assert shares[Halves]["size"].moved == 0


def test_rounding_of_a_mechanism_is_no_change() -> None:
    """The size is held at its own value, from which the null world differs by rounding."""
    options = {"interventions": [{"tone": 0.0}], "classifiers": readers(), "margin": 1.0}
    report = audit(as_classifier(bottom_only, unit="grey levels"), model(size=Rounding), units(200), **options)
    size = {entry.effect: next(shown for shown in entry.shown if shown.attribute == "size") for entry in report.trust}
    assert size["total"].moved == 1
    assert size["direct"].moved == 0
    assert report.row("do(tone = 0 lx)", "direct").verdict == WITHIN


def test_the_strata_are_judged_like_everyone() -> None:
    report = asked(Case("", generator=Idle))
    assert {row.verdict for row in report} == {CANNOT_TELL}
    far = asked(Case("", do=TO_TWO))
    assert far.row("do(tone = 2 lx)", stratum=SUPPORTED).verdict == BEYOND
