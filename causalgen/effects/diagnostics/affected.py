"""Adjustment variables that the data suggest are effects of the treatment, against the graph.

An arrow that points the wrong way changes which variables are independent, and given what: with w -> m -> t the
variables w and t are dependent, and independent given m; with w -> m <- t they are independent, and dependent given m.
So a variable m of the adjustment set is suspected if two things hold: the data reject an independence that the graph
implies but the graph with m as an effect does not, and they do not reject what the latter graph implies about the same
two variables.

Reference:
    Verma and Pearl, Equivalence and synthesis of causal models (1990), for arrows that meet.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from ...errors import GraphError
from ...graph import CausalGraph, Estimand, Independence
from .bearing import cannot_bear

__all__ = ["Affected", "affected_variables"]

SIGNIFICANCE = 0.05

Test = Callable[[Independence], float | None]


@dataclass(frozen=True)
class Affected:
    """An adjustment variable that the treatment may act on.

    Attributes:
        variable: Its name.
        treatment: The treatment.
        rejected: An independence that the graph implies and the data reject.
        explained: All rejected independencies that the reversed arrow explains.
        found: The independence of the same two variables that the reversed arrow implies and the data do not reject.
        consequence: What the estimate would be without the variable, as text; empty where it was not estimated.
    """

    variable: str
    treatment: str
    rejected: Independence
    explained: frozenset[Independence]
    found: Independence
    consequence: str = ""

    @property
    def about(self) -> str:
        """The finding in a few words."""
        return f"the data suggest that {self.treatment} acts on {self.variable}, which is adjusted for"

    @property
    def reading(self) -> str:
        """The finding as text, and what it cannot show."""
        return (
            f"Wrong arrow: {self.about}. The graph draws {self.variable} -> {self.treatment}, which implies "
            f"{self.rejected}, and the data reject that; {self.treatment} -> {self.variable} implies {self.found}, which they "
            f"do not reject.{self.consequence} It cannot show that the arrow is reversed: another missing edge may look alike."
        )


def affected_variables(
    rejected: Sequence[Independence], graph: CausalGraph, estimand: Estimand, test: Test
) -> tuple[Affected, ...]:
    """The adjustment variables, drawn as causes of the treatment, that look like effects of it.

    A variable that explains only part of what another one explains is left out.

    Args:
        rejected: Independencies that the graph implies and the data reject.
        graph: The assumed graph, of the attributes.
        estimand: Estimand identified by adjustment for one treatment; the result is empty for others.
        test: P-value of one more independence; None where it cannot be tested.
    """
    treatment = estimand.treatment
    if estimand.method != "backdoor" or not isinstance(treatment, str):
        return ()
    telling = {row for row in rejected if not cannot_bear(row, graph, estimand)}
    causes = [name for name in estimand.adjustment if (name, treatment) in graph.edges] if telling else []
    found = [row for name in causes if (row := _affected(name, rejected, telling, graph, estimand, test)) is not None]
    found = [row for row in found if not any(row.explained < other.explained for other in found)]
    return tuple(sorted(found, key=lambda row: -len(row.explained)))


def _affected(
    name: str,
    rejected: Sequence[Independence],
    telling: set[Independence],
    graph: CausalGraph,
    estimand: Estimand,
    test: Test,
) -> Affected | None:
    """The variable, if the reversed arrow explains a clear rejection and the data reject nothing that it implies."""
    assert isinstance(estimand.treatment, str)
    for changed in _reversed(graph, name, estimand.treatment, str(estimand.outcome)):
        explained = [row for row in rejected if not changed.d_separated(row.x, row.y, row.given)]
        implied = {frozenset(row[:2]): row for row in changed.independencies()} if telling & {*explained} else {}
        found = [(row, again, test(again)) for row in explained if (again := implied.get(frozenset(row[:2])))]
        kept = [
            p_value is None or p_value * len(found) > SIGNIFICANCE for *_, p_value in found
        ]  # Bonferroni's correction
        shown = [(row, again) for row, again, p_value in found if row in telling and p_value is not None]
        if shown and all(kept):
            return Affected(name, estimand.treatment, shown[0][0], frozenset(explained), shown[0][1])
    return None


def _reversed(graph: CausalGraph, name: str, treatment: str, outcome: str) -> Iterator[CausalGraph]:
    """The graph with the variable as an effect of the treatment, and as one of treatment and outcome."""
    edges = [edge for edge in graph.edges if edge != (name, treatment)] + [(treatment, name)]
    both = [edge for edge in edges if edge != (name, outcome)] + [(outcome, name)]
    for changed in (edges, both):
        try:
            yield CausalGraph(changed, list(graph.variables.values()), graph.confounded)
        except GraphError:  # a cycle
            continue
