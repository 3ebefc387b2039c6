"""The independencies that a graph implies among observed attributes, tested together."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from ...datasets.declared import type_column, with_variables
from ...errors import DataError, nearest
from ...graph import CausalGraph, Estimand, GraphLike, Independence, as_graph
from ..report import Verdict
from .bearing import break_together, breaking_edges, cannot_bear, touches
from .independence import independence_p_value
from .words import holm, verdict

__all__ = ["ImpliedIndependencies", "TestedIndependence", "check_independencies", "independence_test"]

LEAST_ROWS = 50
MOST_ROWS = 10_000
MOST_TESTS = 200


@dataclass(frozen=True)
class TestedIndependence:
    """One independence of the graph against the table.

    Attributes:
        independence: What the graph implies.
        p_value: P-value of the hypothesis that it holds; None if the columns do not vary enough to test it.
        adjusted: The p-value after Holm's correction, over all tests of the graph that can bear on the effect or over
            all that cannot.
        verdict: "rejected" when `adjusted` <= 0.05.
        rows: Rows used.
        bears: Whether an edge between the two could break the identification of the effect; None without an effect.
        breaking: The edges between the two that would break it; judged where the independence is rejected.
        consequence: What the estimate would be with such an edge, as text; empty where it was not estimated.
    """

    independence: Independence
    p_value: float | None
    adjusted: float | None
    verdict: Verdict
    rows: int
    bears: bool | None = None
    breaking: tuple[str, ...] = ()
    consequence: str = ""

    @property
    def is_rejected(self) -> bool:
        return self.verdict == "rejected"

    @property
    def hypothesis(self) -> str:
        x, y, given = self.independence
        return f"{x} is independent of {y}" + (f" among rows with equal {', '.join(given)}" if given else "")

    @property
    def rejection(self) -> str:
        """The finding of a rejected test, in a few words."""
        return f"the data reject that {self.hypothesis}"

    @property
    def reading(self) -> str:
        """The verdict as text, and what it cannot show."""
        if self.rows < LEAST_ROWS:
            return f"no verdict on: {self.hypothesis}. Only {self.rows} rows have all of these columns."
        if self.p_value is None or self.adjusted is None:
            return f"no verdict on: {self.hypothesis}. Nothing varies among rows with equal other columns."
        test = f"{self.verdict}: {self.hypothesis} (p = {self.p_value:.2g}, {self.adjusted:.2g} corrected by Holm)."
        if self.verdict == "rejected":
            x, y, _ = self.independence
            return (
                f"{test} The graph lacks an edge or a hidden common cause between {x} and {y}, or an arrow points the "
                f"wrong way; it cannot show which of these.{self._bearing}"
            )
        return (
            f"{test} It cannot show that the graph is right: other graphs imply the same, and few rows detect only strong "
            "dependence."
        )

    @property
    def _bearing(self) -> str:
        if self.breaking:
            edges = " or ".join(self.breaking)
            return f" The effect would no longer be identified in this way if {edges} were true.{self.consequence}"
        if self.bears:
            return " The edges that the rejected independencies deny would together break the identification of the effect."
        return "" if self.bears is None else " No edge between the two would change how the effect is identified."


@dataclass(frozen=True)
class ImpliedIndependencies:
    """All tested independencies of a graph.

    Attributes:
        tests: One for each.
        left_out: Number of tests left out after the first 200, ordered by whether they bear on the effect, then by
            fewest conditions.
        unread: Attributes whose columns cannot be read, and why; paths through them are kept.
    """

    tests: tuple[TestedIndependence, ...]
    left_out: int = 0
    unread: tuple[str, ...] = ()

    @property
    def rejected(self) -> tuple[TestedIndependence, ...]:
        return tuple(row for row in self.tests if row.is_rejected)

    @property
    def reading(self) -> str:
        if not self.tests:
            nothing = (
                "The graph implies no independence among the observed attributes, so no table can contradict it: "
                "the whole graph is an assumption."
            )
            return " ".join([nothing, *self.unread])
        words = f"{len(self.rejected)} of {len(self.tests)} independencies that the graph implies are rejected"
        if bearing := [str(row.independence) for row in self.rejected if row.bears is not False]:
            words += f": {'; '.join(bearing)}"
        if harmless := len(self.rejected) - len(bearing):
            words += (
                f"; {harmless} of them do not affect how the effect is identified"
                if bearing
                else (", none of which affects how the effect is identified")
            )
        words += f"; {self.left_out} more were not tested" if self.left_out else ""
        words += ". Not rejected does not mean true: the missing edges stay an assumption."
        return " ".join([words, *self.unread])

    def to_frame(self) -> pd.DataFrame:
        """One row for each test, with its hypothesis and reading as text."""
        columns = ["independence", "hypothesis", "p_value", "adjusted", "verdict", "bears", "rows", "reading"]
        rows = [
            (
                *(str(row.independence), row.hypothesis, row.p_value, row.adjusted),
                *(row.verdict, row.bears, row.rows, row.reading),
            )
            for row in self.tests
        ]
        return pd.DataFrame(rows, columns=columns)


def check_independencies(
    graph: GraphLike,
    table: pd.DataFrame,
    *,
    estimand: Estimand | None = None,
    cluster: str | None = None,
    seed: int = 0,
) -> ImpliedIndependencies:
    """Test every independence that the graph implies among its attributes.

    Images are projected out, which keeps the paths through them; a hidden common cause (a <-> b) implies no
    independence of the two. One separating set is tested for each pair. Tables of more than 10,000 rows are sampled down
    to 10,000: a violation that this sample does not show is small.

    Args:
        graph: The assumed graph.
        table: A column for every attribute.
        estimand: What identifies an effect; each test then says whether it bears on that. A dependence that others
            without bearing on the effect explain is tested again, given a set that separates the two in spite of these.
        cluster: Column that names the cluster of each row; None when rows are independent.
        seed: Seed of the draw of rows.

    Raises:
        DataError: A column is missing, or the table has fewer than 50 rows.
    """
    graph = as_graph(graph)
    attributes = graph.project([name for name in graph.nodes if not graph[name].is_image])
    needed = [*attributes, *([] if cluster is None else [cluster])]
    missing = [name for name in needed if name not in table.columns]
    if missing:
        raise DataError(
            f"Expected a column for every attribute of the graph and for the clusters; '{missing[0]}' has none."
            + nearest(missing[0], map(str, table.columns))
        )
    attributes, unread = _readable(attributes, table)
    harmless = {
        row: estimand is not None and cannot_bear(row, attributes, estimand) for row in attributes.independencies()
    }
    implied = sorted(harmless, key=lambda row: (harmless[row], len(row.given)))
    tested = [
        (row, *independence_test(attributes, table, row, cluster=cluster, seed=seed)) for row in implied[:MOST_TESTS]
    ]
    rows = []
    for family in (False, True):  # tests that do not matter would weaken those that do
        own = [test for test in tested if harmless[test[0]] is family]
        adjusted = holm([p_value for _, p_value, _ in own])
        rows += [
            TestedIndependence(independence, p_value, corrected, verdict(corrected), count)
            for (independence, p_value, count), corrected in zip(own, adjusted, strict=True)
        ]
    if estimand is not None:
        rows = _judged_together([_judged(row, attributes, estimand) for row in rows], attributes, estimand)
        rows = _explained(
            rows, attributes, lambda row: independence_test(attributes, table, row, cluster=cluster, seed=seed)
        )
    return ImpliedIndependencies(tuple(rows), len(implied) - len(rows), unread)


def _judged(row: TestedIndependence, graph: CausalGraph, estimand: Estimand) -> TestedIndependence:
    """Add whether an edge between the test's variables could break the effect's identification."""
    if not row.is_rejected:
        return replace(row, bears=not cannot_bear(row.independence, graph, estimand))
    breaking = breaking_edges(row.independence, graph, estimand)
    return replace(row, bears=bool(breaking), breaking=breaking)


def _judged_together(
    rows: list[TestedIndependence], graph: CausalGraph, estimand: Estimand
) -> list[TestedIndependence]:
    """Mark tests of treatment and outcome as bearing on the effect if edges harmless alone break it together."""
    harmless = [row.independence for row in rows if row.is_rejected and not row.bears]
    if not any(touches(row, estimand) for row in harmless) or not break_together(harmless, graph, estimand):
        return rows
    return [
        replace(row, bears=True) if row.is_rejected and touches(row.independence, estimand) else row for row in rows
    ]


def _explained(
    rows: list[TestedIndependence],
    graph: CausalGraph,
    test: Callable[[Independence], tuple[float | None, int]],
) -> list[TestedIndependence]:
    """Repeat the tests that bear on the effect in a graph to which harmless dependencies are added."""
    harmless = [row.independence[:2] for row in rows if row.is_rejected and not row.bears]
    if not harmless:
        return rows
    drawn = graph.with_parts(confounded=[*graph.confounded, *harmless])
    implied = {frozenset(row[:2]): row for row in drawn.independencies()}
    found = []
    for row in rows:
        again = implied.get(frozenset(row.independence[:2]))
        if row.is_rejected and row.bears and again is None:  # the harmless dependencies explain this one
            row = replace(row, bears=False, breaking=())
        elif row.is_rejected and row.bears and again is not None and set(again.given) != set(row.independence.given):
            p_value, count = test(again)
            corrected = None if p_value is None else min(1.0, len(rows) * p_value)
            row = replace(
                row, independence=again, p_value=p_value, adjusted=corrected, verdict=verdict(corrected), rows=count
            )
        found.append(row)
    return found


def _readable(graph: CausalGraph, table: pd.DataFrame) -> tuple[CausalGraph, tuple[str, ...]]:
    """The graph of the attributes whose columns can be read, with their kinds, and the reasons why others cannot."""
    typed, unread = [], []
    for name in graph.nodes:
        try:
            typed.append(type_column(graph[name], table[name]).variable)
        except DataError as error:
            unread.append(f"'{name}' is left out of these tests. {error}")
    return with_variables(graph.project([variable.name for variable in typed]), typed), tuple(unread)


def independence_test(
    graph: CausalGraph, table: pd.DataFrame, row: Independence, *, cluster: str | None = None, seed: int = 0
) -> tuple[float | None, int]:
    """P-value of one independence, None where it cannot be tested, and the rows used."""
    used = [row.x, row.y, *row.given]
    complete = table[list(dict.fromkeys([*used, *([] if cluster is None else [cluster])]))].dropna()
    if len(complete) < LEAST_ROWS:
        if len(table) >= LEAST_ROWS:
            return None, len(complete)
        raise DataError(f"Expected at least {LEAST_ROWS} rows with {', '.join(used)}; got {len(complete)}.")
    if len(complete) > MOST_ROWS:
        complete = complete.iloc[np.random.default_rng(seed).choice(len(complete), MOST_ROWS, replace=False)]
    x, y, *given = (graph[name] for name in used)
    clusters = None if cluster is None else pd.factorize(complete[cluster])[0]
    return independence_p_value(complete, x, y, given, clusters), len(complete)
