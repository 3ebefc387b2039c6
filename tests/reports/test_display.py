"""What notebooks show: a drawing, a grid, a table or a forest plot, in which no name is read as markup."""

import xml.etree.ElementTree as ET
from dataclasses import replace

import pandas as pd
import pytest
import torch

from causalgen.effects import EffectReport
from causalgen.errors import RunFolderError
from causalgen.graph import CausalGraph, Variable
from causalgen.metrics import MetricResult, MetricTable
from causalgen.scm import Counterfactual, StructuralCausalModel

from .conftest import HOSTILE

PNG = b"\x89PNG"


def _check_markup(html: str) -> None:
    """Well-formed, and without a tag that a name brought along."""
    tags = {element.tag.rpartition("}")[2] for element in ET.fromstring(f"<x>{html}</x>").iter()}
    assert not tags & {"script", "no"}
    assert not [element for element in ET.fromstring(f"<x>{html}</x>").iter("b") if element.text == "no"]


def test_graphs_are_drawn_unless_they_are_huge(graph: CausalGraph) -> None:
    svg = graph._repr_svg_()
    assert svg is not None
    assert svg.startswith("<svg")
    _check_markup(svg)
    assert CausalGraph([(f"x{i}", f"x{i + 1}") for i in range(60)])._repr_svg_() is None
    assert CausalGraph("")._repr_svg_() is None


def test_counterfactuals_show_images_or_else_a_table(counterfactual: Counterfactual) -> None:
    shown = counterfactual._repr_png_()
    assert shown is not None
    assert shown[0].startswith(PNG)
    assert counterfactual._repr_html_() is None
    names = ["age", HOSTILE]
    graph = counterfactual.graph.project(names)
    plain = replace(
        counterfactual,
        graph=graph,
        factual={n: counterfactual.factual[n] for n in names},
        tensors={n: counterfactual[n] for n in names},
    )
    assert plain._repr_png_() is None
    html = plain._repr_html_()
    assert html is not None
    assert "&lt;script&gt;" in html
    _check_markup(html)


def test_models_and_metrics_are_tables(graph: CausalGraph) -> None:
    html = StructuralCausalModel(graph)._repr_html_()
    assert "not fitted" in html
    assert "&lt;script&gt;" in html
    _check_markup(html)
    result = MetricResult(f"{HOSTILE} accuracy", "do(age)", "model", "all units", 0.9123456, 0.8, 1.0, 10)
    html = MetricTable((result, replace(result, floor=0.95)), ("<b>no</b> note",))._repr_html_()
    assert "0.9123" in html
    assert "0.95" in html
    assert "&lt;script&gt;" in html
    _check_markup(html)


def test_effects_are_forest_plots_with_their_warnings(effect: EffectReport) -> None:
    html = replace(effect, warnings=("<b>no</b> overlap",))._repr_html_()
    assert "<svg" in html
    assert "&lt;b&gt;no&lt;/b&gt; overlap" in html
    assert all(f"{row.refuter} on {row.estimate}" in html for row in effect.refutations)
    _check_markup(html)


def test_ipython_finds_the_displays(graph: CausalGraph, counterfactual: Counterfactual, effect: EffectReport) -> None:
    formatters = pytest.importorskip("IPython.core.formatters")
    show = formatters.DisplayFormatter().format
    kinds = {"image/svg+xml": graph, "image/png": counterfactual, "text/html": effect}
    for kind, shown in kinds.items():
        data, _ = show(shown)
        assert set(data) == {"text/plain", kind}


def test_a_counterfactual_is_saved_with_table_grid_and_images(counterfactual: Counterfactual, tmp_path) -> None:
    (tmp_path / "mine.txt").write_text("stays")
    truth = counterfactual.factual
    files = counterfactual.save(tmp_path, truth=truth)
    table = pd.read_csv(files.csv)
    assert table["unit"].tolist() == [0, 1, 2]
    assert table[f"{HOSTILE}_true"].tolist() == ["<b>no</b>", "yes & so on", "<b>no</b>"]
    assert [(tmp_path / name).read_bytes()[:4] for name in table["image_file"]] == [PNG] * 3
    assert files.grid is not None
    assert files.grid.read_bytes().startswith(PNG)
    assert len(files.images) == 6
    assert (tmp_path / "mine.txt").read_text() == "stays"
    particles = replace(
        counterfactual,
        tensors={n: torch.stack([t, t]) for n, t in counterfactual.items()},
        supported=counterfactual.supported.repeat(2, 1),
        particles=2,
    )
    assert len(particles.save(tmp_path / "new" / "folder").images) == 9
    with pytest.raises(RunFolderError, match=r"can be written; got '.*mine\.txt"):
        counterfactual.save(tmp_path / "mine.txt")


def test_differences_are_signed_numbers() -> None:
    kinds = {
        "size": {"kind": "ordinal", "labels": tuple("SML")},
        "pen": {"kind": "categorical", "labels": tuple("abc")},
    }
    graph = CausalGraph("", [Variable("dose", "continuous"), *(Variable(n, **o) for n, o in kinds.items())])
    factual = {"dose": torch.tensor([1.0, 2.0]), "size": torch.tensor([2, 0]), "pen": torch.tensor([2, 1])}
    after = {"dose": torch.tensor([0.5, 2.0]), "size": torch.tensor([0, 1]), "pen": torch.tensor([0, 1])}
    world = Counterfactual(graph, factual, after, {}, torch.tensor([True, True]))
    found = {name: values.tolist() for name, values in world.difference().items()}
    assert found == {"dose": [-0.5, 0.0], "size": [-2, 1], "pen": [1, 0]}
    assert world.difference("dose").tolist() == found["dose"]
