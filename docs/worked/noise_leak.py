"""The figure of noise leak against distance to the truth, drawn from the figures of `tests/timings/bench_leak.py`."""

from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from causalgen.reports.style import ACCENT, BLUE, INK, MUTED, styled

__all__ = ["pareto"]

FIGURES = Path(__file__).with_name("noise_leak.csv")
SERIES = {"mean": ("the posterior mean", ACCENT, "o"), "draw": ("a draw of the posterior", BLUE, "s")}


@styled
def pareto() -> Figure:
    """Leak of thickness and of the digit against L1 to the true image under do(thickness), one point for each strength."""
    wide = (
        pd.read_csv(FIGURES).pivot_table(index=["independence", "seed"], columns="figure", values="value").reset_index()
    )
    figure = Figure(figsize=(7.2, 3.0), layout="constrained")
    for axes, name, measure in zip(figure.subplots(1, 2), ("thickness", "digit"), ("R²", "accuracy"), strict=True):
        for how, (label, colour, marker) in SERIES.items():
            x, y = wide[f"{name}, {how}, linear"], wide["error left, do(thickness)"]
            axes.plot(x, y, marker, color=colour, markersize=6, label=f"from {label}")
            _label(axes, x, y, wide["independence"])
        axes.axvline(0 if name == "thickness" else 0.1, color=MUTED, linewidth=0.8, linestyle=":")
        axes.set(xlabel=f"{measure} with which the noise predicts {name}", ylim=(0, 1.2 * y.max()))
        axes.margins(x=0.15)
    figure.axes[0].set_ylabel("L1 to the truth, share of no change")
    figure.axes[0].legend(loc="lower right")
    return figure


def _label(axes: Axes, x: pd.Series, y: pd.Series, strengths: pd.Series) -> None:
    for place, height, strength in zip(x, y, strengths, strict=True):
        axes.annotate(f"{strength:g}", (place, height), (4, 4), textcoords="offset points", fontsize=7, color=INK)
