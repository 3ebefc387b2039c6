"""Effects of a study: from every source, doubted or not, and what cannot be compared is said."""

import re
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from html_page import Page
from study_cases import TINY

from causalgen.datasets import Dataset
from causalgen.datasets.dataset import Truth
from causalgen.errors import DataError, DataWarning, StudyError
from causalgen.graph import CausalGraph, Variable
from causalgen.mechanisms import Abduction, Abductive
from causalgen.reports import EffectFindings, ReportContent, plot_response, write_report
from causalgen.scm import StructuralCausalModel
from causalgen.studies import effect_steps
from causalgen.studies.effect_pages import write_effects
from causalgen.studies.effect_steps import effect_findings
from causalgen.studies.image_readers import ImageReaders, find_score, with_score
from causalgen.studies.model_on_data import ModelOnData
from causalgen.studies.response_curves import response_curve
from causalgen.studies.schema import Study, load_study
from causalgen.studies.settings import SMOKE, shrink
from causalgen.studies.sources import study_graph
from causalgen.studies.study_sections import Curve, Effect, Score
from causalgen.studies.validate import check_study

ROWS = 600
ASKED: dict[str, Any] = {"treatment": "t", "outcome": "y", "contrast": (0, 1), "simulations": 10, "replicates": 10}
EFFECT: dict[str, Any] = ASKED | {"methods": ("linear adjustment",)}


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


@pytest.fixture(scope="module")
def data() -> Dataset:
    """z -> {t, y, w}; y = 2 t + z + noise; the image shows y."""
    random = np.random.default_rng(0)
    z = random.normal(size=ROWS)
    t = z + random.normal(size=ROWS)
    values = {"z": z, "t": t, "y": 2 * t + z + random.normal(size=ROWS), "w": z + random.normal(size=ROWS)}
    columns = {name: torch.tensor(column, dtype=torch.float32) for name, column in values.items()}
    variables = [*(Variable(name, "continuous") for name in "ztyw"), Variable("image", "image", shape=(1, 2, 2))]
    graph = CausalGraph("z -> {t, y, w}; t -> y -> image", variables)
    pixels = (128 + 10 * columns["y"]).clamp(0, 255).to(torch.uint8)
    columns["image"] = pixels[:, None, None, None].expand(-1, 1, 2, 2).contiguous()
    index = torch.arange(ROWS)
    split = {"train": index[:400], "validation": index[400:450], "test": index[450:]}
    return Dataset("made", graph, columns, split, index)


@pytest.fixture(scope="module")
def scm(data: Dataset) -> StructuralCausalModel:
    image = data.graph["image"]
    painted = Painted(image, {"y": data.graph["y"]})
    model = StructuralCausalModel(data.graph, dict.fromkeys("ztyw", "linear-gaussian") | {"image": painted})
    model.initialize(data.rows(data.split["train"]))
    model.declare_fitted()
    return model


def brightness(images: Any) -> np.ndarray:
    return (torch.as_tensor(images).double().mean((1, 2, 3)).numpy() - 128) / 10


def findings(effect: Effect, data: Dataset, scm: StructuralCausalModel, **scores: Score) -> EffectFindings:
    found = {name: find_score(name, score, data.graph) for name, score in scores.items()}
    return effect_findings(effect, ModelOnData(scm, data, 0), ImageReaders({"y": brightness}, found), 1000)


def remarks(found: EffectFindings) -> list[str]:
    return [remark.concern for remark in found.report.remarks]


def test_every_source_stands_beside_the_estimates_and_is_compared(data: Dataset, scm: StructuralCausalModel) -> None:
    found = findings(Effect(**EFFECT, negative_controls=("w",), margin=0.5), data, scm)
    sources = [row.source for row in (*found.report.estimates, *found.report.comparisons)]
    assert sources == ["naive", "linear adjustment", "fitted model under do", "measured on generated images"]
    assert found.report["linear adjustment"].value == pytest.approx(2, abs=0.15)
    assert found.doubt is not None
    assert [row.control.name for row in found.doubt.negative_controls] == ["w"]
    assert found.agreement is not None
    assert (found.agreement.margin, len(found.agreement.draws)) == (0.5, 10)
    assert {pair.verdict for pair in found.agreement.pairs} == {"agree within the margin"}
    assert found.arguments["methods"] == ("linear adjustment",)
    assert (found.arguments["simulations"], found.arguments["population"]) == (10, "whole")
    assert found.report["measured on generated images"] == found.agreement.sources[2]
    assert any("150 counterfactuals under do(t) have parents outside" in text for text in remarks(found))


def test_a_set_to_adjust_for_and_a_bootstrap_may_be_asked_for(data: Dataset, scm: StructuralCausalModel) -> None:
    asked = Effect(**EFFECT, adjustment=("z",), interval="bootstrap", resamples=100, level=0.9, doubt=False)
    found = findings(asked, data, scm)
    assert (found.report.estimand.adjustment, found.report.level) == (("z",), 0.9)
    assert found.report["linear adjustment"].value == pytest.approx(2, abs=0.15)
    assert found.arguments["interval"] == "bootstrap"


@pytest.mark.parametrize(("blind", "units"), [(0, "20 test units"), (17, "3 of 20 test units; the others"), (19, "")])
def test_a_curve_leaves_out_units_that_cannot_be_read(
    data: Dataset, scm: StructuralCausalModel, monkeypatch: pytest.MonkeyPatch, blind: int, units: str
) -> None:
    def read(images: Any) -> np.ndarray:
        found = brightness(images).reshape(-1, 20)
        found[1, :blind] = np.nan  # at the second of three values
        return found.reshape(-1)

    monkeypatch.setattr("causalgen.studies.response_curves.UNITS", 20)
    model, asked = ModelOnData(scm, data, 0), Curve(node="t", outcome="y", points=3)
    with nullcontext() if units else pytest.warns(DataWarning, match="at least 2 of 20 test units .* got 1"):
        curve = response_curve(asked, model, read)
    assert units in curve.interval
    whole = response_curve(asked, model)
    numbers = np.array([curve.mean, curve.low, curve.high])
    assert np.isfinite(numbers).all() if units else np.isnan(numbers).all()
    assert (curve.mean == pytest.approx(whole.mean, abs=0.1)) == (blind == 0)
    assert len(plot_response([curve]).axes) == 1


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("adjustment: [thickness]", "Expected a set that is valid to adjust for"),
        ("instrument: thickness", "Expected an instrument for the effect of 'pen' on 'intensity'"),
        ("adjustment: [hurry], instrument: hurry", "Expected an adjustment set or an instrument; got both"),
    ],
)
def test_what_does_not_identify_is_refused_before_training(tmp_path: Path, said: str, message: str) -> None:
    said = said.replace("[w]", "[thickness]").replace("instrument: thickness", "instrument: thickness")
    path = tmp_path / "study.yaml"
    effect = f"{{treatment: pen, outcome: intensity, contrast: [ballpoint, felt-tip], {said}}}"
    path.write_text(f"name: s\ndata: {{name: morphodigits}}\neffects: [{effect}]\n")
    study = load_study(path)
    with pytest.raises(StudyError, match=re.escape(message)):
        check_study(study, study_graph(study))


def test_without_doubt_the_sources_stand_alone(data: Dataset, scm: StructuralCausalModel) -> None:
    found = findings(Effect(**EFFECT, doubt=False), data, scm)
    assert found.doubt is None
    assert found.agreement is None
    assert [row.source for row in found.report.comparisons] == ["fitted model under do", "measured on generated images"]


def test_a_score_of_the_image_is_an_outcome(data: Dataset, scm: StructuralCausalModel, tmp_path: Path) -> None:
    asked = Effect(**(EFFECT | {"outcome": "light"}))
    known = replace(data, truth=cast(Truth, object()))  # a generator knows no scores, so it is not asked
    found = findings(asked, known, scm, light=Score(measure="brightness"))
    assert [row.source for row in found.report.comparisons] == ["read from generated images"]
    for source in ("linear adjustment", "read from generated images"):
        assert found.report[source].value == pytest.approx(
            20, abs=1.5
        )  # 10 grey levels for one of y, 2 of y for one of t
    assert found.doubt is not None
    graph = with_score(data.graph, "light", "image")
    assert "light" in Page(tmp_path / write_effects([asked], [found], [graph], tmp_path)[0].page).text


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        ("{thickness: {measure: brightness}}", "Expected a new name for a score; 'thickness' is a node of the graph."),
        ("{light: {measure: brigtness}}", "got 'brigtness'. Did you mean 'brightness'?"),
        ("{light: {}}", "Expected 'scores.light' to have either a measure or a classifier"),
        ("{light: {classifier: nowhere.onnx}}", "Expected a classifier in 'nowhere.onnx'; there is no such file"),
        ("{light: {measure: brightness, image: digit}}", "Expected an image among image; got 'digit'."),
    ],
)
def test_scores_that_cannot_be_read(tmp_path: Path, scores: str, message: str) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(f"name: s\ndata: {{name: morphodigits}}\nscores: {scores}\n")

    def check() -> None:
        study = load_study(path)
        check_study(study, study_graph(study))

    with pytest.raises(StudyError, match=re.escape(message)):
        check()


def test_every_effect_gets_a_report_of_its_own(
    data: Dataset, scm: StructuralCausalModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    effects = (Effect(**EFFECT, negative_controls=("w",)), Effect(**(ASKED | {"contrast": (1, 2)}), doubt=False))
    found = [findings(effect, data, scm) for effect in effects]
    for name in ("estimate_effect", "agreement", "implied_effect", "measured_effect"):
        monkeypatch.delattr(effect_steps, name)  # nothing is estimated again
    paged = write_effects(effects, found, [data.graph] * 2, tmp_path, warnings=["Only a rehearsal."])
    assert [one.page for one in paged] == ["effects/1-t-y/effect.html", "effects/2-t-y/effect.html"]
    files = {path.name for path in (tmp_path / "effects" / "1-t-y").iterdir()}
    assert files >= {"effect.html", "effect.md", "effect.tex", "effect.ipynb", "table.csv", "tables", "figures"}
    first = Page(tmp_path / paged[0].page)
    assert "Only a rehearsal." in first.text
    assert all("Only a rehearsal." not in one.report.warnings for one in paged)  # the run says it once
    assert {"agreement", "controls", "confounding"} <= {a.get("id") for a in first.all("section")}
    report = Page(write_report(tmp_path, ReportContent("made", "What if?", data.graph, effects=paged)))
    links = [a["href"] for a in report.all("a") if a["href"].startswith("effects")]
    assert links == [one.page for one in paged]


def test_several_treatments_are_estimated_together(data: Dataset, scm: StructuralCausalModel, tmp_path: Path) -> None:
    joint = {"treatment": ("z", "t"), "contrast": ((0, 0), (1, -1)), "methods": ("linear adjustment",), "doubt": False}
    asked = Effect(**(ASKED | joint))
    found = findings(asked, data, scm)
    for source in ("linear adjustment", "fitted model under do", "measured on generated images"):
        assert found.report[source].value == pytest.approx(-1, abs=0.25)  # one of z, and two for each of t
    (page,) = write_effects([asked], [found], [data.graph], tmp_path)
    assert page.page == "effects/1-z-t-y/effect.html"
    assert "Effect of do(z=1, t=-1) against do(z=0, t=0) on y" in Page(tmp_path / page.page).text
    doubted = findings(Effect(**(ASKED | joint | {"doubt": True})), data, scm)
    assert doubted.doubt is not None
    assert doubted.agreement is None
    assert any("not tested against one another" in text for text in remarks(doubted))


def test_clusters_and_weights_reach_the_estimates(data: Dataset, scm: StructuralCausalModel) -> None:
    pairs = replace(data, group=torch.arange(ROWS) // 2)
    clustered = findings(Effect(**EFFECT, doubt=False, cluster="group"), pairs, scm)
    alone = findings(Effect(**EFFECT, doubt=False), pairs, scm)
    ends = [(row.low, row.high) for row in (clustered.report.estimates[1], alone.report.estimates[1])]
    assert clustered.report.cluster == "group"
    assert ends[0] != ends[1]
    weighted = replace(data, values=dict(data.values) | {"w": torch.rand(ROWS) + 0.5})
    found = findings(Effect(**EFFECT, weights="w"), weighted, scm)
    assert found.report.weights == "w"
    assert found.agreement is None
    assert "average over all units, and are not compared" in remarks(found)[-1]


def test_what_cannot_be_compared_is_said(
    data: Dataset, scm: StructuralCausalModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise DataError("no such thing")

    monkeypatch.setattr(effect_steps, "agreement", refuse)
    found = findings(Effect(**EFFECT), data, scm)
    assert found.agreement is None
    assert "The sources were not compared: no such thing" in remarks(found)
    assert len(found.report.comparisons) == 2


def test_a_control_that_is_none_is_said(data: Dataset, scm: StructuralCausalModel) -> None:
    found = findings(Effect(**EFFECT, negative_controls=("z",)), data, scm)
    assert found.doubt is None
    assert any("Not checked further: Expected a negative control other than" in text for text in found.report.warnings)


def test_an_effect_that_the_graph_denies_is_not_compared(data: Dataset, scm: StructuralCausalModel) -> None:
    found = findings(Effect(**(ASKED | {"treatment": "w"})), data, scm)
    assert found.agreement is None
    assert found.report.warnings == (
        "The graph has no directed path from w to y: by assumption the effect is 0, and nothing is estimated. The naive "
        "estimate shows association.",
    )


def _check(path: Path) -> None:
    study = load_study(path)
    check_study(study, study_graph(study))


@pytest.mark.parametrize(
    ("added", "message"),
    [
        ("methods: [doubly robst]", "Did you mean 'doubly robust'?"),
        ("methods: [g-computation]", "Expected a method for the binary treatment 'pen'; got 'g-computation'."),
        ("methods: []", "line 8"),
        ("population: everyone", "'overlap'"),
        ("population: overlap, methods: [generalized linear adjustment]", "averages over the overlap population"),
        ("cluster: writer", "Expected a node among"),
        ("weights: pen", "Expected a continuous attribute as sampling weights"),
        ("negative_controls: [hurri]", "Did you mean 'hurry'?"),
        ("negative_controls: [image]", "Expected an attribute; got the image 'image'."),
        ("margin: 0", "greater than 0"),
        ("replicates: 3", "greater than or equal to 10"),
        ("doubts: true", "Did you mean 'doubt'?"),
        ("by: [thickness]", "'pen' acts on 'thickness' in the graph"),
        ("by: [{hurry: wide}]", "each alone or as {attribute: [cut, cut]}"),
        ("by: hurri", "Did you mean 'hurry'?"),
        ("doses: auto", "Expected a continuous treatment for a dose-response curve; 'pen' is binary"),
        ("proxies: {intensity: {column: read, source: measured}}", "Expected a table of your own for proxies"),
        ("missing: impute", "Expected a table of your own for `missing: impute`"),
        ("missing: imput", "'impute'"),
    ],
)
def test_options_of_an_effect_are_checked_with_their_line(study_file: Path, added: str, message: str) -> None:
    effect = f"{{treatment: pen, outcome: intensity, contrast: [ballpoint, felt-tip], {added}}}"
    study_file.write_text(f"{TINY}effects: [{effect}]")
    with pytest.raises(StudyError) as refused:
        _check(study_file)
    assert f"{study_file}, line 8: " in str(refused.value)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("treatment: [pen, thickness], contrast: [[ballpoint, 2], [felt-tip, 3]]", None),
        ("treatment: [pen, thickness], contrast: [[ballpoint, 2], [felt-tip, 3]], methods: [g-computation]", None),
        ("treatment: [pen], contrast: [ballpoint, felt-tip]", None),
        (
            "treatment: [pen, thickness], contrast: [2, 3]",
            "to be [[a1, a2], [b1, b2]], a value for each of pen, thickness",
        ),
        ("treatment: [pen, thickness], contrast: [[ballpoint, 2], [felt-tip]]", "to be [[a1, a2], [b1, b2]]"),
        ("treatment: pen, contrast: [[ballpoint, 2], [felt-tip, 3]]", "to be two values, [a, b]; got"),
        ("treatment: [pen, pen], contrast: [[ballpoint, 2], [felt-tip, 3]]", "or a list of different attributes"),
        ("treatment: [], contrast: [1, 2]", "or a list of different attributes"),
        ("treatment: [pen, thicknes], contrast: [[ballpoint, 2], [felt-tip, 3]]", "Did you mean 'thickness'?"),
        ("treatment: [pen, intensity], contrast: [[ballpoint, 100], [felt-tip, 120]]", "'intensity'"),
        ("treatment: [pen, image], contrast: [[ballpoint, 2], [felt-tip, 3]]", "got the image 'image'"),
        ("treatment: [pen, thickness], contrast: [[crayon, 2], [felt-tip, 3]]", "'crayon'"),
        ("treatment: [pen, thickness], contrast: [[ballpoint, 2], [felt-tip, 300]]", "support"),
        ("treatment: [pen, thickness], contrast: [[ballpoint, 2], [ballpoint, 2]]", "two different values"),
        (
            "treatment: [pen, thickness], contrast: [[ballpoint, 2], [felt-tip, 3]], methods: [weighting]",
            "for the continuous treatment 'pen, thickness'",
        ),
        ("treatment: [pen, thickness], contrast: [[ballpoint, 2], [felt-tip, 3]], adjustment: []", "stays open"),
        (
            "treatment: [pen, thickness], contrast: [[ballpoint, 2], [felt-tip, 3]], instrument: hurry",
            "Expected one treat",
        ),
        (
            "treatment: [pen, thickness], contrast: [[ballpoint, 2], [felt-tip, 3]], negative_controls: [hurry]",
            "negative controls for one treatment",
        ),
    ],
)
def test_joint_effects_are_checked_with_their_line(study_file: Path, said: str, message: str | None) -> None:
    study_file.write_text(f"{TINY}effects: [{{outcome: intensity, {said}}}]")
    if message is None:
        _check(study_file)
        study = load_study(study_file)
        study_file.write_text(study.to_yaml())
        assert load_study(study_file).fingerprint == study.fingerprint
        return
    with pytest.raises(StudyError, match=re.escape(message)) as refused:
        _check(study_file)
    assert len(str(refused.value).splitlines()) == 1


def test_a_smoke_run_doubts_on_little() -> None:
    study = Study(
        name="s", data={"name": "morphodigits"}, effects=(Effect(**{**ASKED, "replicates": 50, "resamples": 5000}),)
    )  # type: ignore[arg-type]
    small = shrink(study).effects[0]
    assert (small.replicates, small.resamples) == (SMOKE["replicates"], SMOKE["resamples"]) == (10, 100)
