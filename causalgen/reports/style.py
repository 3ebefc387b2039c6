"""One style for all figures: bundled font, few colours, no global state of pyplot."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

__all__ = [
    "ACCENT",
    "BLUE",
    "GREEN",
    "INK",
    "MUTED",
    "PALE",
    "PURPLE",
    "blank_figure",
    "in_brackets",
    "number",
    "parted",
    "plain",
    "shortened",
    "styled",
    "with_interval",
]

INK = "#1f2933"
MUTED = "#66717f"
PALE = "#d5dce4"
BLUE = "#2563a8"
ACCENT = "#c2541b"
GREEN = "#2f7d54"
PURPLE = "#7b4ea3"

STYLE = {
    "font.family": "DejaVu Sans",  # shipped with matplotlib, so figures look the same everywhere
    "font.size": 9.0,
    "text.color": INK,
    "text.usetex": False,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.labelsize": 9.0,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "xtick.color": MUTED,
    "xtick.labelcolor": INK,
    "xtick.labelsize": 8.0,
    "ytick.color": MUTED,
    "ytick.labelcolor": INK,
    "ytick.labelsize": 8.0,
    "legend.fontsize": 8.0,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "figure.facecolor": "white",
    "figure.dpi": 150.0,
    "savefig.facecolor": "white",
}

SMALLEST = 1e-4
"""Width of an interval below which numbers are written with exponents."""

P = ParamSpec("P")
R = TypeVar("R")


def styled(plot: Callable[P, R]) -> Callable[P, R]:
    """Run a plotting function under the style of the reports; the caller's settings do not change."""

    @wraps(plot)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        with rc_context(STYLE):  # type: ignore[arg-type]
            return plot(*args, **kwargs)

    return wrapper


def blank_figure(width: float, height: float, *, tight: bool = False) -> Figure:
    """Create a figure, sized in inches and not registered with pyplot; `tight` leaves little room between axes."""
    pad = 0.02 if tight else 0.04
    return Figure(figsize=(width, height), layout=ConstrainedLayoutEngine(w_pad=pad, h_pad=pad, wspace=pad, hspace=pad))


def plain(text: object) -> str:
    r"""Escape dollar signs, which matplotlib would read as mathematics.

    >>> plain("income [$]")
    'income [\\$]'
    """
    return str(text).replace("$", r"\$")


def shortened(text: object, letters: int) -> str:
    """Shorten text in the middle to at most `letters`, for a space of fixed size.

    >>> shortened("mean corpuscular haemoglobin concentration", 20)
    'mean corpu…entration'
    """
    whole = str(text)
    if len(whole) <= letters:
        return whole
    head = letters // 2
    return f"{whole[:head]}…{whole[len(whole) - (letters - head - 1) :]}"


def number(value: float, digits: int = 3) -> str:
    """Format a number for readers: `digits` significant digits, thousands grouped, a true minus sign.

    >>> number(60.8149), number(-0.01234), number(7000.0), number(float("nan"))
    ('60.8', '−0.0123', '7,000', '–')
    """
    value = float(value)
    if value != value:
        return "–"
    if abs(value) in (0.0, float("inf")):
        return f"{value:g}".replace("-", "−").replace("inf", "∞")
    magnitude = len(str(int(abs(value)))) if abs(value) >= 1 else 0
    text = f"{value:,.{digits - magnitude}f}" if 0 < magnitude < digits else f"{value:,.0f}"
    if magnitude == 0:
        text = f"{value:.{digits}g}"
    return text.replace("-", "−")


def in_brackets(unit: str | None) -> str:
    """Return the unit of an axis or a column in brackets; empty without a unit.

    >>> in_brackets("kg"), in_brackets("")
    (' [kg]', '')
    """
    return f" [{unit}]" if unit else ""


def parted(value: float, low: float | None, high: float | None) -> tuple[str, str]:
    """Format a number and its interval for two cells; the second is empty without an interval.

    >>> parted(60.8149, 58.21, 63.38), parted(1.5, None, None)
    (('60.8', '58.2 to 63.4'), ('1.50', ''))
    """
    shown, _, interval = with_interval(value, low, high).partition(" ")
    return shown, interval.strip("[]").replace(", ", " to ")


def with_interval(value: float, low: float | None, high: float | None) -> str:
    """Format a number and its interval, with as many decimals as the interval's width supports.

    >>> with_interval(60.8149, 58.21, 63.38), with_interval(1.5, None, None), with_interval(2e-7, 1e-7, 3e-7)
    ('60.8 [58.2, 63.4]', '1.50', '2e−07 [1e−07, 3e−07]')
    >>> with_interval(-0.02, -2, 2)  # no sign on a rounded zero
    '0.0 [−2.0, 2.0]'
    """
    if low is None or high is None or not high > low:  # NaN, or no uncertainty: no interval to show
        return number(value)
    if high - low < SMALLEST:
        return f"{number(value)} [{number(low)}, {number(high)}]"
    decimals = 0
    while (high - low) * 10**decimals < 10:
        decimals += 1
    shown = [f"{x:z,.{decimals}f}".replace("-", "−") for x in (value, low, high)]
    return f"{shown[0]} [{shown[1]}, {shown[2]}]"
