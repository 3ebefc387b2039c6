"""Grids of samples, of worlds beside each other, and of particles: what they show, and that titles fit their figure."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from causalgen.errors import DataError
from causalgen.graph import CausalGraph, Variable
from causalgen.reports import plot_counterfactual, plot_samples, plot_worlds
from causalgen.scm import Counterfactual

LONG = "do(pen = felt-tip, thickness = min(thickness*1.1, 6.5), intensity = thickness*40 + 3)"
GRAPH = CausalGraph(
    "x -> {pen, scan}",
    [
        Variable("x", "continuous", unit="px"),
        Variable("pen", "binary", labels=("ballpoint", "felt-tip")),
        Variable("scan", "image", shape=(1, 4, 5)),
    ],
)


class _Words:
    """An intervention that shows itself as it was written."""

    words = LONG.removeprefix("do(").removesuffix(")")

    def __call__(self, value: object, parents: object) -> object:
        return value


def _particles(units: int = 2) -> Counterfactual:
    """Three particles whose pixels, attribute and label differ."""
    levels = torch.tensor([10.0, 20.0, 60.0])
    values = {
        "x": levels[:, None].expand(3, units) / 10,
        "pen": torch.tensor([1, 1, 0])[:, None].expand(3, units),
        "scan": levels[:, None, None, None, None].expand(3, units, 1, 4, 5),
    }
    factual = {
        "x": torch.zeros(units),
        "pen": torch.zeros(units, dtype=torch.long),
        "scan": torch.zeros(units, 1, 4, 5),
    }
    return Counterfactual(GRAPH, factual, values, {"x": _Words()}, torch.ones(3, units, dtype=torch.bool), particles=3)


def _texts(figure: Figure) -> str:
    return "\n".join(text.get_text() for text in figure.findobj(Text))


def _overflowing(figure: Figure) -> list[str]:
    """Texts that leave the figure by more than a pixel."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    width, height = canvas.get_width_height()
    found = []
    for text in figure.findobj(Text):
        box = text.get_window_extent(canvas.get_renderer())
        if (
            text.get_text()
            and text.get_visible()
            and (box.x0 < -1 or box.y0 < -1 or box.x1 > width + 1 or box.y1 > height + 1)
        ):
            found.append(text.get_text())
    return found


def test_particles_show_their_mean_their_spread_and_what_varies() -> None:
    figure = plot_counterfactual(_particles(), names=["row 3", "a_very_long_file_name.png"])
    shown = [np.asarray(image.get_array()) for axes in figure.axes for image in axes.images]
    assert any(array.shape == (4, 5) and np.allclose(array, 30 / 255) for array in shown)  # the mean, as a picture
    assert any(np.allclose(array, np.std([10, 20, 60])) for array in shown)
    text = _texts(figure)
    for word in ("mean of 3", "spread: standard deviation over 3 particles", "change: mean", "row 3", "pen felt-tip"):
        assert word in text
    assert "x 3.00 ± 2.2 px" in text
    assert "a_very_long_fil…" in text


def test_a_unit_is_in_support_where_all_its_particles_are() -> None:
    counterfactual = _particles()
    counterfactual.supported[2, 1] = False
    assert _texts(plot_counterfactual(counterfactual)).count("outside joint") == 1


def test_worlds_stand_below_each_other_under_their_titles() -> None:
    figure = plot_worlds({"observational": np.zeros((2, 1, 4, 5)), "do(x = 4 px)": np.full((3, 1, 4, 5), 255.0)})
    shown = [
        float(np.asarray(image.get_array()).mean())
        for axes in figure.findobj(lambda o: hasattr(o, "images"))
        for image in axes.images
    ]
    assert sorted(shown) == [0.0, 0.0, 1.0, 1.0, 1.0]
    assert "do(x = 4 px)" in _texts(figure)
    for images in ({}, {"observational": np.zeros((0, 1, 4, 5))}):
        with pytest.raises(DataError, match="at least one image"):
            plot_worlds(images)


@pytest.mark.parametrize(
    "draw",
    [
        lambda: plot_samples(np.zeros((1, 1, 8, 8)), ["pen felt-tip\nx 3 px\ndigit 3"], title=LONG),
        lambda: plot_samples(np.zeros((9, 3, 8, 30)), ["pen felt-tip"] * 9, title=LONG),
        lambda: plot_samples(np.zeros((5, 1, 30, 8)), ["pen felt-tip\nx 3 px\ndigit 3"] * 5, title="observational"),
        lambda: plot_worlds({"observational": np.zeros((1, 1, 8, 8)), LONG: np.zeros((1, 1, 8, 8))}),
        lambda: plot_worlds({"observational": np.zeros((8, 1, 8, 30)), LONG * 2: np.zeros((8, 1, 8, 30))}),
        lambda: plot_counterfactual(_particles(1)),
        lambda: plot_counterfactual(_particles(5), names=["a_very_long_file_name.png"] * 5),
    ],
    ids=["one", "wide", "tall", "narrow worlds", "wide worlds", "one unit", "five units"],
)  # fmt: skip
def test_titles_and_captions_stay_inside_their_figure(draw: Callable[[], Figure]) -> None:
    assert _overflowing(draw()) == []
