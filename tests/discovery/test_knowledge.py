"""Background knowledge: what it says, what it refuses, and that no algorithm goes against it."""

import numpy as np
import pandas as pd
import pytest

from causalgen.discovery import Knowledge, discover
from causalgen.errors import DataError, GraphError, UnknownNameError
from causalgen.graph import CausalGraph

from .cases import random_dag, table

NODES = "abcde"


def test_what_it_rules_out() -> None:
    knowledge = Knowledge(required="a -> b", forbidden=[("c", "d")], tiers=["a", ["b", "c"]])
    ruled_out = {(x, y) for x in "abcd" for y in "abcd" if knowledge.forbids(x, y)}
    assert ruled_out == {("b", "a"), ("c", "a"), ("c", "d")}
    assert knowledge.requires("a", "b")
    assert not Knowledge()


def test_tiers_from_the_order_of_a_graph() -> None:
    knowledge = Knowledge.from_order(CausalGraph("b -> a -> c"))
    assert knowledge == Knowledge.from_order(["b", "a", "c"]) == Knowledge(tiers=["b", "a", "c"])
    assert knowledge.forbids("c", "b")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"required": "a -> b", "forbidden": "a -> b"}, "either required or forbidden; got a -> b as both"),
        ({"required": "b -> a", "tiers": ["a", "b"]}, "got b -> a, from tier 2 to tier 1"),
        ({"required": "a -> b -> c -> a"}, "without a cycle, also through the tiers; got one among a, b, c"),
        ({"required": "b -> x; x -> a", "tiers": ["a", "b"]}, "got one among a, b, x"),
        ({"tiers": [["a", "b"], ["b"]]}, "every column in one tier; got 'b' in the tiers 1 and 2"),
        ({"forbidden": "a <-> b"}, "Expected forbidden edges as 'a -> b'; got a <-> b"),
        ({"required": "a -> a"}, "between two columns; got a -> a"),
        ({"required": "a"}, "got 'a' alone"),
        ({"required": "a => b"}, "at line 1, column 3"),
    ],
)
def test_contradictions_are_refused(arguments: dict, message: str) -> None:
    with pytest.raises(GraphError, match=message):
        Knowledge(**arguments)


def test_it_speaks_of_columns_that_exist() -> None:
    with pytest.raises(UnknownNameError, match=r"got 'hury'\. Did you mean 'hurry'"):
        Knowledge(forbidden="pen -> hury").within(["hurry", "pen"])


@pytest.mark.parametrize("algorithm", ["ges", "ica-lingam"])
def test_an_algorithm_that_would_ignore_it_refuses(algorithm: str) -> None:
    with pytest.raises(DataError, match="It would be ignored: use one of pc, fci, lingam"):
        discover(table("a -> b"), algorithm=algorithm, knowledge=Knowledge(tiers=["a", "b"]))


def _some_knowledge(seed: int) -> Knowledge:
    """Tiers, a required and two forbidden edges at random: mostly wrong, and it has to win all the same."""
    rng = np.random.default_rng(seed)
    order = [str(name) for name in rng.permutation(list(NODES))]
    first, second = sorted(rng.choice(5, 2, replace=False))
    free = [(a, b) for a in NODES for b in NODES if a != b and (a, b) != (order[first], order[second])]
    forbidden = [free[k] for k in rng.choice(len(free), 2, replace=False)]
    return Knowledge([(order[first], order[second])], forbidden, [order[:3], order[3:]])


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("algorithm", ["pc", "lingam"])
def test_without_hidden_causes_it_is_respected_to_the_letter(algorithm: str, seed: int) -> None:
    knowledge = _some_knowledge(seed)
    truth = "; ".join([*NODES, *(f"{a} -> {b}" for a, b in random_dag(NODES, seed))])
    found = discover(table(truth, 500, seed, "uniform"), algorithm=algorithm, knowledge=knowledge).found
    assert set(knowledge.required) <= set(found.directed)
    for a, b in found.directed:
        assert not knowledge.forbids(a, b)
    for a, b in found.undirected:
        assert not knowledge.forbids(a, b)
        assert not knowledge.forbids(b, a)


@pytest.mark.parametrize("seed", range(12))
def test_with_hidden_causes_what_is_no_cause_gets_an_arrowhead(seed: int) -> None:
    knowledge = _some_knowledge(seed)
    truth = "; ".join([*NODES, *(f"{a} -> {b}" for a, b in random_dag(NODES, seed))])
    found = discover(table(truth, 500, seed), algorithm="fci", knowledge=knowledge).found
    for a, b in knowledge.required:
        assert found.mark(a, b) == "->"
    for a in NODES:
        for b in NODES:
            if a != b and knowledge.forbids(a, b):
                assert found.mark(a, b) in ("", "<-", "<-o", "<->")


def test_fci_leaves_a_hidden_cause_possible_where_time_rules_out_one_direction() -> None:
    """x and y share a hidden cause and nothing else; that y comes later does not make x its cause."""
    found = discover(table("x <-> y"), algorithm="fci", knowledge=Knowledge(tiers=["x", "y"])).found
    assert str(found) == "x o-> y"


def test_an_edge_that_the_data_want_and_knowledge_forbids_is_gone_with_a_word() -> None:
    result = discover(table("a -> b"), knowledge=Knowledge(forbidden="a -> b; b -> a"))
    assert str(result.found) == "a; b"
    assert any("knowledge allows no edge" in line for line in result.warnings)


@pytest.mark.parametrize("algorithm", ["pc", "fci"])
@pytest.mark.parametrize("knowledge", [
    pytest.param(Knowledge(tiers=["cause", "middle", "effect"]), id="tiers"),
    pytest.param(Knowledge(forbidden="effect -> {cause, middle}"), id="forbidden edges"),
])  # fmt: skip
def test_no_test_conditions_on_a_column_that_causes_neither(algorithm: str, knowledge: Knowledge) -> None:
    """Given their common effect, cause and middle are independent here, since two paths cancel."""
    rng = np.random.default_rng(0)
    cause, noise, more = rng.normal(size=(3, 2_000))
    middle = cause + noise
    columns = pd.DataFrame({"cause": cause, "middle": middle, "effect": cause + middle + more})
    assert not discover(columns, algorithm=algorithm).found.mark("cause", "middle")
    assert discover(columns, algorithm=algorithm, knowledge=knowledge).found.mark("cause", "middle")
