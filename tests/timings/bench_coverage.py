"""Coverage of the recommended estimate's 95 % interval where the truth is known; a refusal counts as a miss.

    python tests/timings/bench_coverage.py TABLES [KIND ...] [--rows N] [--first N] [--jobs J] [--save FILE]
    python tests/timings/bench_coverage.py --read FILE

Table N of a kind is the same in every run, so a long run can be made in chunks. Truths are means over 400,000 units.
Covariates confound by a line, a curve and an interaction; effects differ between rows. Where a few weights are large in some
tables (ATT), the deviation of the estimates is to be compared with the root mean square of the standard errors: such
tables have large errors and know it, while the mean standard error is that of the others.
"""

import time
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from judging import judge_tables, table_options
from scipy import special  # a function of it by its own name cannot be sent to other processes

from causalgen.effects import estimate_effect
from causalgen.errors import CausalgenError
from causalgen.graph import CausalGraph
from causalgen.mediation import NestedQuestion, estimate_nested

Rng = np.random.Generator
CONFOUNDED = "{x, v, g} -> {t, y}; t -> y"


class Draw(NamedTuple):
    """A table, and every row's expected effect; two for the parts of a natural effect."""

    frame: pd.DataFrame
    effect: np.ndarray


class Kind(NamedTuple):
    """What is drawn, and what is asked."""

    draw: Callable[[Rng, int], Draw]
    contrast: tuple[Any, Any]
    graph: str = CONFOUNDED
    words: dict[str, Any] = {}  # noqa: RUF012 - never changed


def covariates(rng: Rng, rows: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Two numbers and a switch, and the way in which they confound."""
    x, v, g = rng.normal(size=rows), rng.normal(size=rows), rng.random(rows) < 0.4
    return pd.DataFrame({"x": x, "v": v, "g": np.where(g, "f", "m")}), 0.6 * x - 0.4 * v + 0.3 * (
        x**2 - 1
    ) + 0.5 * g * x


def switched(rng: Rng, rows: int, *, yes: bool) -> Draw:
    """A binary treatment; the outcome is a number, or yes or no."""
    frame, pull = covariates(rng, rows)
    t = rng.random(rows) < special.expit(0.7 * pull)
    change = 1 + 0.5 * frame.x.to_numpy()
    y, effect = outcome(rng, pull, change * t, np.zeros(rows), change, yes=yes)
    return Draw(frame.assign(t=t.astype(int), y=y), effect)


def treated(rng: Rng, rows: int) -> Draw:
    """A binary treatment, the effect on the treated."""
    found = switched(rng, rows, yes=False)
    return Draw(found.frame, found.effect[found.frame.t == 1])


def saturating(dose: np.ndarray) -> np.ndarray:
    return np.tanh(1.5 * dose)


def waving(dose: np.ndarray) -> np.ndarray:
    return np.sin(2 * dose)


def growing(dose: np.ndarray) -> np.ndarray:
    return np.exp(0.7 * dose)


def dosed(rng: Rng, rows: int, *, yes: bool, curve: Callable[[np.ndarray], np.ndarray] = saturating) -> Draw:
    """A continuous treatment with a curved effect."""
    frame, pull = covariates(rng, rows)
    t = 0.5 * pull + rng.normal(size=rows)
    own, low, high = (curve(dose) * (1 + 0.3 * frame.v.to_numpy()) for dose in (t, 0.0 * t, 0 * t + 1.0))
    y, effect = outcome(rng, pull, own, low, high, yes=yes)
    return Draw(frame.assign(t=t, y=y), effect)


def labelled(rng: Rng, rows: int, *, yes: bool) -> Draw:
    """Three treatments, the first against the last."""
    frame, pull = covariates(rng, rows)
    scores = np.stack([0 * pull, 0.5 * pull, 0.3 * frame.v - 0.4 * pull])
    t = np.argmax(scores + rng.gumbel(size=scores.shape), axis=0)
    change = 0.8 + 0.4 * frame.x.to_numpy()
    y, effect = outcome(rng, pull, np.select([t == 1, t == 2], [0.4, change], 0.0), np.zeros(rows), change, yes=yes)
    return Draw(frame.assign(t=np.array(list("abc"))[t], y=y), effect)


def grouped(rng: Rng, rows: int) -> Draw:
    """Rows in clusters that share a part of the treatment's odds and of the outcome."""
    frame, pull = covariates(rng, rows)
    patient = np.arange(rows) // 5
    shared = rng.normal(size=(2, patient.max() + 1))[:, patient]
    t = rng.random(rows) < special.expit(0.7 * pull + 0.5 * shared[0])
    change = 1 + 0.5 * frame.x.to_numpy()
    y = pull + change * t + shared[1] + rng.normal(size=rows)
    return Draw(frame.assign(t=t.astype(int), y=y, patient=patient), change)


def instrumented(rng: Rng, rows: int) -> Draw:
    """A randomised offer, a hidden cause, one effect for all."""
    z, hidden, x = rng.random(rows) < 0.5, rng.normal(size=rows), rng.normal(size=rows)
    t = rng.random(rows) < special.expit(2 * z - 1 + 0.8 * hidden)
    frame = pd.DataFrame({"z": z.astype(int), "x": x, "t": t.astype(int)})
    return Draw(frame.assign(y=t + hidden + 0.5 * x + rng.normal(size=rows)), np.ones(rows))


def doored(rng: Rng, rows: int) -> Draw:
    """A hidden cause of treatment and outcome, and a mediator that carries the effect."""
    hidden = rng.normal(size=rows)
    t = (rng.random(rows) < special.expit(hidden)).astype(int)
    m = 1.0 * t + rng.normal(size=rows)
    y = 0.8 * m + 0.2 * m * hidden + hidden + rng.normal(size=rows)
    return Draw(pd.DataFrame({"t": t, "m": m, "y": y}), 0.8 + 0.2 * hidden)


def parted(rng: Rng, rows: int) -> Draw:
    """A mediator that interacts with the treatment, a yes-or-no outcome: natural direct and total indirect effect."""
    x = rng.normal(size=rows)
    t = (rng.random(rows) < special.expit(0.6 * x)).astype(int)
    noise = rng.normal(size=rows)
    m0, m1 = (0.5 * x + arm + noise for arm in (0.0, 0.8))
    chance = {
        (arm, which): special.expit(-0.8 + 0.7 * arm + 0.6 * m + 0.3 * arm * m + 0.4 * x)
        for arm in (0, 1)
        for which, m in enumerate((m0, m1))
    }
    y = rng.random(rows) < np.where(t == 1, chance[1, 1], chance[0, 0])
    frame = pd.DataFrame({"x": x, "t": t, "m": np.where(t == 1, m1, m0), "y": y.astype(int)})
    return Draw(frame, np.stack([chance[1, 0] - chance[0, 0], chance[1, 1] - chance[1, 0]]))


def outcome(
    rng: Rng, base: np.ndarray, own: np.ndarray, low: np.ndarray, high: np.ndarray, *, yes: bool
) -> tuple[np.ndarray, np.ndarray]:
    """The outcome, and the expected difference between both values of the contrast."""
    if not yes:
        return base + own + rng.normal(size=len(base)), high - low
    drawn = rng.random(len(base)) < special.expit(base + own - 0.5)
    return np.where(drawn, "yes", "no"), special.expit(base + high - 0.5) - special.expit(base + low - 0.5)


KINDS = {
    "binary": Kind(lambda rng, rows: switched(rng, rows, yes=False), (0, 1)),
    "continuous": Kind(lambda rng, rows: dosed(rng, rows, yes=False), (0.0, 1.0)),
    "categorical": Kind(lambda rng, rows: labelled(rng, rows, yes=False), ("a", "c")),
    "instrument": Kind(instrumented, (0, 1), "z -> t -> y; x -> y; t <-> y", {"instrument": "z"}),
    "front door": Kind(doored, (0, 1), "t -> m -> y; t <-> y"),
    "binary, yes-no": Kind(lambda rng, rows: switched(rng, rows, yes=True), (0, 1)),
    "continuous, yes-no": Kind(lambda rng, rows: dosed(rng, rows, yes=True), (0.0, 1.0)),
    "categorical, yes-no": Kind(lambda rng, rows: labelled(rng, rows, yes=True), ("a", "c")),
    "ATT": Kind(treated, (0, 1), words={"population": "treated"}),
    "clusters": Kind(grouped, (0, 1), words={"cluster": "patient"}),
    "natural, yes-no": Kind(parted, (0, 1), "x -> {t, m, y}; t -> m; {t, m} -> y"),
    "continuous, wave": Kind(lambda rng, rows: dosed(rng, rows, yes=False, curve=waving), (0.0, 1.0)),
    "continuous, exponential": Kind(lambda rng, rows: dosed(rng, rows, yes=False, curve=growing), (0.0, 1.0)),
}


def true_effects(name: str) -> tuple[float, ...]:
    """The mean effect, or both parts, over many units."""
    effect = KINDS[name].draw(np.random.default_rng(10**6), 400_000).effect
    return tuple(np.atleast_2d(effect).mean(axis=1).tolist())


def judge(name: str, number: int, *, rows: int, truths: dict[str, tuple[float, ...]]) -> dict[str, Any]:
    """Draw one table and ask; whether the intervals hold the truth, as a row of the file."""
    warnings.simplefilter("ignore")
    kind, truth = KINDS[name], truths[name]
    frame = kind.draw(np.random.default_rng([list(KINDS).index(name), number]), rows).frame
    row: dict[str, Any] = {"kind": name, "number": number, "rows": rows}
    start = time.process_time()
    try:
        if len(truth) > 1:
            question = NestedQuestion("natural", "t", "y", kind.contrast, ["m"])
            answer = estimate_nested(CausalGraph(kind.graph), frame, question, seed=number)
            found: list[Any] = [answer["natural direct"], answer["total indirect"]]
        else:
            asked = {"treatment": "t", "outcome": "y", "contrast": kind.contrast} | kind.words
            report = estimate_effect(CausalGraph(kind.graph), frame, **asked, refute=False, seed=number)
            found = [report.estimate]
    except CausalgenError as error:
        return row | {"refused": str(error)[:90], "held": [False] * len(truth)}
    seconds = time.process_time() - start
    held = [one.low is not None and one.low <= true <= one.high for one, true in zip(found, truth, strict=True)]
    missed = [one.value - true for one, true in zip(found, truth, strict=True)]
    widths = [None if one.low is None else one.high - one.low for one in found]
    return row | {"seconds": seconds, "held": [bool(one) for one in held], "error": missed, "width": widths}


def summarise(rows: Sequence[dict[str, Any]]) -> None:
    """Print coverage, bias and width of each kind of table."""
    for name in dict.fromkeys(row["kind"] for row in rows):
        own = [row for row in rows if row["kind"] == name]
        answered = [row for row in own if "refused" not in row]
        for part in range(len(own[0]["held"])):
            held = sum(row["held"][part] for row in own)
            errors = np.array([row["error"][part] for row in answered])
            widths = [row["width"][part] for row in answered if row["width"][part] is not None]
            typical = np.sqrt(np.mean(np.square(widths))) / 3.92
            print(
                f"{name}{f' {part + 1}' * (len(own[0]['held']) > 1)}: covers in {held} of {len(own)} ({held / len(own):.1%}), "
                f"tables {min(row['number'] for row in own)} to {max(row['number'] for row in own)} of {own[0]['rows']} rows; "
                f"bias {errors.mean():+.4f}, deviation {errors.std():.4f}, half width / 1.96: mean "
                f"{np.mean(widths) / 3.92:.4f}, root mean square {typical:.4f}, refused {len(own) - len(answered)}, "
                f"{np.mean([row['seconds'] for row in answered]):.2f} CPU s each"
            )


def main() -> None:
    """Judge the tables that the command asks for, or read a file of judged ones."""
    parser = table_options(KINDS)
    parser.add_argument("--rows", type=int, default=1000)
    asked = parser.parse_args()
    truths = {} if asked.read else {name: true_effects(name) for name in asked.kinds or KINDS}
    judge_tables(asked, KINDS, partial(judge, rows=asked.rows, truths=truths), summarise)


if __name__ == "__main__":
    main()
