"""The figure of noise leak against distance to the truth, drawn from the figures of `tests/timings/bench_leak.py`."""

from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from causalgen.reports.style import ACCENT, BLUE, INK, MUTED, styled

__all__ = ["pareto"]

FIGURES = Path(__file__).with_name("noise_leak.csv")
SERIES = {"mean": ("the posterior mean", ACCENT, "o", 6), "draw": ("a draw of the posterior", BLUE, "s", -13)}
ERROR = "error left, do(thickness)"


@styled
def pareto() -> Figure:
    """Leak of thickness and of the digit against L1 to the true image under do(thickness), relative to the default."""
    wide = (
        pd.read_csv(FIGURES).pivot_table(index=["independence", "seed"], columns="figure", values="value").reset_index()
    )
    wide["price"] = wide[ERROR] / wide.loc[wide["independence"] == 0, ERROR].mean()
    figure = Figure(figsize=(7.2, 3.0), layout="constrained")
    for axes, name, measure in zip(figure.subplots(1, 2), ("thickness", "digit"), ("R²", "accuracy"), strict=True):
        for how, (label, colour, marker, above) in SERIES.items():
            x = wide[f"{name}, {how}, linear"]
            axes.plot(x, wide["price"], f"{marker}-", color=colour, linewidth=1, markersize=6, label=f"from {label}")
            for place, height, strength in zip(x, wide["price"], wide["independence"], strict=True):
                axes.annotate(
                    f"{strength:g}",
                    (place, height),
                    (0, above),
                    textcoords="offset points",
                    ha="center",
                    fontsize=7,
                    color=INK,
                )
        axes.axvline(0 if name == "thickness" else 0.1, color=MUTED, linewidth=0.8, linestyle=":")
        axes.set(xlabel=f"{measure} with which the noise predicts {name}", ylim=(0.98, 1.14))
        axes.margins(x=0.15)
    figure.axes[0].set_ylabel("L1 to the truth, relative")
    figure.axes[1].legend(loc="upper right")
    return figure
