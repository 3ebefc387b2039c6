"""Derivations: an estimand step by step, each step a rule of do-calculus or a law of probability.

Reference:
    Pearl, Causality (2009), 3.4.3 (the front-door formula derived).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from .do_calculus import RuleCheck, rule_between
from .expression import Expression, Probability, Product, Sum
from .graph import CausalGraph

__all__ = ["Derivation", "Proof", "Step", "derive_back_door", "derive_front_door", "derive_no_effect"]


@dataclass(frozen=True)
class Step:
    """One step: `before` becomes `after`, which is equal to it, wherever it occurs.

    Args:
        before: The part of the formula that changes.
        after: The part that replaces it.
        law: The law of probability that makes them equal; empty if a rule does.
        check: The rule of do-calculus with its separation; None if a law does.
    """

    before: Expression
    after: Expression
    law: str = ""
    check: RuleCheck | None = None

    @property
    def reason(self) -> str:
        """The rule with its separation, or the law of probability."""
        return self.law if self.check is None else self.check.reason


@dataclass(frozen=True)
class Derivation:
    """The derivation of an intervention-free formula from a probability under an intervention; prints as equations."""

    start: Probability
    steps: tuple[Step, ...] = ()

    def states(self) -> Iterator[Expression]:
        """The whole formula at the start and after each step."""
        state: Expression = self.start
        yield state
        for step in self.steps:
            state = state.replace(step.before, step.after)
            yield state

    @property
    def formula(self) -> Expression:
        """The last state."""
        *_, last = self.states()
        return last

    def __iter__(self) -> Iterator[Step]:
        return iter(self.steps)

    def __len__(self) -> int:
        return len(self.steps)

    def __str__(self) -> str:
        reserved = self.start.free
        first, *rest = (state.write(reserved=reserved) for state in self.states())
        return "\n".join([first, *(f"= {state}    [{step.reason}]" for state, step in zip(rest, self.steps))])


class Proof:
    """A derivation under construction; `state` is the whole formula so far.

    Args:
        graph: The graph in which the rules are checked.
        start: The probability to derive.
    """

    def __init__(self, graph: CausalGraph, start: Probability) -> None:
        self.graph = graph
        self.start = start
        self.state: Expression = start
        self._steps: list[Step] = []

    def by_rules(self, *terms: Probability) -> None:
        """Turn the first term into the last, one rule of do-calculus per step; equal terms are skipped."""
        for before, after in pairwise(terms):
            if before != after:
                self._take(Step(before, after, check=rule_between(self.graph, before, after)))

    def by_law(self, law: str, before: Expression, after: Expression) -> None:
        """Turn one part into an equal one by a law of probability."""
        if before != after:
            self._take(Step(before, after, law=law))

    def _take(self, step: Step) -> None:
        state = self.state.replace(step.before, step.after)
        if state != self.state:
            self.state = state
            self._steps.append(step)

    def done(self) -> Derivation:
        """Return the derivation so far."""
        return Derivation(self.start, tuple(self._steps))


def derive_no_effect(graph: CausalGraph, effect: Probability) -> Derivation:
    """Rule 3: the action makes no difference."""
    proof = Proof(graph, effect)
    proof.by_rules(effect, Probability(effect.of, effect.given))
    return proof.done()


def derive_back_door(graph: CausalGraph, treatment: str, outcome: str, adjustment: tuple[str, ...]) -> Derivation:
    """Condition on the adjustment set, exchange the action, and delete it from the distribution of the set."""
    x, y, z = (treatment,), (outcome,), adjustment
    proof = Proof(graph, Probability(y, (), x))
    if z:
        proof.by_law(
            "law of total probability", proof.start, Sum(z, Product((Probability(y, z, x), Probability(z, (), x))))
        )
    proof.by_rules(Probability(y, z, x), Probability(y, (*x, *z)))
    if z:
        proof.by_rules(Probability(z, (), x), Probability(z))
    return proof.done()


def derive_front_door(graph: CausalGraph, treatment: str, outcome: str, mediators: tuple[str, ...]) -> Derivation:
    """Pearl's derivation: the effect on the mediators, then theirs on the outcome."""
    x, y, m = (treatment,), (outcome,), mediators
    proof = Proof(graph, Probability(y, (), x))
    through = Product((Probability(m, (), x), Probability(y, m, x)))
    proof.by_law("law of total probability", proof.start, Sum(m, through))
    proof.by_rules(Probability(m, (), x), Probability(m, x))
    proof.by_rules(Probability(y, m, x), Probability(y, (), (*x, *m)), Probability(y, (), m))
    spread = Product((Probability(y, x, m), Probability(x, (), m)))
    proof.by_law("law of total probability", Probability(y, (), m), Sum(x, spread))
    proof.by_rules(Probability(y, x, m), Probability(y, (*m, *x)))
    proof.by_rules(Probability(x, (), m), Probability(x))
    return proof.done()
