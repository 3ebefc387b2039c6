"""General identification: the ID algorithm, and IDC for conditional effects, written as a derivation.

Write Q[C] for P(c | do(the parents of C outside C)): the distribution of C when everything else is set. Among the
ancestors of the outcome Y, let D be those that still reach Y after the treatment is removed. Then

    P(y | do(x)) = Σ_{D \\ Y} Π_i Q[D_i],

where the D_i are the *districts* of D, its parts joined by bidirected edges. The data give Q[T] for each district T of the
whole graph, and Q[D_i] follows from that of the district around it by alternating two steps: sum out everything except
ancestors of D_i (`A` below), and keep the district of D_i in the rest. If neither step makes T smaller, T and D_i form
a hedge and no formula exists.

Each step is written as a rule of do-calculus or a law of probability; the formula is the last line of the derivation.

References:
    Tian and Pearl, A general identification condition for causal effects (2002).
    Shpitser and Pearl, Identification of joint interventional distributions (2006); Identification of conditional
    interventional distributions (2006).
    Huang and Valtorta, Pearl's calculus of intervention is complete (2006).
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

import networkx as nx

from .derivation import Derivation, Proof
from .do_calculus import exchange_of_action_and_observation
from .expression import Expression, Probability, Product, Quotient, Sum
from .graph import CausalGraph
from .hedge import Hedge, hedge_between
from .separation import ancestral_closure
from .simplification import simplify

__all__ = ["Descent", "Plan", "derive", "descend", "districts", "plan"]


@dataclass(frozen=True)
class Descent:
    """How Q[target] follows from the data.

    Args:
        target: A district of D.
        levels: Pairs (T, A): T is a district of the previous rest, A the ancestors of the target within T. The last A
            is the target.
    """

    target: tuple[str, ...]
    levels: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]


@dataclass(frozen=True)
class Plan:
    """The sets of variables that identification passes through.

    Args:
        graph: The subgraph of the outcome's ancestors.
        outcome: The variables whose distribution is queried: Y and the conditions that could not become actions.
        treatment: The treatments that reach the outcome, and the observations exchanged for actions.
        exchanged: Those observations, in order of exchange.
        relevant: D: the variables that reach the outcome without passing through the treatment.
        descents: One for each district of D.
    """

    graph: CausalGraph
    outcome: tuple[str, ...]
    treatment: tuple[str, ...]
    exchanged: tuple[str, ...]
    relevant: tuple[str, ...]
    descents: tuple[Descent, ...]


def plan(
    graph: CausalGraph, treatment: Collection[str], outcome: Collection[str], given: Collection[str] = ()
) -> Plan | Hedge:
    """Plan the path from the joint distribution to P(outcome | do(treatment), given), or return the blocking hedge.

    >>> print(plan(CausalGraph("x -> y; x <-> y"), ["x"], ["y"]))
    F = {x, y} and F′ = {y} with root y
    """
    x, z, exchanged = list(treatment), list(given), []
    while (name := _exchangeable(graph, x, outcome, z)) is not None:
        x.append(name)
        z.remove(name)
        exchanged.append(name)
    y = graph.select((*outcome, *z))
    # The other actions make no difference to y (rule 3).
    reaching = graph.select(set(x) & set(_ancestors(graph.do(x), graph, y)))
    ancestral = graph.project(_ancestors(graph, graph, y))
    relevant = _ancestors(ancestral, set(ancestral) - set(reaching), y)
    descents = []
    for target in districts(ancestral, relevant):
        found = descend(ancestral, target)
        if isinstance(found, Hedge):
            return found
        descents.append(found)
    return Plan(ancestral, y, reaching, tuple(exchanged), relevant, tuple(descents))


def _exchangeable(graph: CausalGraph, x: list[str], y: Collection[str], z: list[str]) -> str | None:
    """The first observation that rule 2 turns into an action."""
    for name in z:
        if exchange_of_action_and_observation(graph, y=y, z=name, x=x, w=[other for other in z if other != name]):
            return name
    return None


def descend(graph: CausalGraph, target: tuple[str, ...]) -> Descent | Hedge:
    """How Q[target] follows from the joint distribution, or the hedge that prevents it (Tian's algorithm)."""
    levels = []
    around = tuple(graph)
    while around != target:
        district = next(names for names in districts(graph, around) if target[0] in names)
        around = _ancestors(graph, district, target)
        if around == district != target:  # neither step made the set smaller
            return hedge_between(graph, district, target)
        levels.append((district, around))
    return Descent(target, tuple(levels))


def derive(graph: CausalGraph, effect: Probability, way: Plan) -> Derivation:
    """The derivation along a plan; its last state is the formula.

    >>> graph = CausalGraph("x -> m -> y; x <-> y")
    >>> effect = Probability(("y",), (), ("x",))
    >>> print(derive(graph, effect, plan(graph, ["x"], ["y"])).formula)
    Σ_{m} P(m | x) Σ_{x′} P(x′) P(y | m, x′)
    """
    proof = Proof(graph, effect)
    action, condition = effect.do, effect.given
    for name in way.exchanged:
        before = Probability(effect.of, condition, action)
        action, condition = (*action, name), tuple(other for other in condition if other != name)
        proof.by_rules(before, Probability(effect.of, condition, action))
    joint = Probability((*effect.of, *condition), (), action)
    if condition:
        conditional = Probability(effect.of, condition, action)
        proof.by_law("definition of conditional probability", conditional, Quotient(joint, Sum(effect.of, joint)))
    proof.by_rules(joint, Probability(way.outcome, (), way.treatment))
    if way.treatment:
        _factorise(proof, way)
        for descent in way.descents:
            _follow(proof, way.graph, descent)
    shorter = simplify(proof.state)
    if shorter.text != proof.state.text:
        proof.by_law("sums of whole distributions are one, equal factors cancel", proof.state, shorter)
    return proof.done()


def _factorise(proof: Proof, way: Plan) -> None:
    """From P(y | do(x)) to the sum over the product of Q[D_i]."""
    graph, x, relevant = way.graph, way.treatment, way.relevant
    whole = Probability(relevant, (), x)
    summed = _without(relevant, way.outcome)
    proof.by_law("law of total probability", Probability(way.outcome, (), x), _sum(summed, whole))
    if len(way.descents) == 1:
        proof.by_rules(whole, _q(graph, relevant))
        return
    districts = [descent.target for descent in way.descents]
    chained = {name: Probability((name,), earlier, x) for name, earlier in _chain(relevant)}
    groups = (_product(chained[name] for name in district) for district in districts)
    proof.by_law("chain rule", whole, _product(groups))
    for district in districts:
        set_outside = _q(graph, district).do
        for name, earlier in _chain(district):
            other = _without(chained[name].given, district)
            acting = graph.select((*x, *other))
            proof.by_rules(
                chained[name],
                Probability((name,), earlier, acting),
                Probability((name,), earlier, graph.select((*acting, *set_outside))),
                Probability((name,), earlier, set_outside),
            )
        parts = (Probability((name,), earlier, set_outside) for name, earlier in _chain(district))
        proof.by_law("chain rule", _product(parts), _q(graph, district))


def _follow(proof: Proof, graph: CausalGraph, descent: Descent) -> None:
    """From Q[target] back to the data."""
    outer = [tuple(graph), *(ancestors for _, ancestors in descent.levels)]
    for before, (district, ancestors) in reversed(list(zip(outer, descent.levels))):
        whole = _q(graph, district)
        proof.by_rules(_q(graph, ancestors), Probability(ancestors, (), whole.do))
        summed = _sum(_without(district, ancestors), whole)
        proof.by_law("law of total probability", Probability(ancestors, (), whole.do), summed)
        if district != before:
            _open_district(proof, graph, district, before)


def _open_district(proof: Proof, graph: CausalGraph, district: tuple[str, ...], before: tuple[str, ...]) -> None:
    """From Q[T] to factors of the distribution of a set around it, Q[A], of which T is a district."""
    whole, around = _q(graph, district), _q(graph, before)
    parts = [Probability((name,), earlier, whole.do) for name, earlier in _chain(district)]
    proof.by_law("chain rule", whole, _product(parts))
    for part in parts:
        name, later = part.of[0], _after(graph, part.of[0])
        early = _without(whole.do, set(later) & set(before))
        acting = graph.select((*early, *around.do))
        seen = graph.select((*part.given, *_without(acting, around.do)))
        needed = _blanket(graph, _without(before, later), name)
        proof.by_rules(
            part,
            Probability(part.of, part.given, early),
            Probability(part.of, part.given, acting),
            Probability(part.of, seen[::-1], around.do),
            Probability(part.of, needed[::-1], around.do),
        )
        if before != tuple(graph):
            above = _sum(_without(before, (name, *needed)), around)
            fraction = Quotient(above, Sum(_without(before, needed), around)) if needed else above
            proof.by_law("definition of conditional probability", Probability(part.of, needed, around.do), fraction)


def _q(graph: CausalGraph, names: tuple[str, ...]) -> Probability:
    """Q[C]: the distribution of C when its parents outside are set."""
    parents = {parent for name in names for parent in graph.parents(name)}
    return Probability(names, (), graph.select(parents - set(names)))


def _ancestors(graph: CausalGraph, within: Iterable[str], names: Iterable[str]) -> tuple[str, ...]:
    """The names and their ancestors in the subgraph `within`."""
    closure = ancestral_closure(graph.networkx().subgraph(within), names)
    return tuple(name for name in graph if name in closure)


def districts(graph: CausalGraph, within: Collection[str]) -> list[tuple[str, ...]]:
    """The parts of the subgraph `within` that bidirected edges join, in topological order of their first members."""
    joined = nx.Graph()
    joined.add_nodes_from(name for name in graph if name in within)
    joined.add_edges_from((a, b) for a, b in graph.confounded if a in within and b in within)
    return [graph.select(part) for part in nx.connected_components(joined)]


def _blanket(graph: CausalGraph, within: Collection[str], name: str) -> tuple[str, ...]:
    """The separator of the last of `within` from the others: its district there and the district's parents."""
    district = next(names for names in districts(graph, within) if name in names)
    parents = {parent for member in district for parent in graph.parents(member) if parent in within}
    return graph.select((parents | set(district)) - {name})


def _after(graph: CausalGraph, name: str) -> tuple[str, ...]:
    return graph.nodes[graph.nodes.index(name) + 1 :]


def _chain(names: tuple[str, ...]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each name with the earlier ones, nearest first."""
    return ((name, names[:place][::-1]) for place, name in enumerate(names))


def _without(names: Iterable[str], others: Collection[str]) -> tuple[str, ...]:
    return tuple(name for name in names if name not in others)


def _sum(over: tuple[str, ...], body: Expression) -> Expression:
    return Sum(over, body) if over else body


def _product(factors: Iterable[Expression]) -> Expression:
    first, *rest = factors
    return Product((first, *rest)) if rest else first
