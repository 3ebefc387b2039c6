"""DoWhy's own estimators and EconML's through DoWhy: selectable by word, and next to ours the same numbers."""

import builtins
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from causalgen.effects import estimate_effect, settings
from causalgen.effects.diagnostics import examine
from causalgen.effects.diagnostics.refit import refit
from causalgen.effects.encode import encode_question
from causalgen.effects.estimators.methods import METHODS
from causalgen.effects.estimators.words import FOREIGN
from causalgen.effects.question import EffectQuestion
from causalgen.errors import DataError, UnknownNameError
from causalgen.graph import CausalGraph

GRAPH = CausalGraph("{age, site} -> {drug, pain}; drug -> pain")
OURS = {"binary": "doubly robust", "continuous": "linear adjustment"}
ROUGH = {"dowhy:propensity_score_matching", "dowhy:distance_matching", "dowhy:propensity_score_stratification"}
ADJUST = [word for word, method in FOREIGN.items() if method.identified == "backdoor"]


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Resamples too few for an interval to trust, enough to see that there is one."""
    monkeypatch.setattr(settings, "LEAST_RESAMPLES", 20)
    return {"resamples": 20, "level": 0.8}


def table(kind: str, rows: int = 600) -> pd.DataFrame:
    """Effect of the drug 1 a unit; a covariate with labels and one with a long name among the inputs."""
    random = np.random.default_rng(5)
    age, site = random.normal(size=rows), random.choice(["north", "south", "west"], rows)
    pull = 0.6 * age + 0.4 * (site == "west")
    drug = (random.random(rows) < 1 / (1 + np.exp(-pull))).astype(float) if kind == "binary" else pull
    drug = drug if kind == "binary" else drug + random.normal(size=rows)
    pain = drug + age + 0.5 * (site == "south") + random.normal(size=rows)
    return pd.DataFrame({"age": age, "site": site, "drug": drug, "pain": pain})


def ask(kind: str, methods: list[str], **more: Any):  # type: ignore[no-untyped-def]
    question = {"treatment": "drug", "outcome": "pain", "contrast": (0, 1) if kind == "binary" else (0, 2)}
    return estimate_effect(GRAPH, table(kind), **question, methods=methods, **({"refute": False} | more))


@pytest.mark.parametrize("kind", ["binary", "continuous"])
def test_next_to_ours_they_give_the_same_estimate(kind: str, few: dict[str, int]) -> None:
    words = [word for word in ADJUST if kind in METHODS[word].kinds and "analytic" in METHODS[word].intervals]
    words += ["dowhy:generalized_linear_model"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # nothing leaks to the user's console
        report = ask(kind, [OURS[kind], *words], **few)
    ours, change = report[OURS[kind]], 1 if kind == "binary" else 2
    assert report.estimate == ours
    for word in words:
        found = report[word]
        assert found.value == pytest.approx(ours.value, abs=(0.25 if word in ROUGH else 0.1) * change), word
        if found.low is not None and found.high is not None:
            width, own = found.high - found.low, ours.high - ours.low
            assert 0.5 * own < width < 2.5 * own, word
    linear = ask(kind, ["linear adjustment", "dowhy:linear_regression"])
    assert linear["linear adjustment"].value == pytest.approx(linear["dowhy:linear_regression"].value, abs=1e-9)


def test_where_they_state_no_interval_a_bootstrap_does(few: dict[str, int]) -> None:
    report = ask("binary", ["dowhy:propensity_score_weighting"], **few)
    found = report.estimate
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.value < found.high
    assert "bootstrap of 20 resamples" in found.note


@pytest.mark.parametrize("word", [word for word in ADJUST if "analytic" not in METHODS[word].intervals])
def test_without_an_interval_the_estimate_is_the_same_too(word: str) -> None:
    encoded = encode_question(EffectQuestion(GRAPH, table("binary"), "drug", "pain", (0, 1)), ["age", "site"])
    found = refit(encoded, [word, "doubly robust"])
    assert found[word].value == pytest.approx(found["doubly robust"].value, abs=0.25 if word in ROUGH else 0.15)
    assert found[word].low is None


def test_instrument_and_front_door(few: dict[str, int]) -> None:
    random = np.random.default_rng(0)
    hidden, i, noise = random.normal(size=(3, 800))
    t = i + hidden + noise
    rows = pd.DataFrame({"i": i, "t": t, "y": 2 * t + hidden + random.normal(size=800)})
    question: dict[str, Any] = {"treatment": "t", "outcome": "y", "contrast": (1, 3), "refute": False} | few
    words = ["instrumental variables", "dowhy:instrumental_variable"]
    report = estimate_effect(CausalGraph("i -> t -> y; t <-> y"), rows, **question, instrument="i", methods=words)
    assert report[words[0]].value == pytest.approx(report[words[1]].value, abs=1e-9)
    rows["m"] = 0.5 * t + random.normal(size=800)
    rows["y"] = 2 * rows.m + hidden + random.normal(size=800)
    words = ["dowhy:two_stage_regression"]
    report = estimate_effect(CausalGraph("t -> m -> y; t <-> y"), rows, **question, methods=words)
    assert report.estimate.value == pytest.approx(2.0, abs=0.25)  # 0.5 * 2 a unit, over two units


def test_they_are_refuted_examined_and_written_like_ours(tmp_path: Path) -> None:
    report = ask("binary", ["dowhy:linear_regression"], refute=True, simulations=10)
    assert {row.refuter for row in report.refutations} >= {"placebo treatment", "random common cause", "dummy outcome"}
    doubt = examine(GRAPH, table("binary"), report, simulations=2, negative_controls=[])
    assert doubt.confounder is not None
    assert "dowhy:linear_regression" in doubt.confounder.original
    assert report.estimate.source == "dowhy:linear_regression"
    assert "requested" in report.recommended
    assert set(report.save(tmp_path, doubt=doubt)) >= {"html", "latex"}


@pytest.mark.parametrize(
    ("changed", "error", "words"),
    [
        ({"methods": ["dowhy:linear_regresion"]}, UnknownNameError, "Did you mean 'dowhy:linear_regression'"),
        ({"methods": ["econml:dml.Linear"]}, UnknownNameError, "econml:dml.LinearDML"),
        (
            {"methods": ["dowhy:instrumental_variable"]},
            DataError,
            "identified by backdoor; got 'dowhy:instrumental_variable'",
        ),
        ({"methods": ["dowhy:doubly_robust"], "population": "treated"}, DataError, "averages over the treated"),
        ({"methods": ["dowhy:distance_matching"], "weights": "age"}, DataError, "positive sampling weights"),
    ],
)
def test_words_that_do_not_fit_end_in_one_message(changed: dict, error: type, words: str) -> None:
    with pytest.raises(error, match=words):
        ask("binary", **changed)
    with pytest.raises(DataError, match="the continuous treatment 'drug'"):
        ask("continuous", ["dowhy:propensity_score_weighting"])


def test_a_missing_econml_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [
        name for name in sys.modules if name.startswith("econml") or name.endswith(("econml_parts", "of_econml"))
    ]:
        monkeypatch.delitem(sys.modules, name)
    real = builtins.__import__

    def without(name: str, *rest: Any, **options: Any) -> Any:
        if name.partition(".")[0] == "econml":
            raise ImportError(name)
        return real(name, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r"causalgen\[econml\]"):
        ask("binary", ["econml:dml.LinearDML"])
