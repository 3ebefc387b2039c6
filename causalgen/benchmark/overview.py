"""Tables of a benchmark's page: a row for each mechanism, a column for each question, controls below or in brackets."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from ..metrics.collapse import COVERAGE, DIVERSITY
from ..metrics.drift import DRIFT
from ..metrics.gradient import DEFECT
from ..metrics.units import ALL
from .settings import Benchmark
from .table import value

__all__ = [
    "CONTROLS",
    "LEGEND",
    "OverviewColumn",
    "cell",
    "columns_of",
    "head",
    "heading",
    "line",
    "number",
    "overview",
    "richest",
]

EXACT = 0.05
"""Above this difference, a metric that is exact by construction is shown as measured."""
ROUNDING = 1e-9
"""Below this size, a figure is a rounding error."""
CONTROLS = ("identity control", "codec control", "oracle")
"""Rows below a table of quality."""
LEGEND = """\
- 0.31 ±0.02 [0.29, 0.33]: the mean over seeds, half the width of the 95 % interval over units, and the least and greatest seed
- *error left*: L1 to the true counterfactual image, as a share of the error of the factual image
- *attributes*: error of what the image shows; measured on the image where possible, else by a predictor; (floor): the same \
measurement on real images
- *moved*: off-target drift, how far an attribute that the intervention does not affect moves on the image, in its unit;
  of a \
label the share of images that change it; (null intervention): the same without an intervention
- *realism*: Frechet distance of samples in features of this project's own predictors, over its floor, real images against \
real images; not comparable to Inception FID
- *composition*: L1 to the factual image after null interventions, grey levels; "exact": by construction, and \
measured
- *leak*: R2 or accuracy with which abducted noise predicts the attribute; (chance): the permutation control
- *gradient defect*: 0 where the map from noise to image is the gradient of a function, 0.5 where it has no symmetry
- *variety*: within conditions, relative to real images; below 0.5 counts as mode collapse
- *coverage*: share of real images near which a sample lies (real images); low: mode collapse, or samples unlike real images
- *fine-tuned*: the same mechanism after counterfactual fine-tuning, with other predictors than those of the evaluation; its \
seconds include both
- costs: mean over seeds"""


@dataclass(frozen=True)
class OverviewColumn:
    """One column of an overview.

    Args:
        title: Heading.
        metric, query: Which result; query "" for any.
        better: "lower" or "higher".
        control: Row in brackets: "floor" for the result's floor, a row's name, or "".
        over_floor: Show the value divided by its floor.
        table: The table that it belongs to.
    """

    title: str
    metric: str
    query: str = ""
    better: str = "lower"
    control: str = ""
    over_floor: bool = False
    table: Literal["quality", "drift", "noise"] = "quality"


def columns_of(benchmark: Benchmark, summary: pd.DataFrame) -> list[OverviewColumn]:
    """Columns of the overviews for which there are results."""
    queries = [f"do({name})" for name in benchmark.queries]
    columns = [OverviewColumn(f"error left, {q}", "image L1 to truth, relative to identity", q) for q in queries]
    for name, query in zip(benchmark.queries, queries):
        columns += [
            OverviewColumn(f"{name}, {query}", f"{name} MAE", query, control="floor"),
            OverviewColumn(f"{name}, {query}", f"{name} accuracy by predictor", query, "higher", control="floor"),
        ]
        columns += (
            []
            if name in benchmark.measurements
            else [OverviewColumn(f"{name}, {query}", f"{name} MAE by predictor", query, control="floor")]
        )
    columns += [
        OverviewColumn("digit kept, do(thickness)", "digit accuracy by predictor", "do(thickness)", "higher", "floor")
    ]
    columns += [OverviewColumn("realism / floor", "Frechet distance", "samples", over_floor=True)]
    columns += [OverviewColumn("composition, 10 cycles", "composition L1 (10 cycles)")]
    columns += [
        OverviewColumn(f"{name} moved, {query}", DRIFT + name, query, control="null intervention", table="drift")
        for query in queries
        for name in benchmark.queries
    ]
    for name in benchmark.queries:
        columns += [
            OverviewColumn(
                f"leak of {name}", f"noise leak: {name} {kind}", control="permutation control", table="noise"
            )
            for kind in ("R2", "accuracy")
        ]
    columns += [OverviewColumn("gradient defect", DEFECT, table="noise")]
    columns += [OverviewColumn("variety", DIVERSITY, "samples", "higher", table="noise")]
    columns += [OverviewColumn("coverage", COVERAGE, "samples", "higher", control="floor", table="noise")]
    present = set(zip(summary["metric"], summary["query"])) | {(metric, "") for metric in summary["metric"]}
    return [column for column in columns if (column.metric, column.query) in present]


def overview(
    columns: Sequence[OverviewColumn],
    summary: pd.DataFrame,
    costs: pd.DataFrame,
    *,
    controls: Sequence[str] = (),
    priced: bool = False,
) -> Iterator[list[Any]]:
    """Rows of a table: the mechanisms, then the controls that have results.

    Args:
        columns: The columns to show.
        summary: Result of `summarise`, of one protocol.
        costs: Result of `costs`.
        controls: Names of rows to show below the mechanisms.
        priced: Whether to add the three costs.
    """
    part = summary[summary["stratum"] == ALL]
    for label, cost in costs.iterrows():
        own = part[part["label"] == label]
        shown = [cell(own, column, "model") for column in columns]
        prices = [number(cost[name]) for name in ("seconds", "seconds_per_1000", "memory_mib")] if priced else []
        yield [label, cost["abduction"], cost["seeds"], *shown, *prices]
    for control in [row for row in controls if (part["row"] == row).any()]:
        shown = [cell(richest(part, column, control), column, control) for column in columns]
        yield [f"*{control}*", "", "", *shown]


def heading(columns: Sequence[OverviewColumn], *, priced: bool = False, several: bool = False) -> list[str]:
    """The first two lines of a table of `overview` rows."""
    first = ["data", "mechanism"] if several else ["mechanism"]
    ends = ["s to train", "s / 1,000", "MiB"] if priced else []
    return head([*first, "abduction", "seeds", *(column.title for column in columns), *ends])


def richest(part: pd.DataFrame, column: OverviewColumn, row: str) -> pd.DataFrame:
    """Return the results of the first mechanism that has this control: controls of the data are the same for all."""
    have = part[(part["metric"] == column.metric) & (part["row"] == row)]
    return part[part["label"] == have["label"].iloc[0]] if len(have) else have


def cell(part: pd.DataFrame, column: OverviewColumn, row: str) -> str:
    """One cell: the value with its interval, its spread over seeds and its control; empty if nothing was measured."""
    wanted = {"metric": column.metric, "row": row} | ({"query": column.query} if column.query else {})
    found = value(part, **wanted)
    if found is None:
        return "no abduction" if row == "model" and set(part["abduction"]) == {"none"} else ""
    if column.over_floor:
        return _spread(found, found["floor"]) if found["floor"] else ""
    if str(found["note"]).startswith("by construction") and found["greatest"] < EXACT:
        return "exact"
    text = _spread(found)
    if column.control == "floor" and found["floor"] == found["floor"]:
        text += f" ({number(found['floor'])})"
    elif column.control and (control := value(part, **(wanted | {"row": column.control}))) is not None:
        text += f" ({number(control['value'])})"
    flagged = str(found["note"]).startswith("mode collapse")
    return text + (f" **{'mode collapse' if column.metric == DIVERSITY else 'low'}**" if flagged else "")


def _spread(found: pd.Series, unit: float = 1.0) -> str:
    shown, least, greatest = (number(found[name] / unit) for name in ("value", "least", "greatest"))
    half = (found["high"] - found["low"]) / 2 / unit
    shown += f" ±{half:.2g}" if half > ROUNDING else ""
    return shown if found["seeds"] < 2 else f"{shown} [{least}, {greatest}]"


def number(figure: Any) -> str:
    """A figure with three digits; empty for none.

    >>> number(0.12345), number(1234.5), number(None)
    ('0.123', '1,234', '')
    """
    if figure is None or figure != figure:
        return ""
    return "0" if abs(figure) < ROUNDING else f"{figure:.3g}" if abs(figure) < 1000 else f"{figure:,.0f}"


def head(titles: Sequence[str]) -> list[str]:
    """The first two lines of a Markdown table."""
    return [line(titles), "|" + "---|" * len(titles)]


def line(cells: Sequence[Any]) -> str:
    """One line of a Markdown table.

    >>> line(["conv-vae", 3])
    '| conv-vae | 3 |'
    """
    return "| " + " | ".join(str(cell) for cell in cells) + " |"
