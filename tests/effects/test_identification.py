"""Two identifications, ours and DoWhy's, on random graphs with hidden common causes."""

from itertools import combinations

import pytest
from dowhy.causal_identifier.auto_identifier import identify_generalized_adjustment_set
from effort import calls_at_most
from hypothesis import given, settings
from hypothesis import strategies as st

from causalgen.effects.identification import dowhy_estimand, dowhy_graph
from causalgen.errors import NotIdentifiableError
from causalgen.graph import CausalGraph, Estimand, Variable, identify

NAMES = "abcde"
PAIRS = list(combinations(NAMES, 2))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from(PAIRS), unique=True), st.lists(st.sampled_from(PAIRS), unique=True, max_size=4))
def test_both_identifications_agree(edges: list, confounded: list) -> None:
    graph = CausalGraph(edges, variables=[Variable(name) for name in NAMES], confounded=confounded)
    try:
        estimand = identify(graph, treatment="b", outcome="d")
    except NotIdentifiableError:
        estimand = None
    if estimand is not None and estimand.method != "frontdoor":
        found = dowhy_estimand(graph, estimand)
        assert found.get_adjustment_set() == list(estimand.adjustment)
        assert found.identifier_method == "backdoor"
    else:
        assert identify_generalized_adjustment_set(dowhy_graph(graph), ["b"], ["d"], list(NAMES)) == []


@pytest.mark.parametrize(
    ("edges", "claim"),
    [
        ("z -> {t, y}; t -> y", Estimand("backdoor", "t", "y")),
        ("t -> y; t <-> y", Estimand("backdoor", "t", "y")),
        ("t -> m -> y", Estimand("no effect", "t", "y")),
        ("z -> {t, y}", Estimand("backdoor", "t", "y", adjustment=("z",))),
    ],
)
def test_a_wrong_claim_is_refused(edges: str, claim: Estimand) -> None:
    with pytest.raises(NotIdentifiableError, match="Expected DoWhy to agree"):
        dowhy_estimand(CausalGraph(edges), claim)


def test_twenty_common_causes_take_no_time() -> None:
    causes = [f"z{i}" for i in range(20)]
    graph = CausalGraph([*((z, "t") for z in causes), *((z, "y") for z in causes), ("t", "y")])
    with calls_at_most(200_000):  # 44,000; the search of subsets needs 2 to the 20th of them
        found = dowhy_estimand(graph, identify(graph, treatment="t", outcome="y"))
    assert found.get_adjustment_set() == causes
