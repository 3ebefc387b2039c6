"""From a table to an equivalence class, with its assumptions."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import norm

from ..datasets.kinds import columns_line
from ..errors import DataError
from ..graph import CausalGraph, GraphLike, Variable, as_graph
from .catalog import Search, assumptions, choose_test, find, refuse_unfit
from .columns import ColumnKind, SearchedColumns, read_columns
from .comparison import Comparison, compare
from .equivalence import EquivalenceClass
from .frequencies import Frequencies
from .frequencies import bootstrap as resample
from .knowledge import Knowledge

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Discovery", "discover"]

KERNEL_ROWS = 300
"""Maximum number of rows for the kernel test, whose time grows with their cube: about 0.3 s per test at 300."""


@dataclass(frozen=True, repr=False)
class Discovery:
    """The result of an algorithm on a table, with its assumptions.

    Args:
        found: The equivalence class.
        algorithm: Name in the catalog.
        test: Name of the independence test; None for an algorithm that tests none.
        alpha: Level of the test; None for such an algorithm.
        knowledge: The background knowledge of the search.
        frequencies: Shares of resamples; None when there were none.
        kinds: Kind by column.
        rows_used: Rows searched.
        rows_dropped: Rows left out because a value was missing.
        assumptions: The assumptions as text; without them the class has no meaning.
        warnings: Remarks for the reader.
        seed: Seed of resamples and of ICA.
        versions: Versions of the libraries used.
        variables: The variable that each column was read as.
    """

    found: EquivalenceClass
    algorithm: str
    test: str | None
    alpha: float | None
    knowledge: Knowledge
    frequencies: Frequencies | None
    kinds: Mapping[str, ColumnKind]
    rows_used: int
    rows_dropped: int
    assumptions: tuple[str, ...]
    warnings: tuple[str, ...]
    seed: int
    versions: Mapping[str, str]
    variables: tuple[Variable, ...] = ()

    @property
    def columns(self) -> str:
        """The kinds that the columns were read as, as text."""
        return columns_line(self.variables)

    def compare(self, graph: GraphLike) -> Comparison:
        """Compare with a graph, refined by the same knowledge.

        Raises:
            DataError: A column is not in the graph.
            GraphError: The graph contradicts the knowledge, or has hidden common causes that the algorithm assumes away.
        """
        graph = as_graph(graph)
        return compare(self.found, graph, knowledge=self.knowledge, frequencies=self.frequencies)

    def to_frame(self) -> "pd.DataFrame":
        """One row per edge: a, mark, b, meaning, and with resamples the shares `adjacent` and `as_found`."""
        frame = self.found.to_frame()
        if self.frequencies is not None:
            frame["adjacent"] = [self.frequencies.adjacent(a, b) for a, _, b in self.found.edges]
            frame["as_found"] = [self.frequencies.share(a, mark, b) for a, mark, b in self.found.edges]
        return frame

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form."""
        return {
            "algorithm": self.algorithm,
            "test": self.test,
            "alpha": self.alpha,
            "found": self.found.to_dict() | {"text": str(self.found)},
            "edges": self.to_frame().to_dict("records"),
            "knowledge": self.knowledge.to_dict(),
            "resamples": 0 if self.frequencies is None else self.frequencies.resamples,
            "frequencies": [] if self.frequencies is None else self.frequencies.to_frame().to_dict("records"),
            "kinds": dict(self.kinds),
            "columns": self.columns,
            "rows_used": self.rows_used,
            "rows_dropped": self.rows_dropped,
            "assumptions": list(self.assumptions),
            "warnings": list(self.warnings),
            "seed": self.seed,
            "versions": dict(self.versions),
        }

    def __str__(self) -> str:
        return f"{self.found.kind}: {self.found}"

    def __repr__(self) -> str:
        told = f", {len(self.warnings)} warning{'s' * (len(self.warnings) > 1)}" if self.warnings else ""
        return f"Discovery({self.algorithm}, {self.rows_used:,} rows{told}, {self})"


def discover(
    table: "pd.DataFrame",
    *,
    algorithm: str = "pc",
    columns: str | int | Iterable[str | int] | None = None,
    kinds: Mapping[str, str] | None = None,
    graph: CausalGraph | None = None,
    knowledge: Knowledge | None = None,
    group: str | int | Sequence | None = None,
    test: str = "auto",
    alpha: float = 0.01,
    bootstrap: int = 0,
    seed: int = 0,
    jobs: int = 1,
) -> Discovery:
    """Find the class of causal graphs that fits the independences, or the noise, in a table.

    Args:
        table: One row per unit; rows with a missing value are dropped and counted.
        algorithm: "pc" (no hidden causes), "fci" (hidden causes allowed), "ges" (a score instead of tests), "lingam" or
            "ica-lingam" (linear, non-Gaussian noise).
        columns: The columns to search; all when left out.
        kinds: "continuous" or "discrete" (also "binary", "categorical" or "ordinal") by column, overriding the table.
        graph: A graph whose variables declare kinds; its edges are not read.
        knowledge: Required and forbidden edges, tiers.
        group: A column, or one value per row, that identifies rows from one source; they are resampled together.
        test: "auto" (Fisher's z, G² or mixed, by kinds), "fisherz", "kci", "gsq", "chisq" or "mixed".
        alpha: Level of the test. No level is always right: fewer rows need a larger one.
        bootstrap: Resamples for the frequencies of edges.
        seed: Seed of all random numbers.
        jobs: Number of processes for the resamples, in joblib's convention.

    Raises:
        DataError: The table or an argument does not fit; the message lists what is possible.
        UnknownNameError: A column, algorithm or test does not exist.

    >>> import numpy as np, pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> a, b = rng.normal(size=(2, 1000))
    >>> result = discover(pd.DataFrame({"a": a, "b": b, "c": a + b + rng.normal(size=1000)}))
    >>> print(result)
    CPDAG: a -> c; b -> c
    >>> print(result.compare(CausalGraph("a -> c <- b")))
    SHD 0 of 3 pairs; adjacencies: precision 1.00, recall 1.00, F1 1.00
    """
    chosen, knowledge = find(algorithm), knowledge or Knowledge()
    if not 0 < alpha < 1:
        raise DataError(f"Expected a level alpha between 0 and 1; got {alpha}.")
    for what, number, least in (("resamples", bootstrap, 0), ("processes", jobs, 1), ("a seed", seed, 0)):
        if not isinstance(number, Integral) or number < least:
            raise DataError(f"Expected {what} as a whole number of {least} or more; got {number!r}.")
    read = read_columns(table, columns=columns, kinds=kinds, graph=graph, group=group)
    knowledge.within(read.names)
    refuse_unfit(chosen, read, knowledge, test)
    decided = choose_test(read, test) if chosen.tested else None
    read = _thin(read, decided, seed)
    search = Search(chosen, read, knowledge, decided, alpha)
    found = search.run(seed)
    shares = resample(search, resamples=bootstrap, seed=seed, jobs=jobs) if bootstrap else None
    return Discovery(
        found,
        chosen.name,
        decided,
        alpha if decided else None,
        knowledge,
        shares,
        dict(zip(read.names, read.kinds)),
        len(read),
        read.dropped,
        assumptions(chosen, read, decided),
        (*read.warnings, *found.conflicts, *_warnings(search, found, shares)),
        seed,
        {name: version(name) for name in ("causal-learn", "numpy", "scipy")},
        read.variables,
    )


def _thin(columns: SearchedColumns, test: str | None, seed: int) -> SearchedColumns:
    if test != "kci" or len(columns) <= KERNEL_ROWS:
        return columns
    rows = np.random.default_rng(seed).choice(len(columns), KERNEL_ROWS, replace=False)
    said = f"The kernel test ran on {KERNEL_ROWS} of {len(columns):,} rows, drawn at random; it misses weak edges."
    groups = None if columns.groups is None else columns.groups[rows]
    return replace(columns, values=columns.values[rows], groups=groups, warnings=(*columns.warnings, said))


def _warnings(search: Search, found: EquivalenceClass, shares: Frequencies | None) -> Iterable[str]:
    algorithm, columns, alpha = search.algorithm, search.columns, search.alpha
    if "continuous" in columns.kinds and algorithm.kinds == ("continuous",):
        from .lingam import gaussian_noises

        gaussian = gaussian_noises(columns, found)
        if len(gaussian) > 1:
            yield (
                f"The noises of {', '.join(gaussian)} were not rejected as Gaussian (Jarque-Bera, level 0.05); with more than "
                "one Gaussian noise, LiNGAM's directions among these columns have no basis."
            )
    if columns.groups is not None and len(np.unique(columns.groups)) < len(columns):
        yield "The search itself treats the rows of one group as independent and so finds too many edges; the resamples do not."
    if shares is not None and algorithm.tested:
        chance = 2 * norm.sf(norm.isf(alpha / 2) / np.sqrt(2))
        yield (
            f"Resamples repeat rows: at level {alpha:g} about {chance:.0%} of them join two independent columns. A "
            "share near that is not evidence of an edge."
        )
