"""What a study asks of its graph is checked before anything is trained, and the fault names its line."""

import re
from pathlib import Path

import pytest
from study_cases import TINY

from causalgen.errors import DataError, StudyError, SupportError, UnknownNameError
from causalgen.grammar import parse_do
from causalgen.graph import CausalGraph, Variable
from causalgen.studies.schema import Study, load_study
from causalgen.studies.sources import study_graph
from causalgen.studies.validate import check_study

EXAMPLE = Path(__file__).parents[2] / "examples" / "morphodigits" / "study.yaml"


def _check(study: Study) -> None:
    check_study(study, study_graph(study))


def test_the_example_is_valid() -> None:
    _check(load_study(EXAMPLE))


@pytest.mark.parametrize(
    ("added", "message"),
    [
        ("gallery: [{do: {thicknes: 4}}]", "got 'thicknes'. Did you mean 'thickness'?"),
        ("gallery: [{do: {thickness: 9}}]", "Expected 'thickness' within its support [1, 7] px; got 9."),
        (
            "gallery: [{do: {thickness: thick}}]",
            "Expected a number for 'thickness', or an expression of thickness, hurry, pen",
        ),
        ("gallery: [{do: {thickness: .nan}}]", "Expected a number for 'thickness'; got nan."),
        ("gallery: [{do: {pen: felttip}}]", "got 'felttip'. Did you mean 'felt-tip'?"),
        ("gallery: [{do: {image: 3}}]", "got the image 'image'. Intervene on its parents."),
        ("evaluation: {queries: [thicknes]}", "Did you mean 'thickness'?"),
        ("evaluation: {queries: [image]}", "Expected an attribute; got the image 'image'."),
        ("evaluation: {classify: thickness}", "Expected a discrete attribute to classify; 'thickness' is continuous."),
        ("evaluation: {classify: pen}", "Expected a parent of an image to classify; got 'pen'."),
        (
            "evaluation: {regress: digit}",
            "Expected a continuous attribute to regress; 'digit' is categorical. Classify it.",
        ),
        ("evaluation: {regress: hurry}", "Expected a parent of an image to regress; got 'hurry'."),
        ("evaluation: {regress: [thickness]}\nmeasurements: {thickness: stroke-thickness}", "Remove one of the two."),
        (
            "curves: [{node: thickness, outcome: digit}]",
            "Expected a continuous or binary outcome; 'digit' is categorical.",
        ),
        ("curves: [{node: thickness, outcome: thickness}]", "Add 'thickness' to the measurements"),
        ("measurements: {thickness: stroke-thicknes}", "Did you mean 'stroke-thickness'?"),
        (
            "measurements: {pen: stroke-thickness}",
            "Expected a continuous attribute to measure on the image; 'pen' is binary.",
        ),
        (
            "effects: [{treatment: pen, outcome: digit, contrast: [ballpoint, felt-tip]}]",
            "binary outcome; 'digit' is categorical",
        ),
        ("effects: [{treatment: pen, outcome: intensity, contrast: [ballpoint, pencil]}]", "got 'pencil'."),
        ("effects: [{treatment: penn, outcome: intensity, contrast: [a, b]}]", "Did you mean 'pen'?"),
        ("effects: [{treatment: pen, outcome: pen, contrast: [ballpoint, felt-tip]}]", "two different variables"),
        (
            "effects: [{treatment: pen, outcome: intensity, contrast: [ballpoint, felt-tip], event: hurry}]",
            "`event` and `horizon` together",
        ),
        (
            "effects: [{treatment: pen, outcome: intensity, contrast: [ballpoint, felt-tip], event: penn, horizon: 9}]",
            "Did you mean 'pen'?",
        ),
    ],
)
def test_what_does_not_fit_the_graph_is_refused_with_its_line(study_file: Path, added: str, message: str) -> None:
    study_file.write_text(TINY + added)
    with pytest.raises(StudyError) as refused:
        _check(load_study(study_file))
    assert str(refused.value).startswith(f"{study_file}, line 8: ")
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("mechanism", "message"),
    [
        ("conv-va", "got 'conv-va'. Did you mean 'conv-vae'?"),
        ("spline-flow", "for the image variable 'image' among conv-vae"),
        ("{mechanism: conv-vae, latnt: 4}", "got 'latnt' for 'image'. Did you mean 'latent'?"),
        ("{mechanism: conv-vae, residual: 2.0}", "Expected residual in [0, 1]; got 2.0."),
    ],
)
def test_mechanisms_are_built_before_training(study_file: Path, mechanism: str, message: str) -> None:
    study_file.write_text(re.sub(r"image: {mechanism: .*}", f"image: {mechanism}", TINY))
    with pytest.raises(StudyError) as refused:
        _check(load_study(study_file))
    assert str(refused.value).startswith(f"{study_file}, line 4: ")
    assert message in str(refused.value)


def test_an_unknown_data_set_is_refused(study_file: Path) -> None:
    study_file.write_text(TINY.replace("name: morphodigits", "name: morphodigit"))
    with pytest.raises(StudyError, match=r"line 2: Expected a data set among .* Did you mean 'morphodigits'"):
        _check(load_study(study_file))


def test_options_belong_to_their_data_set(study_file: Path) -> None:
    study_file.write_text("name: ink\ndata: {name: morphomnist, colour: true, source: generated, rows: 700}\n")
    study = load_study(study_file)
    assert study_graph(study).parents("hue") == ("thickness", "intensity")
    assert study.data.options == {"colour": True, "source": "generated", "rows": 700}
    study_file.write_text("name: ink\ndata:\n  name: morphodigits\n  colour: true\n")
    with pytest.raises(StudyError, match=r"line 4: Expected options of morphodigits among .*; got 'colour'"):
        study_graph(load_study(study_file))


def test_hidden_confounding_and_unidentified_effects_are_refused(study_file: Path) -> None:
    study_file.write_text(TINY + "effects: [{treatment: pen, outcome: intensity, contrast: [ballpoint, felt-tip]}]")
    study = load_study(study_file)
    graph = study_graph(study)
    confounded = CausalGraph(graph.edges, graph.variables.values(), [("pen", "intensity")])
    with pytest.raises(StudyError) as refused:
        check_study(study, confounded)
    assert "line 2: Expected a graph without hidden confounding; got pen <-> intensity" in str(refused.value)
    assert "line 8: Expected the effect of 'pen' on 'intensity' to be identified" in str(refused.value)


GRAPH = CausalGraph(
    "pen -> thickness -> image; {no, grade} -> thickness",
    [
        Variable("pen", "binary", labels=("ballpoint", "felt-tip")),
        Variable("no", "binary"),
        Variable("grade", "categorical", labels=(1, 2, 3)),
        Variable("thickness", "continuous", support=(1, 7), unit="px"),
        Variable("image", "image", shape=(1, 8, 8)),
    ],
)


def test_interventions_are_read_by_the_kind_of_their_variable() -> None:
    assert parse_do(GRAPH, ["thickness=4", " pen = felt-tip", "grade=2", "no=True"]) == {
        "thickness": 4.0, "pen": "felt-tip", "grade": 2, "no": True,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("texts", "error", "message"),
    [
        (["thickness"], DataError, "Expected an intervention as name=value"),
        (["=3"], DataError, "Expected an intervention as name=value"),
        (["thickness=4", "thickness=5"], DataError, "got 'thickness' again"),
        (["thicknes=4"], UnknownNameError, "Did you mean 'thickness'?"),
        (["thickness=__import__('os')"], DataError, "Expected a number for 'thickness'"),
        (["thickness=nan"], DataError, "Expected a number for 'thickness'"),
        (["thickness=8"], SupportError, r"within its support \[1, 7\] px; got 8"),
        (["pen=pencil"], DataError, "Expected a label of 'pen' among 'ballpoint', 'felt-tip'"),
        (["image=0"], DataError, "got the image 'image'"),
    ],
)
def test_interventions_that_mean_nothing_are_refused(texts: list[str], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        parse_do(GRAPH, texts)


def test_only_what_has_counterfactuals_is_tuned(study_file: Path) -> None:
    study_file.write_text(
        "name: s\ndata: {name: morphodigits}\nmechanisms: {image: dcgan}\ntraining: {tuning: {epochs: 1}}\n"
    )
    with pytest.raises(StudyError, match="Expected a mechanism with counterfactuals to fine-tune; 'image' has DCGAN"):
        _check(load_study(study_file))
