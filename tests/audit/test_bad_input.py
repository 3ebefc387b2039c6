"""Bad input of an audit: one message that names thing, place and remedy."""

import pandas as pd
import pytest
import torch

from causalgen.audit import as_classifier, audit
from causalgen.errors import CausalgenError, DataError, MissingValueError
from causalgen.graph import CausalGraph, Variable
from causalgen.metrics.cohort import image_node

from .halves import brightness, model, probability, units

BRIGHT = as_classifier(probability, outcome=1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"interventions": []}, "Expected a list of interventions"),
        ({"interventions": {"tone": 2}}, "Expected a list of interventions"),
        ({"interventions": [{}]}, "Expected every intervention as a mapping"),
        ({"interventions": ["tone"]}, "Expected every intervention as a mapping"),
        ({"interventions": [{"tune": 2}]}, "Did you mean 'tone'"),
        ({"interventions": [{"image": 2}]}, "Intervene on its parents"),
        ({"interventions": [{"tone": 200}]}, "within its support"),
        ({"interventions": [{"ink": "green"}]}, "Expected a label of 'ink'"),
        ({"interventions": [{"tone": 2}, {"tone": 2.0}]}, "got do\\(tone = 2 lx\\) twice"),
        ({"subgroups": "ink"}, "Write \\['ink'\\]"),
        ({"subgroups": ["inc"]}, "Did you mean 'ink'"),
        ({"subgroups": ["image"]}, "got the image 'image'"),
        ({"subgroups": {"ink": [1]}}, "Expected no cut points for the discrete 'ink'"),
        ({"subgroups": {"tone": [1, 1]}}, "Expected increasing cut points"),
        ({"subgroups": {"tone": []}}, "Expected increasing cut points"),
        ({"margin": 0}, "margin as a positive number"),
        ({"margin": 5}, "Write 5 % as 0.05"),
        ({"margin": float("nan")}, "margin as a positive number"),
        ({"level": 95}, "Write 95 % as 0.95"),
        ({"movers": 0}, "at least one image to show"),
        ({"rows": 0}, "at least one row"),
        ({"rows": True}, "at least one row"),
        ({"groups": [1, 2]}, "Expected one group for each of 60 units"),
        ({"groups": [float("nan"), *range(59)]}, "got none for 1 of 60"),
        ({"groups": [None] * 60}, "got none for 60 of 60"),
        ({"data": pd.DataFrame({"tone": [1.0]})}, r"got DataFrame\. Pass the data set, or data\.rows"),
        ({"image": "picture"}, "Expected an image among image; got 'picture'"),
        ({"particles": 0}, "at least one particle"),
        (
            {"data": {name: values[:0] for name, values in units().items()}},
            "at least one unit of 'place'; got a batch of size 0",
        ),
        ({"measure": {"sise": len}}, "Did you mean 'size'"),
        ({"measure": {"ink": len}}, "Pass a classifier of it"),
        ({"measure": {"size": lambda images: [1.0]}}, "one number per image"),
        ({"classifier": 3}, "Expected a classifier"),
        ({"data": [1, 2]}, "got list"),
        ({"data": {}}, "Expected a data set, or a mapping"),
    ],
)
def test_it_is_refused(arguments: dict, message: str) -> None:
    options = {"classifier": BRIGHT, "data": units(), "interventions": [{"tone": 2}], **arguments}
    with pytest.raises((CausalgenError, ValueError), match=message):
        audit(options.pop("classifier"), model(), options.pop("data"), **options)


def test_a_graph_without_images_or_with_several_is_named() -> None:
    plain = CausalGraph("a -> b", [Variable("a", "continuous"), Variable("b", "continuous")])
    with pytest.raises(DataError, match=r"got none\. Use a model of images"):
        image_node(plain, None)
    two = CausalGraph(
        "a -> {x, y}", [Variable("a", "continuous"), *(Variable(n, "image", shape=(1, 2, 2)) for n in "xy")]
    )
    with pytest.raises(DataError, match=r"got x, y\. Name it"):
        image_node(two, None)
    assert image_node(two, "y") == "y"


def test_incomplete_units_are_refused() -> None:
    factual = units()
    with pytest.raises(MissingValueError, match="got none for size"):
        audit(BRIGHT, model(), {n: t for n, t in factual.items() if n != "size"}, interventions=[{"tone": 2}])
    with pytest.raises(DataError, match="one batch size"):
        audit(BRIGHT, model(), factual | {"tone": torch.zeros(3)}, interventions=[{"tone": 2}])


def test_a_score_that_is_no_probability_wants_a_margin_of_its_own() -> None:
    score = as_classifier(brightness, unit="grey levels")
    with pytest.raises(DataError, match="for a score in grey levels; got none"):
        audit(score, model(), units(), interventions=[{"tone": 2}])
    assert audit(score, model(), units(), interventions=[{"tone": 2}], margin=20).row("do(tone = 2 lx)").flips is None


def test_a_classifier_that_sees_nothing_is_named() -> None:
    blind = as_classifier(lambda images: torch.full((len(images),), 0.5))
    report = audit(blind, model(), units(), interventions=[{"tone": 2}])
    assert report.verdict == "cannot tell"
    assert any("nearly the same score, 0.5: check the scale" in text for text in report.rows[0].reasons)
