"""How many units a study needs: tables simulated from a fitted model, and the effect estimated from each."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray

from ..errors import CausalgenWarning, DataError
from ..grammar.outcome_labels import find_outcome_labels
from ..graph import CausalGraph, Variable
from ..scm import StructuralCausalModel, ancestral_model, attribute_model
from ..scm.label_model import label_model
from ..scm.values import to_frame
from .comparisons import implied_effect
from .contrast import read_contrast, read_joint_contrast
from .estimate import estimate_effect
from .find_estimand import find_estimand
from .power_result import CONDITION, PowerCurve, falls, needed_size, summarize_sizes
from .report import EffectReport
from .settings import check_level
from .shared_noise import SharedNoise, draw_grouped
from .single import LEAST_CLUSTERS, LEAST_ROWS

__all__ = ["SIZES", "ReadOutcome", "power_curve"]

SIZES = (100, 200, 400, 800, 1600)
MOST, LEAST_TABLES, MOST_TABLES = 100_000, 20, 10_000
AT_ONCE = 512
"""Number of groups that are drawn together if images are drawn too."""
TRUTH = 200_000
TRUTH_IMAGES = 4_000
"""Numbers of samples for the effect of the model under do: of attributes, and of images that are read."""
MOST_NOTED = 0.01
"""Above this share, refusals, estimates in another population, and images without a reading are noted."""


@dataclass(frozen=True, eq=False)
class ReadOutcome:
    """An outcome that is read from images.

    Args:
        image: The image node.
        read: Images `(n, C, H, W)` -> one number each, `(n,)`; NaN if there is none.
    """

    image: str
    read: Callable[[Any], Any]


def power_curve(
    scm: StructuralCausalModel,
    *,
    treatment: str | Sequence[str],
    outcome: str,
    contrast: tuple[Any, Any] | None = None,
    sizes: Sequence[int] = SIZES,
    tables: int = 100,
    methods: Sequence[str] | None = None,
    target: float = 0.8,
    reading: ReadOutcome | None = None,
    shared: SharedNoise | None = None,
    adjustment: Sequence[str] | None = None,
    level: float = 0.95,
    seed: int = 0,
    on_table: Callable[[], None] | None = None,
) -> PowerCurve:
    """Simulate studies of several sizes from a fitted model, and estimate the effect in each as `estimate_effect` does.

    A table of n units consists of the first n units of a larger one, so each simulated study is followed as it grows.
    The loop runs through joblib: its backend is the user's choice (`joblib.parallel_config`), and without one it starts
    no process.

    Args:
        scm: A fitted model.
        treatment: The treatment, or several.
        outcome: A continuous or binary attribute, or "attribute=label" for the probability of a label; or, with a
            reading, any new name: then the outcome is the reading itself, a child of its image.
        contrast: (a, b), labels or natural units; None compares the two labels of a binary treatment.
        sizes: Numbers of units: of rows, at least 50, or of groups with `shared`, at least 10, as estimators need them.
        tables: Number of simulated tables.
        methods: Estimators as in `estimate_effect`; the one that the report of a first table recommends is used for all.
        target: The power that the curve's `needed` refers to.
        reading: The outcome is read on generated images; the effect that intervals should cover is still that on the
            attribute, where the outcome is one.
        shared: Rows come in groups, and intervals are cluster-robust; None for independent rows.
        adjustment: The adjustment set; None to have one found.
        level: Level of the intervals.
        seed: Seed of all random numbers.
        on_table: Called after each table.

    Raises:
        UnknownNameError: A node or method does not exist.
        DataError: An argument is out of range, the graph has no path from treatment to outcome, or nothing can be
            estimated from the largest table.
        NotIdentifiableError: The graph does not identify the effect.
        NotFittedError: A mechanism is not fitted.
    """
    if reading is None and (label := find_outcome_labels(scm.graph, outcome)) is not None:
        scm, outcome = label_model(scm, label), label.name
    counts = _sizes(sizes, LEAST_ROWS if shared is None else LEAST_CLUSTERS)
    check_level(level)
    if not isinstance(tables, int | np.integer) or not LEAST_TABLES <= tables <= MOST_TABLES:
        raise DataError(f"Expected {LEAST_TABLES} to {MOST_TABLES:,} tables; got {tables}.")
    if not 0 < target < 1:
        raise DataError(f"Expected a target power between 0 and 1, such as 0.8; got {target!r}.")
    studied = _Studied(scm, reading, outcome, shared)
    given = treatment if isinstance(treatment, str) else tuple(treatment)
    compared = _contrast(studied.graph, given, contrast)
    estimand = find_estimand(studied.graph, given, outcome, adjustment=adjustment)
    if estimand.method == "no effect":
        raise DataError(
            f"Expected an outcome that the treatment acts on; the graph has no directed path from {given} to "
            f"{outcome}, so there is no effect to find."
        )
    question: dict[str, Any] = {"treatment": given, "outcome": outcome, "contrast": compared}
    effect = implied_effect(
        studied.model_under_do, **question, n=TRUTH if studied.attribute else TRUTH_IMAGES, level=0.6827, seed=seed
    )
    question |= {"adjustment": adjustment, "level": level, "cluster": None if shared is None else studied.unit}
    seeds = [int(child.generate_state(1)[0]) for child in np.random.SeedSequence(seed).spawn(tables + 1)]
    table = studied.table(counts[-1], seeds[-1])
    first = studied.estimate(table, question, methods)
    chosen = first.estimate.method
    ends, rows, elsewhere = [], [], 0
    simulate = delayed(_simulate)
    for one in Parallel(return_as="generator")(simulate(studied, counts, question, chosen, s) for s in seeds[:-1]):
        ends.append(one.ends)
        rows.append(one.rows)
        elsewhere += one.elsewhere
        if on_table is not None:
            on_table()
    found = np.array(ends)
    detected = (found[..., 0] > 0) | (found[..., 1] < 0)
    frame = summarize_sizes(counts, np.array(rows), found, effect.value)
    return PowerCurve(
        question=first.question,
        unit="rows" if shared is None else f"groups of '{shared.name}'",
        method=chosen,
        effect=effect.value,
        effect_error=0.0 if effect.high is None else effect.high - effect.value,
        level=level,
        target=target,
        tables=tables,
        frame=frame,
        needed=needed_size(counts, detected, target, seed),
        notes=(
            CONDITION,
            *studied.notes,
            *_unread_note(float(table[outcome].isna().mean())),
            *_table_notes(frame, tables, elsewhere),
            *_fall_note(frame, falls(detected), chosen),
        ),
    )


class _Studied:
    """Draws from the model, and turns them into the table of a study."""

    def __init__(
        self, scm: StructuralCausalModel, reading: ReadOutcome | None, outcome: str, shared: SharedNoise | None
    ) -> None:
        self.reading, self.outcome, self.shared = reading, outcome, shared
        self.attribute = outcome in scm.graph
        nodes = scm.graph.attributes
        self.scm = attribute_model(scm)
        if reading is not None:
            if reading.image not in scm.graph.images:
                raise DataError(
                    f"Expected a reading of an image of the model ({', '.join(scm.graph.images) or 'it has none'}); got "
                    f"'{reading.image}'."
                )
            self.scm = ancestral_model(scm, [*nodes, reading.image])
        self.scm.eval()
        self.graph = _graph_with(self.scm.graph, outcome, reading)
        self.unit = next(name for name in ("unit", "unit of the simulation") if name not in self.graph)

    @property
    def model_under_do(self) -> Any:
        """What `implied_effect` samples: attributes of the model, or a reading where the outcome is one."""
        return attribute_model(self.scm) if self.attribute else _ReadSamples(self)

    @property
    def notes(self) -> tuple[str, ...]:
        """What the simulation assumes about groups and readings."""
        found = []
        if self.shared is not None and self.shared.sizes.max() > 1:
            parts = [f"{name} {r:.2f}" for name, r in self.shared.shared.items()]
            found.append(
                f"Groups have {self.shared.sizes.mean():.3g} rows on average, as observed. Correlation of the noise of two "
                f"rows of one group, measured in {len(self.shared.sizes):,} groups of the data: {', '.join(parts) or 'none'}."
            )
        if self.reading is not None and self.attribute:
            found.append(
                f"{self.outcome} is read on generated images, and coverage refers to the effect on the attribute. An error "
                "of the reading that grows with the outcome biases the estimate. Generated images are softer than real ones."
            )
        return tuple(found)

    def table(self, units: int, seed: int) -> pd.DataFrame:
        """A table of `units` units, with the outcome read from images if it is, and a column of the units."""
        rng = np.random.default_rng(seed)
        sizes = np.ones(units, dtype=np.int64) if self.shared is None else rng.choice(self.shared.sizes, units)
        step = AT_ONCE if self.scm.graph.images else units
        parts = []
        for start in range(0, units, step):
            groups = np.repeat(np.arange(len(sizes[start : start + step])), sizes[start : start + step])
            shared = {} if self.shared is None else self.shared.shared
            values = draw_grouped(self.scm, groups, shared, int(rng.integers(2**32)))
            part = to_frame(self.scm.graph, values)
            if self.reading is not None:
                part[self.outcome] = self.read(values)
            parts.append(part.assign(**{self.unit: groups + start}))
        return pd.concat(parts, ignore_index=True)

    def read(self, values: Mapping[str, Any]) -> NDArray[np.float64]:
        """The reading of each image, `(n,)`."""
        assert self.reading is not None
        return np.asarray(self.reading.read(values[self.reading.image]), dtype=np.float64).reshape(-1)

    def estimate(self, table: pd.DataFrame, question: Mapping[str, Any], methods: Sequence[str] | None) -> EffectReport:
        """The report of one table, without refuters."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CausalgenWarning)
            return estimate_effect(self.graph, table, **question, methods=methods, refute=False)


class _ReadSamples:
    """Samples of a model under do, with the outcome read from each image."""

    def __init__(self, studied: _Studied) -> None:
        self.studied = studied

    def sample(self, n: int, *, do: Mapping[str, Any], seed: int) -> dict[str, NDArray[np.float64]]:
        starts = range(0, n, AT_ONCE)
        parts = [self.studied.scm.sample(min(AT_ONCE, n - start), do=do, seed=seed + start) for start in starts]
        return {self.studied.outcome: np.concatenate([self.studied.read(part) for part in parts])}


@dataclass(frozen=True, eq=False)
class _Simulated:
    """Intervals and row numbers of one table at every size, and the number of estimates in another population."""

    ends: list[tuple[float, float]]
    rows: list[int]
    elsewhere: int


def _simulate(
    studied: _Studied, sizes: NDArray[np.int64], question: Mapping[str, Any], method: str, seed: int
) -> _Simulated:
    whole = studied.table(int(sizes[-1]), seed)
    ends, rows, elsewhere = [], [], 0
    for size in sizes:
        table = whole[whole[studied.unit] < size]
        rows.append(len(table))
        try:
            found = studied.estimate(table, question, [method]).estimate
        except DataError:  # too few rows of one value, such as a rare label
            ends.append((np.nan, np.nan))
            continue
        elsewhere += found.population != "whole"
        ends.append((-np.inf if found.low is None else found.low, np.inf if found.high is None else found.high))
    return _Simulated(ends, rows, elsewhere)


def _sizes(sizes: Sequence[int], least: int) -> NDArray[np.int64]:
    found = sorted(set(sizes))
    if not found or not all(isinstance(n, int | np.integer) and least <= n <= MOST for n in found):
        raise DataError(
            f"Expected sizes as whole numbers from {least} to {MOST:,}; got {', '.join(map(str, sizes)) or 'none'}."
        )
    return np.array(found)


def _contrast(graph: CausalGraph, treatment: str | tuple[str, ...], contrast: Any) -> tuple[Any, Any]:
    """Both sides as labels or numbers of the model's variables."""
    names = (treatment,) if isinstance(treatment, str) else treatment
    for name in names:
        if graph[graph.require(name)].is_image:
            raise DataError(f"Expected an attribute as the treatment; got the image '{name}'.")
    if isinstance(treatment, str):
        return read_contrast(graph[treatment], contrast)[0]
    return read_joint_contrast([graph[name] for name in names], contrast)


def _graph_with(graph: CausalGraph, outcome: str, reading: ReadOutcome | None) -> CausalGraph:
    """The graph of the study: a reading may leave its attribute's support, and is added if it is not a node."""
    if reading is None:
        graph.require(outcome)
        return graph
    if outcome in graph:
        if graph[outcome].kind != "continuous":
            raise DataError(f"Expected a continuous attribute to read on images; '{outcome}' is {graph[outcome].kind}.")
        free = replace(graph[outcome], support=None)
        return graph.with_parts(variables=[free if v.name == outcome else v for v in graph.variables.values()])
    edges = [*graph.edges, (reading.image, outcome)]
    return graph.with_parts(edges=edges, variables=[*graph.variables.values(), Variable(outcome, "continuous")])


def _unread_note(share: float) -> list[str]:
    if share <= MOST_NOTED:
        return []
    return [
        f"{share:.0%} of the generated images have no reading. Their rows count in n, and are left out of the estimates."
    ]


def _fall_note(frame: pd.DataFrame, fall: tuple[int, int] | None, method: str) -> list[str]:
    if fall is None:
        return []
    small, large = (frame.iloc[place] for place in fall)
    return [
        f"Power falls from {small['power']:.2f} at n = {small['n']:,.0f} to {large['power']:.2f} at n = {large['n']:,.0f}: "
        f"look at the width. In larger tables some methods, such as g-computation, fit a curve in place of a straight line, "
        f"and their intervals are wider; here the method is {method}."
    ]


def _table_notes(frame: pd.DataFrame, tables: int, elsewhere: int) -> list[str]:
    notes = []
    if int(frame["refused"].max()) > MOST_NOTED * tables:
        worst = frame.iloc[int(frame["refused"].argmax())]
        notes.append(
            f"Some tables allow no estimate, up to {int(worst['refused'])} of {tables} at n = "
            f"{int(worst['n']):,}; they count as studies that find nothing."
        )
    if elsewhere > MOST_NOTED * tables * len(frame):
        notes.append(
            f"Overlap is poor: {elsewhere} of {tables * len(frame)} estimates are for the overlap population, whose effect "
            "may differ from the effect of the model."
        )
    return notes
