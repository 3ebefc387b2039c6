"""What a mechanism claims about its counterfactuals, and that model and report say the same."""

import pytest
from mechanism_cases import CASES, Case

from causalgen.graph import CausalGraph, Variable
from causalgen.mechanisms import MECHANISMS, Abduction, Identifiability, Mechanism, ScalarFlow, build
from causalgen.reports import MechanismSummary
from causalgen.reports.citations import CITATIONS
from causalgen.reports.words import MEANING, identification
from causalgen.scm import StructuralCausalModel

AGE = Variable("age", "continuous")
SCAN = Variable("scan", "image", shape=(1, 16, 16))


def claim(name: str, **options: object) -> tuple[Identifiability, str]:
    return build(name, SCAN, {"age": AGE}, options).identification


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_claim_follows_from_what_the_mechanism_is(case: Case) -> None:
    mechanism = case.build()
    kind, assumption = mechanism.identification
    if isinstance(mechanism, ScalarFlow):
        assert kind is Identifiability.ASSUMED
        assert "one" in assumption and "no hidden confounding" in assumption  # noqa: PT018
    elif case.variable.is_discrete:
        assert kind is Identifiability.BOUNDED
    elif mechanism.abduction is Abduction.NONE:
        assert kind is Identifiability.NONE
    elif mechanism.known:
        assert "declared" in assumption
    elif kind is Identifiability.ASSUMED:  # an image: optimal transport alone, without guidance
        assert case.mechanism == "flow-matching"
        assert not mechanism.guided
        assert "gradient of a convex function" in assumption
    else:
        assert kind is Identifiability.CONVENTION
    assert assumption[0].islower()
    assert not assumption.endswith(".")


def test_every_mechanism_of_the_catalog_is_in_the_case_table_and_cites_known_works() -> None:
    assert {case.mechanism for case in CASES} >= set(MECHANISMS)
    assert all(work in CITATIONS for mechanism in MECHANISMS.values() for work in mechanism.works)


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({}, Identifiability.ASSUMED),
        ({"solver": "dopri5"}, Identifiability.ASSUMED),
        ({"coupling": "independent"}, Identifiability.CONVENTION),
        ({"guidance": 2.0}, Identifiability.CONVENTION),
        ({"guidance_unchanged": 2.0}, Identifiability.CONVENTION),
    ],
)
def test_flow_matching_claims_it_for_optimal_transport_only(options: dict, kind: Identifiability) -> None:
    assert claim("flow-matching", width=8, **options)[0] is kind


def test_guided_edits_and_residuals_are_named() -> None:
    assert "guided edit" in claim("diffusion", width=8, guidance=3.0)[1]
    assert "guided edit" not in claim("diffusion", width=8)[1]
    assert "50% of the pixel residual" in claim("conv-vae", width=8, residual=0.5)[1]
    assert "residual" not in claim("conv-vae", width=8)[1]


def test_a_mechanism_of_a_user_that_says_nothing_is_a_convention() -> None:
    class Silent(Mechanism):
        abduction = Abduction.BIJECTIVE
        noise = forward = None  # type: ignore[assignment]

    assert Silent(AGE, {}).identification.kind is Identifiability.CONVENTION
    assert Silent(Variable("sex", "binary"), {}).identification.kind is Identifiability.BOUNDED


GRAPH = CausalGraph(
    "age -> {volume, sick, stage, scan}; volume -> scan; sick -> scan",
    [
        AGE,
        Variable("volume", "continuous"),
        Variable("sick", "binary"),
        Variable("stage", "ordinal", labels=("a", "b", "c")),
        SCAN,
    ],
)
MODELS = {
    "defaults": {},
    "a flow": {"scan": {"mechanism": "image-flow", "width": 8}},
    "optimal transport": {"scan": {"mechanism": "flow-matching", "width": 8}},
    "independent pairs": {"scan": {"mechanism": "flow-matching", "width": 8, "coupling": "independent"}},
    "an edit": {"scan": {"mechanism": "diffusion", "width": 8, "guidance": 2.0}},
    "no abduction": {"scan": {"mechanism": "dcgan", "width": 8}},
    "additive noise": {"volume": "additive-noise", "scan": {"mechanism": "gan", "width": 8}},
    "linear": {"volume": "linear-gaussian", "scan": {"mechanism": "hierarchical-vae", "width": 8}},
}


@pytest.mark.parametrize("name", MODELS)
def test_report_and_summary_say_what_the_mechanisms_say(name: str) -> None:
    scm = StructuralCausalModel(GRAPH, MODELS[name])
    statements = identification(GRAPH, MechanismSummary.of(scm))
    summary = scm.summary()
    for node, mechanism in scm.mechanisms.items():
        kind, assumption = mechanism.identification
        assert summary.loc[node, "counterfactuals"] == kind.value
        assert summary.loc[node, "assumption"] == assumption
        if mechanism.parents:
            (text,) = [
                text
                for heading, text in statements
                if heading.endswith(f": {kind.value}") and node in heading and assumption in text
            ]
            assert MEANING[kind.value] in text
    assert ("Without parents: age", statements[-2][1]) == statements[-2]
    assert "weakest statement" in statements[-1][1]
    said = " ".join(heading for heading, _ in statements)
    used = {mechanism.identification.kind.value for mechanism in scm.mechanisms.values()}
    assert all(kind.value not in said for kind in Identifiability if kind.value not in used)


def test_every_claim_has_a_meaning() -> None:
    assert set(MEANING) == {kind.value for kind in Identifiability}


def test_without_a_model_the_statements_are_by_kind() -> None:
    text = " ".join(" ".join(pair) for pair in identification(GRAPH))
    assert "only under monotone scalar noise and no hidden confounding" in text
    assert "gradient of a convex function of its noise" in text
    assert "the model is Markovian" in text
    assert "not identified by any" not in text
