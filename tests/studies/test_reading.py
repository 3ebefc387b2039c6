"""Which attributes are read from the images of a study, and by what."""

from pathlib import Path

import pytest
from own_table import GRAPH, make

from causalgen.graph import CausalGraph
from causalgen.studies.evaluation import ReadAttributes
from causalgen.studies.schema import Study, load_study
from causalgen.studies.sources import study_graph


def study(folder: Path, evaluation: str, more: str = "") -> tuple[Study, CausalGraph]:
    make(folder / "data")
    text = f'name: own\ndata: {{table: data/table.csv, graph: "{GRAPH}"}}\nevaluation: {evaluation}\n{more}'
    (folder / "study.yaml").write_text(text, encoding="utf-8")
    own = load_study(folder / "study.yaml")
    return own, study_graph(own)


@pytest.mark.parametrize(
    ("evaluation", "classify", "regress"),
    [
        ("{queries: [age, size, sex]}", ("sex",), ("age", "size")),
        ("{queries: [[age, sex]]}", ("sex",), ("age",)),
        ("{queries: [size]}", (), ("size",)),
        ("{queries: [size, sex], classify: [], regress: []}", (), ()),
        ("{queries: [size, sex], regress: age}", ("sex",), ("age",)),
        ("{}", (), ()),
    ],
)
def test_own_data_are_read_by_networks(
    tmp_path: Path, evaluation: str, classify: tuple[str, ...], regress: tuple[str, ...]
) -> None:
    found = study(tmp_path, evaluation)
    assert ReadAttributes.of(*found) == ReadAttributes(classify, regress)


def test_what_is_measured_needs_no_regressor(tmp_path: Path) -> None:
    found = study(tmp_path, "{queries: [age, size]}", "measurements: {size: brightness}\n")
    assert ReadAttributes.of(*found).regressed == ("age",)


def test_a_data_set_of_the_catalog_is_read_as_its_study_says(study_file: Path) -> None:
    text = study_file.read_text(encoding="utf-8")
    study_file.write_text(text + "evaluation: {queries: [thickness, digit]}\n", encoding="utf-8")
    own = load_study(study_file)
    assert ReadAttributes.of(own, study_graph(own)) == ReadAttributes((), ())
