"""A new image mechanism is its file and one entry of the catalog: check, words, docs and benchmark accept it as it is."""

import importlib
from pathlib import Path

import pytest
from own_table import GRAPH, make

from causalgen.benchmark.settings import load_benchmark
from causalgen.benchmark.study import study_benchmark
from causalgen.errors import StudyError
from causalgen.mechanisms import MECHANISMS, build
from causalgen.mechanisms.catalog import name_of, words_for
from causalgen.own_code import import_code
from causalgen.reports import MechanismSummary
from causalgen.reports.citations import cite
from causalgen.reports.words import identification
from causalgen.studies.modelling import build_model
from causalgen.studies.schema import load_study
from causalgen.studies.sources import study_graph
from causalgen.studies.validate import check_study

SOURCE = """
import pyro.distributions as dist
import torch
from causalgen.mechanisms import Abduction, Abductive, Identifiability, Identification

class Average(Abductive):
    kinds = ("image",)
    limits = {"bands": 8}
    works = ("axioms",)
    abduction = Abduction.BIJECTIVE
    identification = Identification(Identifiability.CONVENTION, "an average image plus noise")

    def __init__(self, variable, parents, *, bands: int = 2):
        super().__init__(variable, parents)
        self.register_buffer("mean", torch.zeros(variable.shape))

    def initialize(self, value, parents):
        self.mean.copy_(value.float().mean(0))

    def noise(self, batch_shape=()):
        return {"z": dist.Normal(self.zero, self.zero + 20).expand((*batch_shape, *self.variable.shape)).to_event(3)}

    def forward(self, noise, parents, *, changed=frozenset()):
        return self.mean + noise["z"]

    def abduct(self, value, parents, *, draw=True):
        return {"z": value - self.mean}
"""
WORD = "average"


@pytest.fixture
def graph_and_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "average.py").write_text(SOURCE, encoding="utf-8")
    monkeypatch.setitem(MECHANISMS, WORD, import_code(f"{tmp_path / 'average.py'}:Average", trust=True, what=WORD))
    make(tmp_path / "data", rows=40)

    def study(options: str = ""):
        path = tmp_path / "study.yaml"
        text = f'name: own\ndata: {{table: data/table.csv, graph: "{GRAPH}"}}\nmechanisms:\n'
        path.write_text(f"{text}  scan: {{mechanism: {WORD}{options}}}\n", encoding="utf-8")
        loaded = load_study(path)
        return study_graph(loaded), loaded

    return study


def test_a_study_names_it_and_its_faults_are_found(graph_and_study) -> None:
    graph, study = graph_and_study(", bands: 4")
    check_study(study, graph)
    model = build_model(study, graph)
    assert name_of(model.mechanisms["scan"]) == WORD
    assert model.mechanisms["scan"].spec() == {"bands": 4}
    assert words_for("image")[-1] == WORD
    with pytest.raises(StudyError, match="at most 8 for the option 'bands' of 'average'"):
        check_study(graph_and_study(", bands: 9")[1], graph)
    with pytest.raises(ValueError, match="'average', which is for image"):
        build(WORD, graph["age"], {})


def test_reports_and_docs_say_what_it_says(graph_and_study, monkeypatch: pytest.MonkeyPatch) -> None:
    graph, study = graph_and_study()
    summaries = MechanismSummary.of(build_model(study, graph))
    assert next((s.abduction, s.works) for s in summaries if s.node == "scan") == ("bijective", ("axioms",))
    assert any(
        "scan" in heading and "an average image plus noise" in text
        for heading, text in identification(graph, summaries)
    )
    assert "axiomatic" in cite(["axioms"])[0].text
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "docs" / "_extensions")
    table = importlib.import_module("study_file").mechanism_words()
    assert "| `average` | image | bijective | `bands: 2` |" in table


def test_benchmarks_take_it_with_or_without_a_recipe(graph_and_study) -> None:
    assert WORD in study_benchmark(graph_and_study(", bands: 1")[1], ["conv-vae", WORD]).cpu.mechanisms
    shipped = load_benchmark("morphodigits")
    assert WORD not in shipped.cpu.mechanisms
    more = shipped.including([WORD, "conv-vae", "spline-flow"])
    assert set(more.cpu.mechanisms) == {*shipped.cpu.mechanisms, WORD}
    assert more.cpu.mechanisms["conv-vae"] == shipped.cpu.mechanisms["conv-vae"]
    assert (
        more.form("cpu", smoke=True).mechanisms[WORD].images.epochs == shipped.form("cpu", smoke=True).attributes.epochs
    )
