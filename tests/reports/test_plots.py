"""Each plot draws what it says, off any pyplot state, and refuses what it cannot draw."""

import sys

import matplotlib
import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.figure import Figure
from matplotlib.text import Text

from causalgen.effects import EffectReport
from causalgen.errors import DataError, UnknownNameError
from causalgen.graph import CausalGraph, Variable
from causalgen.metrics import MetricTable
from causalgen.reports import (
    ReportContent,
    ResponseCurve,
    plot_counterfactual,
    plot_data,
    plot_forest,
    plot_graph,
    plot_history,
    plot_metrics,
    plot_response,
    plot_samples,
)
from causalgen.scm import Counterfactual


def words(figure: Figure) -> str:
    figure.canvas.draw()
    return "\n".join(text.get_text() for text in figure.findobj(Text) if text.get_visible())


def images(figure: Figure) -> list[np.ndarray]:
    return [np.asarray(image.get_array()) for axes in figure.axes for image in axes.images]


def test_plots_leave_global_state_alone(full: ReportContent, effect: EffectReport) -> None:
    before = dict(matplotlib.rcParams)
    managers = sys.modules["matplotlib.pyplot"].get_fignums() if "matplotlib.pyplot" in sys.modules else []
    plot_graph(full.graph)
    plot_forest(effect)
    assert dict(matplotlib.rcParams) == before
    if "matplotlib.pyplot" in sys.modules:
        assert sys.modules["matplotlib.pyplot"].get_fignums() == managers


def test_graph_marks_interventions_images_and_hidden_causes(graph: CausalGraph) -> None:
    plain = plot_graph(graph, images={"image": np.zeros((1, 6, 8))})
    assert "do(" not in words(plain)
    assert images(plain)[0].shape == (6, 8)
    assert "do(age = 3)" in words(plot_graph(graph, do={"age": 3}))
    assert "cut by the intervention" in words(plot_graph(graph, do=["age"]))
    assert "hidden common cause" in words(plot_graph(CausalGraph("a -> b; a <-> b")))
    with pytest.raises(UnknownNameError, match="Did you mean 'age'"):
        plot_graph(graph, do=["agge"])


def test_a_cut_arrow_loses_its_head() -> None:
    graph = CausalGraph("a -> b; c -> b")

    def heads(figure: Figure) -> int:
        return sum(
            "Filled" in type(p.get_arrowstyle()).__name__
            for p in figure.axes[0].patches
            if hasattr(p, "get_arrowstyle")
        )

    assert heads(plot_graph(graph)) == 2
    assert heads(plot_graph(graph, do=["b"])) == 0


def test_counterfactual_grid(counterfactual: Counterfactual) -> None:
    figure = plot_counterfactual(counterfactual, units=2)
    text = words(figure)
    assert "counterfactual" in text
    assert "truth" not in text
    assert "age 30.0 years" not in text  # the intervention neither sets nor moves it
    assert "outside joint" in text
    assert counterfactual.title.replace("$", r"\$") in text.replace("\n", " ")
    assert len(images(figure)) >= 2 * 3
    changes = [array for array in images(figure) if array.shape == (6, 8) and np.allclose(array, 40)]
    assert len(changes) == 2


def test_counterfactual_grid_with_truth_shows_the_error_on_the_same_scale(counterfactual: Counterfactual) -> None:
    truth = dict(counterfactual) | {"image": torch.full((3, 1, 6, 8), 130.0)}
    figure = plot_counterfactual(counterfactual, units=[1], truth=truth)
    maps = {float(np.asarray(i.get_array()).mean()): i.get_clim() for a in figure.axes[:5] for i in a.images}
    assert maps[40.0] == maps[10.0] == (-40.0, 40.0)
    assert "truth" in words(figure)


def test_counterfactual_grid_takes_colour_and_particles() -> None:
    graph = CausalGraph("x -> photo", [Variable("x", "continuous"), Variable("photo", "image", shape=(3, 4, 5))])
    factual = {"x": torch.zeros(2), "photo": torch.zeros(2, 3, 4, 5)}
    values = {"x": torch.ones(4, 2), "photo": torch.full((4, 2, 3, 4, 5), 255.0)}
    result = Counterfactual(graph, factual, values, {"x": 1}, torch.ones(4, 2, dtype=torch.bool), particles=4)
    figure = plot_counterfactual(result)
    assert (4, 5, 3) in [array.shape for array in images(figure)]
    assert "mean over channels" in words(figure)
    assert isinstance(result.plot(), Figure)


def test_counterfactual_grid_refuses_graphs_without_images(counterfactual: Counterfactual) -> None:
    with pytest.raises(DataError, match="units among"):
        plot_counterfactual(counterfactual, units=[7])
    with pytest.raises(DataError, match="Expected an image node"):
        plot_counterfactual(counterfactual, image="age")
    scalars = CausalGraph("x -> y", [Variable("x", "continuous"), Variable("y", "continuous")])
    values = {"x": torch.zeros(2), "y": torch.zeros(2)}
    with pytest.raises(DataError, match="got none"):
        plot_counterfactual(Counterfactual(scalars, values, values, {}, torch.ones(2, dtype=torch.bool)))


def test_history_shows_both_splits_and_the_best_epoch(full: ReportContent) -> None:
    axes = plot_history(full.history).axes[0]
    assert [line.get_label() for line in axes.lines] == ["train", "validation", "best"]
    assert axes.lines[-1].get_xdata()[0] == 8
    with pytest.raises(DataError, match="at least one row"):
        plot_history(pd.DataFrame(columns=["node", "epoch", "split", "objective", "value"]))


def test_data_plot_follows_the_kind(full: ReportContent, graph: CausalGraph) -> None:
    figure = plot_data(full.data.frame, graph)
    assert "share of rows [%]" in words(figure)
    assert "age [years]" in words(figure)
    with pytest.raises(DataError, match="Expected columns among"):
        plot_data(pd.DataFrame({"other": [1]}), graph)


def test_samples_and_curves_refuse_wrong_lengths() -> None:
    assert len(plot_samples(np.zeros((7, 1, 4, 4)), columns=4).axes) == 8
    with pytest.raises(DataError, match="at least one image"):
        plot_samples(np.zeros((0, 1, 4, 4)))
    with pytest.raises(DataError, match="one caption per image"):
        plot_samples(np.zeros((2, 4, 4)), ["one"])
    with pytest.raises(DataError, match="Expected 2 values of 'ideal'"):
        ResponseCurve("age", "size", [1, 2], [1.0, 2.0], ideal=[1.0])
    with pytest.raises(DataError, match="at least one response curve"):
        plot_response([])


def test_response_hollow_points_are_outside_support(full: ReportContent) -> None:
    axes = plot_response(full.curves[:1]).axes[0]
    fills = [
        line.get_markerfacecolor() for line in axes.lines if line.get_marker() == "o" and len(line.get_xdata()) == 1
    ]
    assert fills[0] != "white"
    assert fills[1] == "white"


def test_forest_marks_truth_and_misses(effect: EffectReport) -> None:
    figure = plot_forest(effect)
    assert "truth 3.10" in words(figure)
    points = [line for line in figure.axes[0].lines if line.get_marker() == "o"]
    assert [point.get_markerfacecolor() == "white" for point in points] == [False, True, False]


def test_metrics_plot_names_model_and_controls(metrics: MetricTable) -> None:
    text = words(plot_metrics(metrics.to_frame(), "image L1 to truth"))
    assert "identity control" in text
    assert "do(age)" in text
