"""Tables of the report: metrics by query, and summaries of data and run."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from ..graph import CausalGraph
from .content import DataSummary, MechanismSummary
from .folder import Group, Row, Table
from .style import in_brackets, number, with_interval
from .words import ABDUCTION

if TYPE_CHECKING:
    from ..scm.tempering import FittedTemperature, Tempering

__all__ = [
    "attribute_table",
    "evidence_table",
    "floor_note",
    "mechanism_table",
    "metric_tables",
    "pairs_table",
    "split_table",
]

BETTER = {"lower": "lower is better", "higher": "higher is better"}


def metric_tables(frame: pd.DataFrame, file: str = "") -> list[Table]:
    """Build one table per query: model and controls under each metric as rows, strata as columns, with intervals."""
    tables = []
    for query in sorted(dict.fromkeys(frame["query"]), key=lambda query: query == ""):
        part = frame[frame["query"] == query]
        strata = list(dict.fromkeys(part["stratum"]))
        header = ["Metric and row", *(_stratum_header(part, stratum) for stratum in strata)]
        groups = [_metric_group(part[part["metric"] == metric], strata) for metric in dict.fromkeys(part["metric"])]
        heading = query or "Without intervention"
        tables.append(Table(f"{heading}: values with 95 % intervals", header, groups, file, heading))
    return tables


def _stratum_header(part: pd.DataFrame, stratum: str) -> str:
    units = part.loc[part["stratum"] == stratum, "units"].unique()
    return f"{stratum} (n\u00a0=\u00a0{int(units[0]):,})" if len(units) == 1 else str(stratum)


def _metric_group(part: pd.DataFrame, strata: Iterable[str]) -> Group:
    first = part.iloc[0]
    unit = in_brackets(first["unit"])
    notes = [BETTER.get(first["better"], "")]
    if "floor" not in set(part["row"]):
        notes.append(floor_note(first))
    rows = []
    for name in dict.fromkeys(part["row"]):
        own = part[part["row"] == name]
        cells = {r["stratum"]: _cell(r["value"], r["low"], r["high"]) for _, r in own.iterrows()}
        note = "; ".join(dict.fromkeys(text for text in own["note"] if text))
        rows.append(Row([name, *(cells.get(stratum, "–") for stratum in strata)], note=note, strong=name == "model"))
    return Group(rows, f"{first['metric']}{unit}", "; ".join(note for note in notes if note))


def floor_note(row: Any) -> str:
    """State the best value that a metric can reach, since its measurement errs on real images too."""
    if pd.isna(row["floor"]):
        return ""
    return f"{'ceiling' if row['better'] == 'higher' else 'floor'} of the measurement {number(row['floor'])}"


def _cell(value: float, low: float, high: float) -> str:
    """Format number and interval; a narrow page may break the line between them, not inside the brackets."""
    return with_interval(value, low, high).replace(", ", ",\u00a0")


def split_table(data: DataSummary) -> Table:
    """List the rows by split."""
    total = sum(data.rows.values())
    rows = [Row([split, f"{count:,}", f"{count / max(total, 1):.0%}"]) for split, count in data.rows.items()]
    return Table(
        "Rows by split", ["Split", "Rows", "Share"], [Group([*rows, Row(["all", f"{total:,}", "100%"], strong=True)])]
    )


def attribute_table(frame: pd.DataFrame, graph: CausalGraph, file: str = "") -> Table:
    """List kind, unit, range and mean of every attribute."""
    rows = []
    for name, variable in graph.variables.items():
        if name not in frame:
            continue
        column = frame[name]
        if variable.is_discrete or not pd.api.types.is_numeric_dtype(column):
            counts = column.value_counts()
            spread = f"{len(counts)} labels; most frequent {counts.index[0]} ({counts.iloc[0] / len(column):.0%})"
        else:
            mean, deviation, low, high = map(number, (column.mean(), column.std(), column.min(), column.max()))
            spread = f"{mean} ± {deviation} (from {low} to {high})"
        rows.append(Row([name, variable.kind or "–", variable.unit or "–", spread]))
    return Table(
        "Attributes: mean ± standard deviation (range)", ["Attribute", "Kind", "Unit", "Values"], [Group(rows)], file
    )


def mechanism_table(mechanisms: Iterable[MechanismSummary], file: str = "") -> Table:
    """List mechanism, abduction and options of every node."""
    rows = []
    for row in mechanisms:
        options = ", ".join(f"{key} {value}" for key, value in row.options.items())
        epoch = "–" if row.best_epoch is None else str(row.best_epoch)
        abduction = ABDUCTION.get(row.abduction, row.abduction)
        rows.append(Row([row.node, row.mechanism, abduction, f"{row.parameters:,}", epoch], note=options))
    header = ["Node", "Mechanism", "Abduction of its noise", "Parameters", "Best epoch"]
    return Table("Mechanisms", header, [Group(rows)], file)


def evidence_table(tempering: "Tempering", file: str = "") -> Table:
    """List the temperatures of image evidence, with what they do on the units that checked them."""
    titles = {
        "continuous": "Numbers: share of 95 % intervals that hold the true value (mean length in standard deviations)",
        "discrete": "Labels: share of units whose most probable label is right (its mean probability)",
    }
    found = {kind: [_evidence_row(fit) for fit in tempering.fits if fit.kind == kind] for kind in titles}
    groups = [Group(rows, titles[kind]) for kind, rows in found.items() if rows]
    header = ["Missing", "Temperature", "At face value", "Tempered"]
    return Table(f"Evidence of images, on {tempering.checked_on:,} validation units", header, groups, file)


def _evidence_row(fit: "FittedTemperature") -> Row:
    before, after = (f"{held:.0%} ({number(sure)})" for held, sure in zip(fit.held, fit.sure))
    kept = fit.temperature == fit.proposed
    note = "" if kept else f"1/{fit.proposed:.2g} was best on the fitting units and not better than 1 on these."
    missing = {"rest": "one attribute, the others known", "images": "all attributes"}[fit.known]
    return Row([missing, f"{fit.temperature:.2g}", before, after if kept else before], note=note)


def pairs_table(caption: str, header: tuple[str, str], pairs: Mapping[str, Any], file: str = "") -> Table:
    """Build a two-column table of names and values."""
    return Table(caption, header, [Group([Row([str(key), str(value)]) for key, value in pairs.items()])], file)
