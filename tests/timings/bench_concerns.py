"""How often an effect's checks raise a concern: on clean tables, and on tables with one planted violation.

    python tests/timings/bench_concerns.py TABLES [KIND ...] [--first N] [--jobs J] [--save FILE] [--no-refute]
    python tests/timings/bench_concerns.py --read FILE

Prints for each kind the share of tables with any concern, with the planted one first, coverage (refusals are misses), and
how often each check and each refuter spoke, at last as `causalgen.effects.check_rates` holds it. Table N of a kind is the
same in every run, so a long run can be made in chunks: `--first` is the number of the first table, and `--save` adds a line
for each table to a file for `--read`.

Every table has 500 to 5,000 rows, 3 to 25 covariates of three kinds, a curve and an interaction in the outcome, an effect
that differs between rows and, except for `overlap`, propensities between 5 % and 95 % for nearly all rows. The kinds:

clean     The graph is right, and nothing is hidden.
hidden    A hidden cause of treatment and outcome, and a negative-control outcome that it moves too. Without a negative
          control (or an instrument, or a second source) nothing in a table can show a hidden cause.
arrow     A mediator is drawn as a cause of the treatment. Another cause of it, which the graph names, tells: it is
          independent of the treatment until the mediator is held equal. Without such a variable both graphs imply the
          same independencies, and no data tell them apart.
collider  An effect of treatment and outcome is drawn as a cause of both. A cause of the treatment alone tells: it is tied
          to the collider. Without such a variable no data tell.
overlap   The covariates all but decide the treatment.
form      The analyst asks for linear adjustment alone, and a confounder acts on treatment and outcome as a wave.
wave      The same wave, with the methods that run by default: whether anything is wrong depends on their models.
"""

import time
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from judging import judge_tables, table_options
from scipy import special  # a function of it by its own name cannot be sent to other processes

from causalgen.effects import estimate_effect
from causalgen.effects.diagnostics import examine
from causalgen.errors import CausalgenError
from causalgen.graph import CausalGraph

Rng = np.random.Generator
Columns = dict[str, np.ndarray]


@dataclass(frozen=True)
class Table:
    """One drawn table.

    Attributes:
        graph: The graph that the analyst assumes.
        columns: What the generator drew.
        effect: The true average effect of do(t=treated) against do(t=control).
        controls: Negative-control outcomes.
        wanted: Words of the concern that names the violation; any of them.
        methods: The methods that the analyst asks for; None for the defaults.
    """

    graph: str
    columns: Columns
    effect: float
    controls: tuple[str, ...] = ()
    wanted: tuple[str, ...] = ()
    methods: tuple[str, ...] | None = None


class World:
    """Covariates, the log odds of the treatment and the outcome under both values, before any column is written.

    Args:
        rng: Source of every draw.
        strength: Deviation of the log odds that the covariates give.
    """

    def __init__(self, rng: Rng, strength: float = 0.8) -> None:
        self.rng = rng
        self.rows, count = int(np.exp(rng.uniform(np.log(500), np.log(5000)))), int(rng.integers(3, 26))
        edges, self.columns = covariates(rng, self.rows, count)
        shown = np.stack([standard(column) for column in self.columns.values()])
        used = rng.random(count) < 4 / count
        used[rng.integers(count)] = True
        weights = rng.normal(size=count) * used
        self.odds = strength * standard(weights @ shown)
        causes = weights + rng.normal(size=count) * (rng.random(count) < 0.5)
        bend = 0.4 * shown[0] ** 2 + 0.3 * shown[0] * shown[1]
        self.base = standard(causes @ shown) + bend
        self.change = rng.normal() + 0.3 * shown[0]
        names = ", ".join(self.columns)
        self.graph = f"{edges}; {{{names}}} -> {{t, y}}; t -> y"

    def treated(self) -> np.ndarray:
        """Draw who is treated."""
        return self.rng.random(self.rows) < special.expit(self.odds)

    def noise(self, scale: float = 1.0) -> np.ndarray:
        """Independent normal draws."""
        return scale * self.rng.normal(size=self.rows)

    def table(self, t: np.ndarray, y: np.ndarray, *, graph: str = "", effect: float = 0.0, **more: Any) -> Table:
        """The columns with treatment and outcome, the graph with more edges, the effect with another path's."""
        columns = self.columns | {"t": np.where(t, "treated", "control"), "y": y}
        return Table(f"{self.graph}; {graph}", columns, float(self.change.mean()) + effect, **more)


def covariates(rng: Rng, rows: int, count: int) -> tuple[str, Columns]:
    """Covariates of three kinds along a sparse chain: edges and columns."""
    edges, columns = [], {}
    for place in range(count):
        drive = np.zeros(rows)
        if place and rng.random() < 0.4:
            cause = f"x{rng.integers(place)}"
            edges.append(f"{cause} -> x{place}")
            drive = 0.6 * standard(columns[cause])
        kind = rng.choice(["number", "switch", "label"], p=[0.6, 0.25, 0.15])
        if kind == "number":
            columns[f"x{place}"] = drive + rng.normal(size=rows)
        elif kind == "switch":
            columns[f"x{place}"] = np.where(rng.random(rows) < special.expit(drive), "yes", "no")
        else:
            columns[f"x{place}"] = np.array(list("abc"))[np.digitize(drive + rng.normal(size=rows), [-0.6, 0.6])]
    return "; ".join(edges), columns


def clean(rng: Rng) -> Table:
    world = World(rng)
    t = world.treated()
    return world.table(t, world.base + world.change * t + world.noise())


def hidden(rng: Rng) -> Table:
    world = World(rng)
    cause = world.noise()
    world.odds = world.odds + 0.8 * cause
    t = world.treated()
    y = world.base + world.change * t + 0.8 * cause + world.noise()
    world.columns["spared"] = 0.8 * cause + 0.5 * standard(world.columns["x0"]) + world.noise()
    return world.table(t, y, graph="x0 -> spared", controls=("spared",), wanted=("negative control",))


def arrow(rng: Rng) -> Table:
    world = World(rng, strength=0.6)
    t, other = world.treated(), world.noise()
    mediator = 0.8 * t + other + world.noise(0.7)
    y = world.base + world.change * t + mediator + world.noise()
    world.columns |= {"other": other, "m": mediator}
    return world.table(t, y, graph="other -> m; m -> {t, y}", effect=0.8, wanted=("m, which", "other"))


def collider(rng: Rng) -> Table:
    world = World(rng, strength=0.5)
    lever = world.noise()
    world.odds = world.odds + 1.2 * lever
    world.change = world.change * np.sign(world.change.mean())  # so that both ways to the collider add up
    t = world.treated()
    y = world.base + world.change * t + world.noise()
    world.columns |= {"lever": lever, "k": 0.8 * t + 0.25 * y + world.noise(1.1)}
    return world.table(t, y, graph="lever -> t; k -> {t, y}", wanted=("k, which", "lever"))


def overlap(rng: Rng) -> Table:
    world = World(rng, strength=3.0)
    t = world.treated()
    wanted = ("overlap", "Overlap", "explode", "Exploding", "separat")
    return world.table(t, world.base + world.change * t + world.noise(), wanted=wanted)


def form(rng: Rng) -> Table:
    return waved(rng, ("linear adjustment",))


def wave(rng: Rng) -> Table:
    return waved(rng, None)


def waved(rng: Rng, methods: tuple[str, ...] | None) -> Table:
    """A confounder that acts as three periods of a wave, of which a straight line sees nothing."""
    world = World(rng, strength=0.6)
    x = rng.uniform(-3, 3, size=world.rows)
    world.odds, world.base = world.odds + 1.0 * np.cos(np.pi * x), world.base + 1.5 * np.cos(np.pi * x)
    t = world.treated()
    world.columns["x"] = x
    wanted = ("flexible models move", "disagree")
    y = world.base + world.change * t + world.noise()
    return world.table(t, y, graph="x -> {t, y}", wanted=wanted, methods=methods)


KINDS: dict[str, Callable[[Rng], Table]] = {
    "clean": clean, "hidden": hidden, "arrow": arrow, "collider": collider, "overlap": overlap, "form": form, "wave": wave,
}  # fmt: skip


def judge(kind: str, number: int, *, refute: bool) -> dict[str, Any]:
    """Draw one table, ask, examine; what was said, as a row of the file."""
    warnings.simplefilter("ignore")
    table = KINDS[kind](np.random.default_rng([list(KINDS).index(kind), number]))
    graph, frame = CausalGraph(table.graph), pd.DataFrame(table.columns)
    row: dict[str, Any] = {"kind": kind, "number": number, "rows": len(frame), "columns": frame.shape[1]}
    start = time.process_time()
    question = {"treatment": "t", "outcome": "y", "contrast": ("control", "treated"), "methods": table.methods}
    try:
        report = estimate_effect(graph, frame, **question, refute=refute, seed=number)  # type: ignore[arg-type]
        doubt = examine(graph, frame, report, negative_controls=table.controls, simulations=0, seed=number)
    except CausalgenError as error:
        text = str(error)
        return row | {"refused": text[:90], "first": any(word in text for word in table.wanted)}
    concerns = [check for check in doubt.checks if check.concern and check.subject == "estimate"]
    answer = report.estimate
    return row | {
        "seconds": time.process_time() - start,
        "concerns": [f"{check.kind}: {' '.join(check.about.split()[:7])}" for check in concerns],
        "first": bool(concerns) and any(word in concerns[0].about for word in table.wanted),
        "covered": bool(answer.covers(table.effect)),
        "source": answer.source,
        "error": answer.value - table.effect,
        "width": None if answer.low is None else answer.high - answer.low,
        "form": None if doubt.form is None else [doubt.form.shift, doubt.form.p_value],
        "refuters": {f"{one.refuter} on {one.estimate}": one.verdict == "rejected" for one in report.refutations},
        "naive": {one.refuter: one.naive_verdict == "rejected" for one in report.refutations},
    }


def summarise(rows: Sequence[dict[str, Any]]) -> None:
    """Print the rates of each kind of table."""
    for kind in dict.fromkeys(row["kind"] for row in rows):
        own = [row for row in rows if row["kind"] == kind]
        answered = [row for row in own if "refused" not in row]
        count = len(own)
        print(
            f"{kind}: {count} tables ({min(row['number'] for row in own)} to {max(row['number'] for row in own)}), "
            f"{np.mean([row['seconds'] for row in answered] or [0]):.1f} CPU s each: a concern in "
            f"{sum(bool(row['concerns']) for row in answered)}, the planted one first in {sum(row['first'] for row in own)}, "
            f"the interval covers in {sum(row['covered'] for row in answered)}, refused {count - len(answered)}"
        )
        said = Counter(concern for row in answered for concern in set(row["concerns"]))
        said.update(f"refused: {row['refused']}" for row in own if "refused" in row)
        said.update(f"refuter {name}" for row in answered for name, rejected in row["refuters"].items() if rejected)
        said.update(f"refuter {name} on naive" for row in answered for name, spoke in row["naive"].items() if spoke)
        for about, times in said.most_common(25):
            print(f"    {times:4} {about}")
        print(f"    check_rates.CHECKED: {checked(own)}")
        if any(row["refuters"] for row in answered):
            print(
                f"    check_rates.REFUTED: {refuted(answered)}; of the naive estimate: {refuted(answered, naive=True)}"
            )


def checked(rows: Sequence[dict[str, Any]]) -> dict[str, int]:
    """The tables with the planted fault first, with any concern or a refusal, and with one of each kind of check."""
    kinds = Counter(kind for row in rows for kind in {one.partition(":")[0] for one in row.get("concerns", ())})
    any_of_them = sum("refused" in row or bool(row["concerns"]) for row in rows)
    return {"tables": len(rows), "first": sum(row["first"] for row in rows), "any": any_of_them, **kinds}


def refuted(rows: Sequence[dict[str, Any]], *, naive: bool = False) -> dict[str, int]:
    """The tables in which each refuter rejects the recommended estimate, or the naive one."""
    names = list(rows[0]["naive"])
    own = [row["naive"] if naive else {name: row["refuters"].get(f"{name} on {row['source']}") for name in names}
           for row in rows]  # fmt: skip
    judged = [found for found in own if None not in found.values()]  # an estimate in the overlap is not refuted
    return {"tables": len(judged), **{name: sum(found[name] for found in judged) for name in names}}


def main() -> None:
    """Judge the tables that the command asks for, or read a file of judged ones."""
    parser = table_options(KINDS)
    parser.add_argument("--no-refute", action="store_true")
    asked = parser.parse_args()
    judge_tables(asked, KINDS, partial(judge, refute=not asked.no_refute), summarise)


def standard(column: np.ndarray) -> np.ndarray:
    """A column as numbers with mean 0 and deviation 1."""
    numbers = column if column.dtype.kind == "f" else np.unique(column, return_inverse=True)[1].astype(float)
    return (numbers - numbers.mean()) / (numbers.std() or 1.0)


if __name__ == "__main__":
    main()
