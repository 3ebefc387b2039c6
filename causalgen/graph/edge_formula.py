r"""The edge g-formula: which path-specific effects a graph identifies, and how.

Let the arrows out of the treatment carry one of two values, b on active paths and a on the others. With V* the
ancestors of the outcome after the treatment is removed, and its *districts* D (sets joined by bidirected edges),

.. math:: P(y \text{ in the nested world}) = \sum_{V^* \setminus y} \prod_D P(D \mid \mathrm{do}(pa(D) \setminus D))

in which the treatment has the value that its arrows into D carry. The formula identifies the effect exactly when

1. no node passes both values on (a *recanting witness*), nor do two nodes of one district (a *recanting district*), and
2. every factor is identified from the observational distribution (Tian's algorithm).

References:
    Avin, Shpitser and Pearl, Identifiability of path-specific effects (2005).
    Shpitser, Counterfactual graphical models for longitudinal mediation analysis with unobserved confounding (2013).
    Tian, Studies in causal reasoning and learning (2002), chapter 5.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import networkx as nx

from ..errors import NotIdentifiableError
from .adjustment import write_set
from .general import descend, districts
from .graph import CausalGraph
from .hedge import Hedge
from .paths import Path, causal_paths, write_directed

__all__ = ["Factor", "carried_levels", "factors"]


@dataclass(frozen=True)
class Factor:
    """One factor of the formula: a distribution of `nodes` given `given`.

    Args:
        nodes: A district.
        given: Its parents outside, without the treatment.
        level: The treatment value on which it depends, "a" or "b"; empty if the treatment is not its parent.
        plain: Whether it is the conditional distribution P(node | given) itself. Otherwise it is a distribution
            under do(given) that Tian's algorithm computes from the observed one.
    """

    nodes: tuple[str, ...]
    given: tuple[str, ...]
    level: str
    plain: bool


def carried_levels(
    graph: CausalGraph, treatment: str, outcome: str, active: Collection[Path], observed: Collection[str]
) -> dict[str, str]:
    """The value, "a" or "b", that each arrow out of the treatment carries in the graph of the observed variables.

    Raises:
        NotIdentifiableError: A recanting witness passes on both.
    """
    twins: dict[Path, Path] = {}
    levels: dict[str, tuple[str, Path]] = {}
    for path in causal_paths(graph, treatment, outcome):
        level = "b" if path in active else "a"
        visible = tuple(name for name in path if name in observed)
        twin = twins.setdefault(visible, path)
        if (twin in active) != (path in active):
            raise NotIdentifiableError(_indistinct(twin, path, observed))
        known, rival = levels.setdefault(visible[1], (level, visible))
        if known != level:
            raise NotIdentifiableError(_recanting(*((visible, rival) if level == "b" else (rival, visible))))
    return {child: level for child, (level, _) in levels.items()}


def factors(
    graph: CausalGraph, treatment: str, outcome: str, levels: Mapping[str, str], held: Iterable[str] = ()
) -> tuple[Factor, ...]:
    """The factors of the formula in topological order; `graph` holds the observed variables only.

    Args:
        graph: The graph, hidden variables projected out.
        treatment: The treatment.
        outcome: The outcome.
        levels: Child of the treatment -> the value on which it depends.
        held: Further variables set to a value (controlled direct effect).

    Raises:
        NotIdentifiableError: A recanting district, or a factor that hidden common causes make unidentifiable.
    """
    world = graph.networkx()
    fixed = {treatment, *held}
    world.remove_nodes_from(fixed)
    kept = graph.select(nx.ancestors(world, outcome) | {outcome})
    found = []
    for district in districts(graph, kept):
        values = {levels[node] for node in district if treatment in graph.parents(node)}
        if len(values) > 1:
            raise NotIdentifiableError(_recanting_district(graph, treatment, district, levels))
        whole = next(d for d in districts(graph, graph.nodes) if set(district) <= set(d))
        if isinstance(descend(graph, district), Hedge):
            raise NotIdentifiableError(_confounded(graph, district, whole))
        parents = {parent for node in district for parent in graph.parents(node)} - set(district) - {treatment}
        found.append(
            Factor(district, graph.select(parents), "".join(values), len(district) == 1 and set(whole) == set(district))
        )
    return _joined(graph, treatment, found)


def _joined(graph: CausalGraph, treatment: str, found: list[Factor]) -> tuple[Factor, ...]:
    """The factors; those of variables that the treatment does not affect are merged into their joint marginal."""
    late = set(graph.descendants(treatment))
    if any(set(factor.nodes) & late and set(factor.nodes) - late for factor in found):
        return tuple(found)
    early = graph.select(node for factor in found for node in factor.nodes if node not in late)
    rest = tuple(factor for factor in found if set(factor.nodes) <= late)
    return (Factor(early, (), "", True), *rest) if early else rest


def _recanting(active: Path, inactive: Path) -> str:
    shared = 0
    while active[shared] == inactive[shared]:
        shared += 1
    witness = active[shared - 1]
    return (
        f"Expected every variable to pass on one value of the treatment; got the recanting witness '{witness}': it would "
        f"have to carry {active[0]}=b along {write_directed(active)} and {active[0]}=a along {write_directed(inactive)} "
        "in the same unit, which no data show. Put both paths into the same set (with a natural effect: count "
        f"'{witness}' among the mediators), ask for a controlled direct effect, or ask a fitted model."
    )


def _indistinct(path: Path, other: Path, observed: Collection[str]) -> str:
    hidden = [name for name in dict.fromkeys((*path, *other)) if name not in observed]
    return (
        f"Expected paths that the observed variables distinguish; got {write_directed(path)} and "
        f"{write_directed(other)}, one active and one not. Measure {' or '.join(hidden)}."
    )


def _recanting_district(
    graph: CausalGraph, treatment: str, district: tuple[str, ...], levels: Mapping[str, str]
) -> str:
    carriers = {level: node for node in district if treatment in graph.parents(node) for level in [levels[node]]}
    joined = ", ".join(f"{a} <-> {b}" for a, b in graph.confounded if a in district and b in district)
    return (
        f"Expected '{carriers['b']}' and '{carriers['a']}' to share no hidden cause, since they depend on different "
        f"values of '{treatment}'; got the recanting district {write_set(district)} joined by {joined}. "
        "Measure the common cause and draw it as a variable, or ask a fitted model."
    )


def _confounded(graph: CausalGraph, district: tuple[str, ...], whole: tuple[str, ...]) -> str:
    pairs = [pair for pair in graph.confounded if set(pair) <= set(whole)]
    pairs = [pair for pair in pairs if set(pair) & set(district)] or pairs
    joined = ", ".join(f"{a} <-> {b}" for a, b in pairs)
    return (
        f"Expected the response of {write_set(district)} to its causes to be identified; got hidden common causes that "
        f"hide it: {joined}. Measure the common cause and draw it as a variable."
    )
