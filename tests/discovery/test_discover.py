"""The algorithms on simulated tables with known structure, and the result's honesty."""

import json
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from causalgen.discovery import EquivalenceClass, Knowledge, discover
from causalgen.discovery.columns import SearchedColumns
from causalgen.discovery.independence import DegenerateGaussian
from causalgen.errors import NotIdentifiableError
from causalgen.graph import CausalGraph, Variable

from .cases import discrete_table, mixed_table, table


@pytest.mark.parametrize("algorithm", ["pc", "ges"])
@pytest.mark.parametrize(
    ("truth", "found"),
    [
        ("a -> b -> c", "a --- b; b --- c"),
        ("b -> {a, c}", "b --- a; b --- c"),
        ("a -> b <- c", "a -> b; c -> b"),
        ("a -> c <- b; c -> d", "a -> c; b -> c; c -> d"),
        ("a; b; c", "a; b; c"),
    ],
)
def test_gaussian_tables_give_the_class_and_no_more(algorithm: str, truth: str, found: str) -> None:
    data = table(truth)
    expected = discover(data[sorted(data)], algorithm=algorithm).found
    assert set(_parts(str(expected))) == set(_parts(found))
    assert expected.kind == "CPDAG"


def _parts(text: str) -> list[str]:
    """Edges of a class, lines read in either order."""
    return [" --- ".join(sorted(part.split(" --- "))) for part in text.split("; ")]


@pytest.mark.parametrize("algorithm", ["lingam", "ica-lingam"])
def test_non_gaussian_noise_orients_a_chain(algorithm: str) -> None:
    result = discover(table("a -> b -> c", 3000, noise="uniform"), algorithm=algorithm)
    assert str(result.found) == "a -> b; b -> c"
    assert result.found.graph() == CausalGraph("a -> b -> c")
    assert result.warnings == ()


def test_lingam_on_gaussian_noise_says_that_it_guesses() -> None:
    warnings = " ".join(discover(table("a -> b -> c"), algorithm="lingam").warnings)
    assert "were not rejected as Gaussian (Jarque-Bera, level 0.05)" in warnings


def test_a_forbidden_edge_does_not_turn_the_order_around() -> None:
    """a -> b stays the order although a -> c is forbidden; causal-learn's own prior would put c before a."""
    data = table("a -> b -> c; a -> c", 3000, seed=1, noise="uniform")
    found = discover(data, algorithm="lingam", knowledge=Knowledge(forbidden="a -> c")).found
    assert found.directed == (("a", "b"), ("b", "c"))


@pytest.mark.parametrize(("algorithm", "test"), [("pc", "gsq"), ("pc", "chisq"), ("ges", None)])
def test_discrete_tables(algorithm: str, test: str | None) -> None:
    result = discover(discrete_table(), algorithm=algorithm, test=test or "auto")
    assert str(result.found) == "a -> c; b -> c; c -> d"
    assert (result.test, set(result.kinds.values())) == (test, {"discrete"})


def test_mixed_tables_take_a_test_for_both_kinds() -> None:
    result = discover(mixed_table())
    assert str(result.found) == "pen -> width; speed -> width; width -> ink"
    assert result.test == "mixed"


def test_the_mixed_test_holds_its_level() -> None:
    """Independent columns of both kinds, given a third: 400 tests at 0.05 reject 3 to 7.5 %, two standard errors."""
    p_values = []
    for seed in range(400):
        rng = np.random.default_rng(seed)
        z = rng.normal(size=300)
        x = z + rng.logistic(size=300) > 0
        values = np.column_stack([x, z + rng.normal(size=300), z])
        columns = SearchedColumns(("x", "y", "z"), ("discrete", "continuous", "continuous"), values)
        p_values.append(DegenerateGaussian(columns)(0, 1, (2,)))
    assert 0.03 <= np.mean(np.array(p_values) < 0.05) <= 0.075


def test_the_kernel_test_sees_what_correlation_cannot_and_says_how_many_rows_it_took() -> None:
    rng = np.random.default_rng(0)
    angle = rng.uniform(0, 2 * np.pi, 500)  # a noisy circle: uncorrelated, far from independent
    data = pd.DataFrame({"x": np.cos(angle), "y": np.sin(angle)}) + 0.1 * rng.normal(size=(500, 2))
    assert str(discover(data).found) == "x; y"
    result = discover(data, test="kci")
    assert str(result.found) == "x --- y"
    assert result.rows_used == 300
    assert "ran on 300 of 500 rows" in result.warnings[0]


def test_a_hidden_common_cause_is_found_by_fci_and_misread_by_pc() -> None:
    data = table("a -> b <-> c <- d", 4000)
    assert discover(data, algorithm="fci").found.bidirected == (("b", "c"),)
    assert any("imply both" in line for line in discover(data).warnings)


def test_knowledge_orients_and_then_there_is_a_graph() -> None:
    data = table("a -> b -> c")
    with pytest.raises(
        NotIdentifiableError, match=r"got a --- b, b --- c. Orient them by knowledge .* or by an experiment"
    ):
        discover(data).found.graph()
    found = discover(data, knowledge=Knowledge(tiers=["a", ["b", "c"]])).found
    assert found.graph([Variable(name, "continuous") for name in "abc"])["b"].kind == "continuous"
    assert [str(graph) for graph in found.graphs()] == ["a -> b; b -> c"]


def test_the_members_of_a_class_come_one_at_a_time() -> None:
    nodes = tuple(f"v{k:02}" for k in range(30))
    chain = EquivalenceClass("CPDAG", nodes, tuple((a, "---", b) for a, b in pairwise(nodes)))
    assert len(list(chain.graphs(limit=3))) == 3
    assert len(list(chain.graphs())) == 30


def test_a_pag_is_no_graph() -> None:
    found = discover(table("a -> c <- b"), algorithm="fci").found
    for ask in (found.graph, found.graphs):
        with pytest.raises(NotIdentifiableError, match="where even a -> b may be confounded"):
            ask()


def test_contradictory_tests_give_no_graph() -> None:
    square = tuple((a, "---", b) for a, b in ("ab", "bc", "cd", "ad"))
    with pytest.raises(NotIdentifiableError, match="got none"):
        EquivalenceClass("CPDAG", tuple("abc"), (("a", "->", "b"), ("b", "->", "c"), ("c", "->", "a"))).graph()
    assert list(EquivalenceClass("CPDAG", tuple("abcd"), square).graphs()) == []


@pytest.mark.parametrize("algorithm", ["pc", "fci", "ges", "lingam", "ica-lingam"])
def test_every_result_carries_its_assumptions_and_is_json(algorithm: str) -> None:
    result = discover(table("a -> b", noise="uniform"), algorithm=algorithm, bootstrap=2)
    text = " ".join(result.assumptions)
    assert "No cycles" in text
    assert ("No hidden common causes" in text) == (algorithm != "fci")
    assert ("linear" in text) or algorithm == "fci"
    record = json.loads(json.dumps(result.to_dict()))
    assert record["found"]["text"] == str(result.found)
    assert "true graph" not in json.dumps(record)


def test_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    for algorithm in ("pc", "fci", "ges", "lingam"):
        discover(
            table("a -> c <- b; c -> d", noise="uniform"),
            algorithm=algorithm,
            knowledge=None if algorithm == "ges" else Knowledge(tiers=[["a", "b"], ["c", "d"]]),
        )
    assert capfd.readouterr() == ("", "")


def test_the_order_of_the_columns_does_not_count() -> None:
    data = table("a -> b <-> c <- d; a -> e", 800, seed=3)
    marks = discover(data).found
    for columns in (list("edcba"), list("cadeb")):
        again = discover(data[columns]).found
        assert all(again.mark(a, b) == marks.mark(a, b) for a in data for b in data if a != b)
