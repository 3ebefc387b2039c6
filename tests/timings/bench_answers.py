"""Seconds of answers and refusals that a user waits for, in processor time, next to the stated speeds.

python tests/timings/bench_answers.py [word of a line ...]
"""

import resource
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pandas as pd

from causalgen.datasets.morphodigits.handwriting import base_digits, trace
from causalgen.effects import estimate_effect
from causalgen.effects.diagnostics import examine
from causalgen.errors import DataError
from causalgen.graph import CausalGraph, identify, parse_graph
from causalgen.morphology import measure, set_all

RNG = np.random.default_rng(0)
ASK = {"treatment": "t", "outcome": "y", "contrast": (0, 1), "refute": False}


def confounded(rows: int) -> pd.DataFrame:
    """A binary treatment with two confounders and a label that causes the outcome."""
    z, w = RNG.normal(size=(2, rows))
    t = (RNG.random(rows) < 1 / (1 + np.exp(-z - 0.5 * w))).astype(float)
    y = 2 * t + z + w**2 + RNG.normal(size=rows)
    return pd.DataFrame({"z": z, "w": w, "k": RNG.choice(list("abc"), rows), "t": t, "y": y})


def labels() -> Callable[[], object]:
    """Refuse a column of a million different words."""
    table = confounded(1_000_000)
    table["k"] = np.char.add("unit ", np.arange(len(table)).astype(str))

    def ask() -> None:
        try:
            estimate_effect(CausalGraph("{z, w, k} -> {t, y}; t -> y"), table, **ASK)
        except DataError:
            return
        raise SystemExit("Expected the table to be refused; it was not.")

    return ask


def front_door() -> Callable[[], object]:
    """1,000 rows, a treatment of three labels, 400 resamples."""
    u = RNG.normal(size=1_000)
    dose = RNG.binomial(2, 1 / (1 + np.exp(-u)))
    m = np.array([0.0, 2.0, 1.0])[dose] + RNG.normal(size=1_000)
    table = pd.DataFrame({"t": np.array(["none", "high", "low"])[dose], "m": m, "y": 2 * m + 2 * u})
    graph = CausalGraph("t -> m -> y; t <-> y")
    return lambda: estimate_effect(graph, table, **ASK | {"contrast": ("none", "high")})


def checks() -> Callable[[], object]:
    """The checks of a finished report on 10,000 rows."""
    table, graph = confounded(10_000), CausalGraph("{z, w} -> {t, y}; k -> y; t -> y")
    report = estimate_effect(graph, table, **ASK, methods=["linear adjustment", "doubly robust"])
    return lambda: examine(graph, table, report)


def largest_graph() -> Callable[[], object]:
    """A DOT text of 99,856 edges, just below the limit."""
    one, other = ("{" + " ".join(f"{letter}{i}" for i in range(316)) + "}" for letter in "ab")
    return lambda: parse_graph(f"digraph {{ {one} -> {other} }}", "dot")


def thirty_covariates() -> Callable[[], object]:
    """Identify behind a front door with 30 common causes that cause one another."""
    names = [f"c{i}" for i in range(30)]
    edges = [(one, other) for place, one in enumerate(names) for other in (*names[place + 1 :], "x", "y")]
    graph = CausalGraph([*edges, ("x", "m"), ("m", "y")], confounded=[("x", "y")])
    return lambda: identify(graph, treatment="x", outcome="y")


def digits() -> Callable[[], object]:
    """Change and measure 100 digits."""
    images = np.stack([trace(image) for image in base_digits()[0][:100]])
    return lambda: measure(set_all(images, np.linspace(1.2, 5, 100), 160, jobs=1), jobs=1)


def start(*words: str) -> Callable[[], object]:
    """Start the command line in a process."""
    return lambda: subprocess.run([sys.executable, "-m", "causalgen", *words], check=True, capture_output=True)


LINES: dict[str, tuple[float, Callable[[], Callable[[], object]]]] = {
    "refuse a million labels": (10.0, labels),
    "front door with 400 resamples": (3.0, front_door),
    "checks of an effect on 10,000 rows": (15.0, checks),
    "read a graph of 99,856 edges": (2.0, largest_graph),
    "identify with 30 covariates": (2.0, thirty_covariates),
    "change and measure 100 digits": (1.0, digits),
    "causalgen --help": (0.7, lambda: start("--help")),
    "causalgen --version": (0.7, lambda: start("--version")),
}
"""The stated seconds of each line, and what prepares it."""


def used() -> float:
    """Processor time of this process and its finished children: a busy machine does not lengthen it much."""
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in spent)


def main() -> None:
    for name, (stated, prepare) in LINES.items():
        if sys.argv[1:] and not any(word in name for word in sys.argv[1:]):
            continue
        run, times = prepare(), []
        for _ in range(3):
            before = used()
            run()
            times.append(used() - before)
        verdict = "reached" if min(times) <= stated else "missed"
        print(f"{name}: {min(times):.2f} s [{max(times):.2f} at most]; stated {stated:g} s: {verdict}", flush=True)


if __name__ == "__main__":
    main()
