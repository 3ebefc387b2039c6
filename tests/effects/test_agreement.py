"""Agreement of data, fitted model and images: on a linear model, with a mis-specified mechanism, in words."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from causalgen.effects import Images, agreement
from causalgen.effects.agreement_result import Agreement, AgreementPair
from causalgen.effects.refitting import Refitting
from causalgen.errors import DataError
from causalgen.graph import CausalGraph, Variable
from causalgen.mechanisms import Abduction, Abductive
from causalgen.mechanisms.additive_noise import AdditiveNoise
from causalgen.scm import StructuralCausalModel, ancestral_model

ROWS = 1_500
QUESTION: dict[str, Any] = {"treatment": "t", "outcome": "y", "contrast": (0, 1)}
QUICK: dict[str, Any] = {"replicates": 10, "n": 2_000, "method": "linear adjustment"}


class Painted(Abductive):
    """An image with the outcome in every pixel; it needs no noise."""

    abduction = Abduction.BIJECTIVE

    def __init__(self, variable: Variable, parents: Any) -> None:
        super().__init__(variable, parents)
        self.register_buffer("zero", torch.zeros(()))

    def noise(self, batch_shape: tuple[int, ...] = ()) -> dict:
        return {}

    def forward(self, noise: Any, parents: Any, *, changed: frozenset[str] = frozenset()) -> torch.Tensor:
        return (128 + 10 * parents["y"])[:, None, None, None].expand(-1, 1, 2, 2)

    def abduct(self, value: torch.Tensor, parents: Any, *, draw: bool = True) -> dict:
        return {}


def brightness(images: np.ndarray) -> np.ndarray:
    """Reads the outcome with a bias: 3 + 8 y."""
    return 3 + 0.8 * (images.mean(axis=(1, 2, 3)) - 128)


def table(rows: int = ROWS, seed: int = 0, *, sigmoid: bool = False) -> pd.DataFrame:
    """z -> {t, y}; y = 2 t + 1.5 z + noise, or 4 sigmoid(3 t) in place of 2 t."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=rows)
    t = 0.8 * z + rng.normal(size=rows)
    response = 4 / (1 + np.exp(-3 * t)) if sigmoid else 2 * t
    return pd.DataFrame({"z": z, "t": t, "y": response + 1.5 * z + 0.5 * rng.normal(size=rows)})


def linear_model(data: pd.DataFrame) -> StructuralCausalModel:
    image = Variable("image", "image", shape=(1, 2, 2))
    graph = CausalGraph(
        "z -> {t, y}; t -> y; {y, t} -> image", [*(Variable(name, "continuous") for name in "zty"), image]
    )
    parents = {name: graph[name] for name in graph.parents("image")}
    mechanisms = dict.fromkeys("zty", "linear-gaussian") | {"image": Painted(image, parents)}
    scm = StructuralCausalModel(graph, mechanisms)
    scm.initialize(data[["z", "t", "y"]].to_dict("list") | {"image": torch.zeros(len(data), 1, 2, 2)})
    scm.declare_fitted()
    return scm


def images(scm: StructuralCausalModel, data: pd.DataFrame, units: int = 200) -> Images:
    factual = {name: torch.tensor(data[name].to_numpy()[:units]).float() for name in "zty"}
    factual["image"] = scm.mechanisms["image"]({}, factual)
    return Images("image", brightness, factual, rows=list(data.index[:units]))


@pytest.fixture(scope="module")
def linear() -> tuple[StructuralCausalModel, pd.DataFrame]:
    data = table()
    return linear_model(data), data


@pytest.fixture(scope="module")
def agreed(linear: tuple[StructuralCausalModel, pd.DataFrame]) -> Agreement:
    scm, data = linear
    return agreement(scm, data, **QUESTION, **QUICK, images=images(scm, data), seed=1)


def test_all_sources_agree_where_the_model_is_right(agreed: Agreement) -> None:
    assert agreed.verdict == "agree within the margin"
    assert [row.source for row in agreed.sources] == list(agreed.draws.columns)
    assert all(row.covers(2.0) for row in agreed.sources)
    assert len(agreed.pairs) == len(agreed.to_frame()) == 3
    assert set(agreed.to_frame()) == {"first", "second", "difference", "low", "high", "margin", "verdict"}


def test_sources_are_resampled_together(agreed: Agreement) -> None:
    """Least squares in the data and in the mechanism are one and the same number, so are their resamples."""
    assert agreed.draws.corr().iloc[0, 1] > 0.95
    apart = np.hypot(*agreed.draws.std().iloc[:2])
    assert agreed.draws.diff(axis=1).iloc[:, 1].std() < 0.3 * apart


def test_refits_spread_as_the_slope_does(linear: tuple[StructuralCausalModel, pd.DataFrame]) -> None:
    scm, data = linear
    result = agreement(scm, data, **QUESTION, **QUICK | {"replicates": 100, "n": 1_000})
    design = np.column_stack([np.ones(ROWS), data[["t", "z"]]])
    error = 0.5 * np.sqrt(np.linalg.inv(design.T @ design)[1, 1])
    assert result.draws["fitted model under do"].std() == pytest.approx(error, rel=0.2)
    assert result.monte_carlo_error == pytest.approx(0.071, rel=0.01)


def test_a_line_for_a_sigmoid_is_found_to_differ() -> None:
    data = table(sigmoid=True)
    result = agreement(linear_model(data), data, **QUESTION, **QUICK | {"method": "g-computation"})
    truth = 4 / (1 + np.exp(-3)) - 2
    assert result.sources[0].covers(truth)
    assert not result.sources[1].covers(truth)
    assert result.verdict == "differ"
    assert "differ by more than the margin" in result.reading


def test_a_wide_margin_forgives_and_a_narrow_one_stays_undecided(agreed: Agreement, linear: Any) -> None:
    scm, data = linear
    narrow = agreement(scm, data, **QUESTION, **QUICK | {"method": "g-computation"}, margin=1e-6)
    assert narrow.verdict == "undecided"
    sigmoid = table(sigmoid=True)
    wide = agreement(linear_model(sigmoid), sigmoid, **QUESTION, **QUICK | {"method": "g-computation"}, margin=10)
    assert wide.verdict == "agree within the margin"
    assert "10 (as asked)" in wide.reading
    assert agreed.margin == pytest.approx(0.1 * table()["y"].std())


def test_one_differing_pair_outweighs_the_others(agreed: Agreement) -> None:
    verdicts = ("agree within the margin", "undecided", "differ")
    pairs = tuple(AgreementPair("a", "b", 0.0, -1.0, 1.0, verdict) for verdict in verdicts)  # type: ignore[arg-type]
    assert replace(agreed, pairs=pairs).verdict == "differ"
    assert replace(agreed, pairs=pairs[:2]).verdict == "undecided"


def test_reading_says_what_agreement_cannot_show(agreed: Agreement) -> None:
    assert agreed.columns.startswith("Columns: t ")
    assert agreed.columns in repr(agreed)
    for words in ("10 joint bootstrap replicates", "known to 24%", "share the graph", "confounder is missing"):
        assert words in agreed.reading


def test_same_seed_same_result_and_the_model_stays_as_it_was(agreed: Agreement, linear: Any) -> None:
    scm, data = linear
    before = {key: value.clone() for key, value in scm.state_dict().items()}
    again = agreement(scm, data, **QUESTION, **QUICK, images=images(scm, data), seed=1)
    pd.testing.assert_frame_equal(again.draws, agreed.draws)
    assert all(torch.equal(value, before[key]) for key, value in scm.state_dict().items())


def test_clusters_widen_the_intervals() -> None:
    data = pd.concat([table(300)] * 5, ignore_index=True).assign(patient=list(range(300)) * 5)
    scm = linear_model(data)
    options = QUESTION | QUICK | {"replicates": 40, "n": 1_000}
    naive, clustered = agreement(scm, data, **options), agreement(scm, data, **options, cluster="patient")
    assert (clustered.draws.std() > 1.5 * naive.draws.std()).all()


def test_trained_mechanisms_move_with_the_resample() -> None:
    """A neural mechanism, refitted to rows whose outcome is shifted, follows; leaving the block undoes it."""
    data = table(400)
    graph = CausalGraph("z -> {t, y}; t -> y", [Variable(name, "continuous") for name in "zty"])
    scm = StructuralCausalModel(graph, {"z": "linear-gaussian", "t": "linear-gaussian", "y": "additive-noise"})
    scm.initialize(data.to_dict("list"))
    scm.declare_fitted()
    values = {name: torch.tensor(data[name].to_numpy()).float() for name in "zty"}
    high = (data["y"] > data["y"].median()).to_numpy().astype(int)
    mean = scm.sample(500, seed=0)["y"].mean()
    with Refitting(ancestral_model(scm, ["t", "y"]), values, "t", "y", iterations=20) as refit:
        refit(high)
        assert scm.sample(500, seed=0)["y"].mean() > mean + 0.5
        assert refit.nodes == ("z", "y")
    assert scm.sample(500, seed=0)["y"].mean() == mean


class Fragile(AdditiveNoise):
    """Cannot be fitted to rows whose outcomes all lie below `highest`."""

    highest = -torch.inf

    def objectives(self, value: torch.Tensor, parents: Any, step: float) -> dict[str, torch.Tensor]:
        losses = super().objectives(value, parents, step)
        return losses if value.max() >= self.highest else {name: loss * torch.nan for name, loss in losses.items()}


def test_replicates_that_diverge_are_counted_and_told() -> None:
    """A resample lacks the highest two rows 13 times in 100, and the highest row 37 times."""
    data = table(200)
    graph = CausalGraph("z -> {t, y}; t -> y", [Variable(name, "continuous") for name in "zty"])
    fragile = Fragile(graph["y"], {name: graph[name] for name in ("z", "t")}, function="linear")
    scm = StructuralCausalModel(graph, {"z": "linear-gaussian", "t": "linear-gaussian", "y": fragile})
    scm.initialize(data.to_dict("list"))
    scm.declare_fitted()
    before = {key: value.clone() for key, value in scm.state_dict().items()}
    options = QUESTION | QUICK | {"replicates": 20, "n": 1_000, "iterations": 1}

    fragile.highest = float(data["y"].nlargest(2).min()) - 1e-4
    result = agreement(scm, data, **options)
    assert 0 < result.lost <= 4
    assert len(result.draws) == 20 - result.lost
    assert np.isfinite(result.draws.to_numpy()).all()
    assert f"({result.lost} more diverged and are left out" in result.reading

    fragile.highest = float(data["y"].max()) - 1e-4
    with pytest.raises(DataError, match=r"of 20 replicates diverge.*Train the mechanisms longer"):
        agreement(scm, data, **options)
    assert all(torch.equal(value, before[key]) for key, value in scm.state_dict().items())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"margin": 0}, "Expected a positive margin in the outcome's unit; got 0"),
        ({"margin": float("nan")}, "positive margin"),
        ({"replicates": 3}, "at least 10 replicates; got 3"),
        ({"iterations": 0}, "at least 1 iteration"),
        ({"n": 10}, "at least 1000 samples of the model; got n=10"),
        ({"level": 95}, "level between 0.5 and 1"),
        ({"fitted_on": ["a"]}, "at least 50 index labels of the table in fitted_on; got 0"),
        ({"treatment": "y", "outcome": "t"}, "no path from 'y' to 't'"),
        ({"contrast": (1, 1)}, "two different values of 't'"),
        ({"cluster": "patient"}, "'patient' has none"),
    ],
)
def test_bad_input(linear: tuple[StructuralCausalModel, pd.DataFrame], options: dict, message: str) -> None:
    scm, data = linear
    with pytest.raises(DataError, match=message):
        agreement(scm, data, **QUESTION | QUICK | options)


def test_units_must_be_rows_of_the_table(linear: tuple[StructuralCausalModel, pd.DataFrame]) -> None:
    scm, data = linear
    with pytest.raises(DataError, match="for each of 200 units; got 200 labels, 200 of them unknown"):
        agreement(scm, data, **QUESTION, **QUICK, images=images(scm, data.set_index(data.index + 10**6)))


def test_units_need_distinct_labels(linear: tuple[StructuralCausalModel, pd.DataFrame]) -> None:
    scm, data = linear
    twice = data.set_axis(data.index // 2)
    with pytest.raises(DataError, match="Expected distinct index labels"):
        agreement(scm, twice, **QUESTION, **QUICK, images=images(scm, twice))


def test_units_may_be_lists(linear: tuple[StructuralCausalModel, pd.DataFrame]) -> None:
    scm, data = linear
    given = images(scm, data)
    listed = {name: values if name == "image" else values.tolist() for name, values in given.factual.items()}
    found = [
        agreement(scm, data, **QUESTION, **QUICK, images=units).sources[2].value
        for units in (given, replace(given, factual=listed))
    ]
    assert found[1] == pytest.approx(found[0], abs=1e-4)


def test_an_image_among_the_causes_is_refused() -> None:
    image = Variable("image", "image", shape=(1, 2, 2))
    graph = CausalGraph("t -> image -> score", [Variable("t", "continuous"), Variable("score", "continuous"), image])
    with pytest.raises(DataError, match="got the image image among their causes"):
        agreement(
            StructuralCausalModel(graph, {"score": "spline-flow"}),
            pd.DataFrame({"t": [0.0, 1.0], "score": [0.0, 1.0]}),
            treatment="t",
            outcome="score",
            contrast=(0, 1),
        )
