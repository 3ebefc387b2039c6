"""Training on rows with missing attributes: against complete data, and what is refused."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from causalgen import load_table
from causalgen.errors import DataError, MissingValueError, NotObservableError
from causalgen.graph import CausalGraph, Variable
from causalgen.scm import StructuralCausalModel, importance
from causalgen.training import FitConfig, checkpoint, fit
from causalgen.training.holes import DRAWS, Rows
from tests.small_fit import CONFIG, GRAPH, data, model, same

pytestmark = [
    pytest.mark.filterwarnings("ignore::causalgen.errors.DataWarning"),
    pytest.mark.filterwarnings("ignore::causalgen.errors.SupportWarning"),
]
FEW = replace(CONFIG, attributes=replace(CONFIG.attributes, epochs=3, completions=2), threads=1)
CHAIN = CausalGraph("a -> b; {a, b} -> c", [Variable(name, "continuous") for name in "abc"])


def chain(rows: int, seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """c = 0.8 b - 0.5 a + noise, complete and with holes: b is missing where c tends to be large, a where it is small."""
    random = np.random.default_rng(seed)
    a = random.normal(size=rows)
    b = a + random.normal(size=rows)
    table = pd.DataFrame({"a": a, "b": b, "c": 0.8 * b - 0.5 * a + random.normal(size=rows)})
    holes = table.copy()
    large = 1 / (1 + np.exp(-2 * table["c"]))
    holes.loc[random.random(rows) < large, "b"] = np.nan
    holes.loc[random.random(rows) < 0.5 * (1 - large), "a"] = np.nan
    return table, holes


def with_holes() -> dict[str, dict[str, Any]]:
    """The small fit's data; y tells which x and labels are missing."""
    parts = data(240)
    for part in parts.values():
        y = part["y"]
        part["x"] = part["x"].masked_fill((y > 0.5) & (torch.arange(len(y)) % 3 > 0), torch.nan)
        part["g"] = part["g"].masked_fill((y < 0) & (torch.arange(len(y)) % 4 == 0), -1)
    return parts


def test_parameters_are_those_of_complete_data_where_complete_rows_are_biased() -> None:
    """c on a and b; sampling errors of complete data are 0.02, the bias of complete rows is 0.2."""
    table, holes = chain(4000)
    found = {}
    for name, rows, missing in (("all", table, "refuse"), ("model", holes, "model"), ("complete rows", holes, "drop")):
        scm = StructuralCausalModel(CHAIN, dict.fromkeys("abc", "linear-gaussian"))
        fit(scm, rows, FitConfig(seed=1), missing=missing)
        c = scm.mechanisms["c"]
        found[name] = torch.stack([c.intercept, *c.weight, c.scale])
    assert float((found["model"] - found["all"]).abs().max()) < 0.1
    assert float((found["complete rows"] - found["all"]).abs().max()) > 0.2


def test_complete_rows_train_as_before() -> None:
    plain, asked = model(), model()
    fit(plain, data(240), FEW)
    fit(asked, data(240), FEW, missing="model")
    assert same(plain, asked)


def test_a_fitted_image_informs_its_missing_parents() -> None:
    rows = Rows(data(240)["train"])
    true, lacking = rows.values["x"], with_holes()["train"]["x"].isnan()
    scm = model()
    fit(scm, data(240), replace(CONFIG, images=replace(CONFIG.images, epochs=15)))
    spread = {}
    for unfitted in (frozenset({"im"}), frozenset[str]()):
        rows.known = {"x": ~lacking}
        rows.drawn = {"x": torch.zeros(DRAWS, int(lacking.sum()))}
        rows.complete(scm, unfitted, seed=0)
        spread[len(unfitted)] = float((rows.filled()["x"] - true)[lacking].square().mean().sqrt())
        assert torch.equal(rows.filled()["x"][~lacking], true[~lacking])
    assert spread[0] < 0.8 * spread[1]


@pytest.mark.parametrize(("label", "epoch"), [("attributes", 2), pytest.param("im", 3, marks=pytest.mark.slow)])
def test_an_interrupted_fit_resumes_exactly(
    label: str, epoch: int, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importance, "DRAWS_WITH_LATENTS", 8)
    config = FEW if label == "im" else replace(FEW, images=replace(FEW.images, epochs=1))
    whole, resumed = model(), model()
    expected = fit(whole, with_holes(), config, missing="model")
    saved = checkpoint.Checkpoint.save
    monkeypatch.setattr(checkpoint, "INTERVAL", -1.0)

    def interrupt(self: Any, now: str, done: int, *arguments: Any, **options: Any) -> None:
        saved(self, now, done, *arguments, **options)
        if (now, done) == (label, epoch):
            raise KeyboardInterrupt

    monkeypatch.setattr(checkpoint.Checkpoint, "save", interrupt)
    with pytest.raises(KeyboardInterrupt):
        fit(model(), with_holes(), config, missing="model", out=tmp_path)
    monkeypatch.setattr(checkpoint.Checkpoint, "save", saved)
    found = fit(resumed, with_holes(), config, missing="model", out=tmp_path)
    assert same(whole, resumed)
    assert found.history.equals(expected.history)


def test_linear_and_trained_mechanisms_resume_together(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def mixed() -> StructuralCausalModel:
        torch.manual_seed(0)
        return StructuralCausalModel(CHAIN, {"a": "empirical", "b": "linear-gaussian"})

    _, holes = chain(300)
    whole, resumed = mixed(), mixed()
    fit(whole, holes, FEW, missing="model")
    saved = checkpoint.Checkpoint.save
    monkeypatch.setattr(checkpoint, "INTERVAL", -1.0)

    def interrupt(self: Any, now: str, done: int, *arguments: Any, **options: Any) -> None:
        saved(self, now, done, *arguments, **options)
        if done == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(checkpoint.Checkpoint, "save", interrupt)
    with pytest.raises(KeyboardInterrupt):
        fit(mixed(), holes, FEW, missing="model", out=tmp_path)
    monkeypatch.setattr(checkpoint.Checkpoint, "save", saved)
    fit(resumed, holes, FEW, missing="model", out=tmp_path)
    assert same(whole, resumed)


def lacking(name: str, value: Any) -> dict[str, dict[str, Any]]:
    parts = data(200)
    parts["train"][name] = torch.full_like(parts["train"][name], value)
    return parts


def mute() -> StructuralCausalModel:
    return StructuralCausalModel(GRAPH, {"im": {"mechanism": "gan"}})


def images(value: float) -> dict[str, dict[str, Tensor]]:
    parts = data(200)
    for part in parts.values():
        part["im"] = part["im"].float()
    parts["train"]["im"][3] = value
    return parts


_, HOLES = chain(60)
BAD: list[tuple[Any, Any, str, type[Exception], str]] = [
    (model, lacking("x", torch.nan), "model", DataError, "values of 'x' in the train split; got none"),
    (model, lacking("g", -1), "model", DataError, "values of 'g' in the train split; got none"),
    (model, with_holes(), "refuse", MissingValueError, "got NaN in unit"),
    (model, with_holes(), "drop", DataError, "'refuse' or 'model'"),
    (model, images(torch.nan), "model", MissingValueError, "numbers for 'im'"),
    (mute, with_holes(), "model", NotObservableError, "conv-vae"),
    (lambda: StructuralCausalModel(CHAIN), HOLES, "impute", DataError, "one of refuse, drop, model"),
    (
        lambda: StructuralCausalModel(CHAIN),
        load_table(HOLES, CHAIN, missing="drop"),
        "model",
        DataError,
        r"load_table\(table, graph, missing='model'\)",
    ),
]


@pytest.mark.parametrize(("build", "rows", "missing", "error", "message"), BAD)
def test_holes_that_cannot_be_inferred_are_refused(
    build: Any, rows: Any, missing: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        fit(build(), rows, CONFIG, missing=missing)


def test_holes_in_leaves_need_no_likelihood() -> None:
    graph = CausalGraph("x -> {y, im}", [GRAPH[name] for name in ("x", "y", "im")])
    parts = data(200)
    for part in parts.values():
        del part["g"]
        part["y"][::3] = torch.nan
    scm = StructuralCausalModel(graph, {"im": {"mechanism": "gan", "width": 8}})
    fit(scm, parts, CONFIG, missing="model")
    assert scm.mechanisms["y"].fitted
