"""The page "which one do I choose?", written from a benchmark's table."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ..metrics.collapse import COVERAGE, DIVERSITY
from ..metrics.units import ALL
from .settings import Benchmark
from .table import value

__all__ = ["page"]

DEFAULT = "causalgen"
COSTS = {"seconds to train": "seconds", "seconds for 1,000": "seconds_per_1000", "memory": "memory_mib"}
MOST_WEAKNESSES = 5
EXACT = 0.05
"""Above this difference, a metric that is exact by construction is shown as measured."""
LEAST_COMPARED = 3
"""Least number of rows for which a worst third is meaningful."""
LEGEND = """\
- *error left*: L1 to the true counterfactual image, as a share of the error of the factual image
- *attributes*: error of what the image shows; measured on the image where possible, else by a predictor; (floor): the same \
measurement on real images
- *realism*: Frechet distance of samples in features of this project's own predictors, over its floor, real images against \
real images; not comparable to Inception FID
- *composition*: L1 to the factual image after null interventions, grey levels; "exact": by construction, and \
measured
- *leak*: R2 or accuracy with which abducted noise predicts the attribute; (chance): the permutation control
- *variety*: within conditions, relative to real images; below 0.5 counts as mode collapse
- *coverage*: share of real images near which a sample lies (real images); low: mode collapse, or samples unlike real images
- *fine-tuned*: the same mechanism after counterfactual fine-tuning, with other predictors than those of the evaluation; its \
seconds include both
- several seeds: mean [least, greatest]; costs: mean"""


@dataclass(frozen=True)
class OverviewColumn:
    """One column of the overview.

    Args:
        title: Heading.
        metric, query: Which result; query "" for any.
        better: "lower" or "higher".
        control: Row in brackets: "floor" for the result's floor, a row's name, or "".
        over_floor: Show the value divided by its floor.
        noise: Whether it belongs to the table of noise and cost.
    """

    title: str
    metric: str
    query: str = ""
    better: str = "lower"
    control: str = ""
    over_floor: bool = False
    noise: bool = False


def page(
    benchmark: Benchmark,
    summary: pd.DataFrame,
    costs: pd.DataFrame,
    facts: Mapping[str, str],
    failures: Sequence[str],
    notes: Mapping[str, Mapping[str, Sequence[str]]],
) -> str:
    """The page as Markdown.

    Args:
        benchmark: The benchmark.
        summary: Result of `summarise`.
        costs: Result of `costs`.
        facts: What was run, on which machine, by which command.
        failures: Cells that did not finish, and why.
        notes: Result of `notes`.
    """
    lines = [f"# Which image mechanism? Measured on {benchmark.data.label}", ""]
    lines += [f"- {name}: {text}" for name, text in facts.items()] + [""]
    lines += [f"**{failure}**\n" for failure in failures]
    protocol = DEFAULT if DEFAULT in set(summary["protocol"]) else benchmark.protocols[0]
    summary, everything = summary[summary["protocol"] == protocol], summary
    columns = _columns(benchmark, summary)
    quality, rest = [c for c in columns if not c.noise], [c for c in columns if c.noise]
    lines += [
        "## Which one do I choose?",
        "",
        f"How good, by the protocol `{protocol}`:",
        "",
        *_overview(quality, summary, costs),
        "",
    ]
    lines += ["Abduction, noise, variety and cost:", "", *_overview(rest, summary, costs, priced=True), "", LEGEND, ""]
    if len(costs) >= LEAST_COMPARED:
        lines += ["## Weaknesses of each", "", *_weaknesses(benchmark, summary, costs), ""]
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


def _columns(benchmark: Benchmark, summary: pd.DataFrame) -> list[OverviewColumn]:
    """Columns of the overview for which there are results."""
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
    for name in benchmark.queries:
        columns += [
            OverviewColumn(f"leak of {name}", f"noise leak: {name} {kind}", control="permutation control", noise=True)
            for kind in ("R2", "accuracy")
        ]
    columns += [OverviewColumn("variety", DIVERSITY, "samples", "higher", noise=True)]
    columns += [OverviewColumn("coverage", COVERAGE, "samples", "higher", control="floor", noise=True)]
    present = set(zip(summary["metric"], summary["query"])) | {(metric, "") for metric in summary["metric"]}
    return [column for column in columns if (column.metric, column.query) in present]


def _overview(
    columns: Sequence[OverviewColumn], summary: pd.DataFrame, costs: pd.DataFrame, *, priced: bool = False
) -> Iterator[str]:
    part = summary[summary["stratum"] == ALL]
    ends = ["s to train", "s / 1,000", "MiB"] if priced else []
    yield from _head(["mechanism", "abduction", "seeds", *(column.title for column in columns), *ends])
    for label, cost in costs.iterrows():
        own = part[part["label"] == label]
        shown = [_cell(own, column, "model") for column in columns]
        prices = [_number(cost[name]) for name in ("seconds", "seconds_per_1000", "memory_mib")] if priced else []
        yield _line([label, cost["abduction"], cost["seeds"], *shown, *prices])
    controls = [row for row in ("identity control", "codec control", "oracle") if (part["row"] == row).any()]
    for control in () if priced else controls:
        shown = [_cell(_richest(part, column, control), column, control) for column in columns]
        yield _line([f"*{control}*", "", "", *shown])


def _richest(part: pd.DataFrame, column: OverviewColumn, row: str) -> pd.DataFrame:
    """Results of the first mechanism that has this control: controls of the data are the same for all."""
    have = part[(part["metric"] == column.metric) & (part["row"] == row)]
    return part[part["label"] == have["label"].iloc[0]] if len(have) else have


def _cell(part: pd.DataFrame, column: OverviewColumn, row: str) -> str:
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
        text += f" ({_number(found['floor'])})"
    elif column.control and (control := value(part, **(wanted | {"row": column.control}))) is not None:
        text += f" ({_number(control['value'])})"
    flagged = str(found["note"]).startswith("mode collapse")
    return text + (f" **{'mode collapse' if column.metric == DIVERSITY else 'low'}**" if flagged else "")


def _weaknesses(benchmark: Benchmark, summary: pd.DataFrame, costs: pd.DataFrame) -> Iterator[str]:
    """For each mechanism, the figures in which it is among the worst third, the worst first."""
    scores = _scores(benchmark, summary, costs)
    for label, cost in zip(map(str, costs.index), costs.to_dict("records")):
        worst = []
        for title, (series, sign) in scores.items():
            if label in series.index and len(series) >= LEAST_COMPARED and series.nunique() > 1:
                rank = int((sign * series > sign * series[label]).sum()) + 1
                if rank <= math.ceil(len(series) / 3):
                    best = series.min() if sign > 0 else series.max()
                    worst.append((rank, f"{title} ({_number(series[label])}; best {_number(best)})"))
        words = [text for _, text in sorted(worst)[:MOST_WEAKNESSES]]
        if cost["abduction"] == "none":
            words.insert(0, "no abduction: no counterfactuals of observed images")
        yield f"- **{label}**: " + ("; ".join(words) or "nothing among the worst third")


def _scores(benchmark: Benchmark, summary: pd.DataFrame, costs: pd.DataFrame) -> dict[str, tuple[pd.Series, int]]:
    """Figures by column and mechanism, with 1 where lower is better and -1 where higher is."""
    part = summary[(summary["stratum"] == ALL) & (summary["row"] == "model")]
    scores: dict[str, tuple[pd.Series, int]] = {}
    for column in _columns(benchmark, part):
        chosen = part[part["metric"] == column.metric]
        chosen = chosen[chosen["query"] == column.query] if column.query else chosen
        chosen = chosen.drop_duplicates("label").set_index("label")
        figures = chosen["value"] / chosen["floor"] if column.over_floor else chosen["value"]
        scores[column.title] = (figures, 1 if column.better == "lower" else -1)
    for title, name in COSTS.items():
        scores[title] = (costs[name].dropna(), 1)
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
    yield from _head(["", *(" ".join(filter(None, place)).replace(" by predictor", "") for place in places)])
    for label in dict.fromkeys(part["label"]):
        own = part[part["label"] == label]
        yield _line([label, *(_cell(own, OverviewColumn("", *place), "model") for place in places)])
    controls = ("identity control", "untrained control", "codec control", "oracle")
    for control in [control for control in controls if (part["row"] == control).any()]:
        rows = [_richest(part, OverviewColumn("", *place), control) for place in places]
        yield _line(
            [f"*{control}*", *(_cell(own, OverviewColumn("", *place), control) for own, place in zip(rows, places))]
        )
    floors = [
        value(part, metric=metric, row="model", **({"query": query} if query else {})) for metric, query in places
    ]
    yield _line(["*floor*", *("" if f is None or math.isnan(f["floor"]) else _number(f["floor"]) for f in floors)])
    published = benchmark.published
    if published is not None and (part["protocol"] == "published").any():
        for name, figures in published.rows.items():
            yield _line([f"published: {name}", *(_published(figures, *place) for place in places)])
        yield ""
        yield f"Published figures: {published.source}. {published.note}"


def _published(figures: Mapping[str, float], metric: str, query: str) -> str:
    figure = figures.get(f"{metric} | {query}" if query else metric)
    return "" if figure is None else _number(figure)


def _spread(found: pd.Series, unit: float = 1.0) -> str:
    value, least, greatest = (_number(found[name] / unit) for name in ("value", "least", "greatest"))
    return value if found["seeds"] < 2 else f"{value} [{least}, {greatest}]"


def _number(number: Any) -> str:
    return "" if number is None or number != number else f"{number:.3g}" if abs(number) < 1000 else f"{number:,.0f}"


def _head(titles: Sequence[str]) -> list[str]:
    return [_line(titles), "|" + "---|" * len(titles)]


def _line(cells: Sequence[Any]) -> str:
    return "| " + " | ".join(str(cell) for cell in cells) + " |"
