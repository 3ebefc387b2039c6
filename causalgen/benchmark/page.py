"""The page "which one do I choose?", written from a benchmark's table."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from ..metrics.units import ALL
from .overview import CONTROLS, LEGEND, OverviewColumn, cell, columns_of, head, heading, line, number, overview, richest
from .settings import Benchmark
from .table import value

__all__ = ["BenchmarkFigures", "page", "tables"]

DEFAULT = "causalgen"
COSTS = {"seconds to train": "seconds", "seconds for 1,000": "seconds_per_1000", "memory": "memory_mib"}
MOST_WEAKNESSES = 5
LEAST_COMPARED = 3
"""Minimum number of rows for which a worst third is meaningful."""
TABLES = {
    "quality": "How good, by the protocol `{}`:",
    "drift": "How far attributes that should not change move:",
    "noise": "Abduction, noise, variety and cost:",
}


@dataclass(frozen=True)
class BenchmarkFigures:
    """The figures of a benchmark.

    Args:
        benchmark: The benchmark.
        summary: Result of `summarise`.
        costs: Result of `costs`.
    """

    benchmark: Benchmark
    summary: pd.DataFrame
    costs: pd.DataFrame

    def under(self, protocol: str) -> "BenchmarkFigures":
        """The results of one protocol."""
        return replace(self, summary=self.summary[self.summary["protocol"] == protocol])


def page(
    measured: BenchmarkFigures,
    facts: Mapping[str, str],
    failures: Sequence[str],
    notes: Mapping[str, Mapping[str, Sequence[str]]],
) -> str:
    """The page as Markdown.

    Args:
        measured: Results of all protocols.
        facts: Facts about the run: benchmark, machine and command.
        failures: Cells that did not finish, and why.
        notes: Result of `notes`.
    """
    benchmark, everything, costs = measured.benchmark, measured.summary, measured.costs
    lines = [f"# Which image mechanism? Measured on {benchmark.data.label}", ""]
    lines += [f"- {name}: {text}" for name, text in facts.items()] + [""]
    lines += [f"**{failure}**\n" for failure in failures]
    protocol = DEFAULT if DEFAULT in set(everything["protocol"]) else benchmark.protocols[0]
    lines += ["## Which one do I choose?", "", *tables({benchmark.name: measured}, protocol), LEGEND, ""]
    if len(costs) >= LEAST_COMPARED:
        lines += ["## Weaknesses of each", "", *_weaknesses(measured.under(protocol)), ""]
    for protocol in dict.fromkeys(everything["protocol"]):
        part = everything[everything["protocol"] == protocol]
        if not part.empty:
            lines += [
                f"## Protocol `{protocol}`: attributes by predictors, composition",
                "",
                *_protocol(benchmark, part),
                "",
                *(f"- {'; '.join(labels)}: {note}" for note, labels in notes.get(protocol, {}).items()),
                "",
            ]
    return "\n".join(lines).rstrip() + "\n"


def tables(parts: Mapping[str, BenchmarkFigures], protocol: str = DEFAULT) -> Iterator[str]:
    """Lines of the overviews, each with its sentence.

    Args:
        parts: Measurements, by the name of the data. Several data sets share a table of the figures that at least two
            of them have.
        protocol: The protocol of the results.
    """
    several, parts = len(parts) > 1, {name: part.under(protocol) for name, part in parts.items()}
    counts = Counter(column for part in parts.values() for column in columns_of(part.benchmark, part.summary))
    columns = [column for column, count in counts.items() if count >= min(2, len(parts))]
    for table, sentence in TABLES.items():
        shown, priced = [column for column in columns if column.table == table], table == "noise"
        controls = {"quality": CONTROLS, "drift": ("truth",)}.get(table, ())
        if not shown and not priced:
            continue
        yield from (sentence.format(protocol), "", *heading(shown, priced=priced, several=several))
        for name, part in parts.items():
            rows = overview(shown, part.summary, part.costs, controls=controls, priced=priced)
            yield from (line([name, *row] if several else row) for row in rows)
        yield ""


def _weaknesses(measured: BenchmarkFigures) -> Iterator[str]:
    """For each mechanism, the figures in which it is among the worst third, the worst first."""
    scores, costs = _scores(measured), measured.costs
    for label, cost in zip(map(str, costs.index), costs.to_dict("records")):
        worst = []
        for title, (series, sign) in scores.items():
            if label in series.index and len(series) >= LEAST_COMPARED and series.nunique() > 1:
                rank = int((sign * series > sign * series[label]).sum()) + 1
                if rank <= math.ceil(len(series) / 3):
                    best = series.min() if sign > 0 else series.max()
                    worst.append((rank, f"{title} ({number(series[label])}; best {number(best)})"))
        words = [text for _, text in sorted(worst)[:MOST_WEAKNESSES]]
        if cost["abduction"] == "none":
            words.insert(0, "no abduction: no counterfactuals of observed images")
        yield f"- **{label}**: " + ("; ".join(words) or "nothing among the worst third")


def _scores(measured: BenchmarkFigures) -> dict[str, tuple[pd.Series, int]]:
    """Return figures by column and mechanism, with 1 if lower is better and -1 if higher is better."""
    summary = measured.summary
    part = summary[(summary["stratum"] == ALL) & (summary["row"] == "model")]
    scores: dict[str, tuple[pd.Series, int]] = {}
    for column in columns_of(measured.benchmark, part):
        chosen = part[part["metric"] == column.metric]
        chosen = chosen[chosen["query"] == column.query] if column.query else chosen
        chosen = chosen.drop_duplicates("label").set_index("label")
        figures = chosen["value"] / chosen["floor"] if column.over_floor else chosen["value"]
        scores[column.title] = (figures, 1 if column.better == "lower" else -1)
    for title, name in COSTS.items():
        scores[title] = (measured.costs[name].dropna(), 1)
    return scores


def _protocol(benchmark: Benchmark, part: pd.DataFrame) -> Iterator[str]:
    """Predictors' errors by intervention, with controls, the floor and published figures."""
    part = part[part["stratum"] == ALL]
    queries = [f"do({name})" for name in benchmark.queries]
    metrics = [m for m in dict.fromkeys(part["metric"]) if m.endswith("by predictor")]
    places = [(metric, query) for metric in metrics for query in queries]
    places += [("composition L1 (1 cycle)", ""), ("composition L1 (10 cycles)", "")]
    places += [("minimality CLD", query) for query in queries]
    places = [
        p for p in places if not part[(part["metric"] == p[0]) & (part["query"].isin([p[1]]) | (p[1] == ""))].empty
    ]
    yield from head(["", *(" ".join(filter(None, place)).replace(" by predictor", "") for place in places)])
    for label in dict.fromkeys(part["label"]):
        own = part[part["label"] == label]
        yield line([label, *(cell(own, OverviewColumn("", *place), "model") for place in places)])
    controls = ("identity control", "untrained control", "codec control", "oracle")
    for control in [control for control in controls if (part["row"] == control).any()]:
        rows = [richest(part, OverviewColumn("", *place), control) for place in places]
        yield line(
            [f"*{control}*", *(cell(own, OverviewColumn("", *place), control) for own, place in zip(rows, places))]
        )
    floors = [
        value(part, metric=metric, row="model", **({"query": query} if query else {})) for metric, query in places
    ]
    yield line(["*floor*", *("" if f is None or math.isnan(f["floor"]) else number(f["floor"]) for f in floors)])
    published = benchmark.published
    if published is not None and (part["protocol"] == "published").any():
        for name, figures in published.rows.items():
            yield line([f"published: {name}", *(_published(figures, *place) for place in places)])
        yield ""
        yield f"Published figures: {published.source}. {published.note}"


def _published(figures: Mapping[str, float], metric: str, query: str) -> str:
    figure = figures.get(f"{metric} | {query}" if query else metric)
    return "" if figure is None else number(figure)
