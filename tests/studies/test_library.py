"""Studies by name, and the graph of whatever the user names."""

import tomllib
from pathlib import Path

import pytest

from causalgen.datasets.resources import load_graph
from causalgen.errors import CausalgenError, GraphError, RunFolderError, StudyError
from causalgen.graph import CausalGraph
from causalgen.studies import library
from causalgen.studies.graphs import find_graph
from causalgen.studies.library import shipped_studies, study_path
from causalgen.studies.opening import open_run
from causalgen.studies.schema import load_study
from causalgen.studies.settings import resolve

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_every_study_of_the_examples_is_shipped_and_loads() -> None:
    shipped = shipped_studies()
    assert set(shipped) == {path.parent.name for path in EXAMPLES.glob("*/study.yaml")}
    assert {load_study(path).name for path in shipped.values()} == set(shipped)


def test_the_wheel_holds_every_example_that_has_a_study() -> None:
    """File by file, where an example's folder also takes what its `prepare.py` writes."""
    targets = tomllib.loads((EXAMPLES.parent / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]
    included = [EXAMPLES.parent / place for place in targets["wheel"]["force-include"]]
    files = [path for study in EXAMPLES.glob("*/study.yaml") for path in study.parent.iterdir() if path.is_file()]
    assert not [path for path in files if not {path, path.parent} & set(included)]


def test_a_wheel_brings_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = tmp_path / "causalgen" / "_data" / "examples" / "faces" / "study.yaml"
    study.parent.mkdir(parents=True)
    study.write_text("name: faces")
    monkeypatch.setattr(library, "__file__", str(tmp_path / "causalgen" / "studies" / "library.py"))
    assert shipped_studies() == {"faces": study}
    assert study_path("faces") == study


def test_a_file_comes_before_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "morphodigits").mkdir()
    assert study_path("morphodigits") == EXAMPLES / "morphodigits" / "study.yaml"
    (tmp_path / "morphodigits").rmdir()
    (tmp_path / "morphodigits").write_text("name: mine")
    assert study_path("morphodigits") == Path("morphodigits")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "morphodigit",
            "one of the shipped studies .*morphodigits.*; got 'morphodigit'; .* Did you mean 'morphodigits'?",
        ),
        ("absent.yaml", "got 'absent.yaml'; it cannot be read: No such file"),
        (".", "got '.'; a folder"),
        ("", "Expected a study file"),
        ("x" * 5000, "Expected a study file"),
    ],
)
def test_other_names_are_refused_with_those_there_are(name: str, message: str) -> None:
    with pytest.raises(StudyError, match=message):
        study_path(name)


# -- graphs ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def sources(tmp_path: Path) -> dict[str, str]:
    """The graph of morphodigits, named in every way."""
    graph, study = load_graph("morphodigits"), EXAMPLES / "morphodigits" / "study.yaml"
    graph.write(tmp_path / "graph.dot")
    graph.write(tmp_path / "graph.yml")
    with open_run(tmp_path / "run", resolve(load_study(study))):
        pass
    names = {"file": "graph.dot", "yaml": "graph.yml", "run": "run"}
    return {key: str(tmp_path / name) for key, name in names.items()} | {"name": "morphodigits", "study": str(study)}


@pytest.mark.parametrize("way", ["file", "yaml", "run", "name", "study"])
def test_a_graph_is_found_in_every_place(sources: dict[str, str], way: str) -> None:
    assert find_graph(sources[way]) == load_graph("morphodigits")


@pytest.mark.parametrize(
    ("text", "edges"),
    [
        ("a -> b", "a -> b"),
        ("a ↔ b\nc", "a <-> b; c"),
        ("dag { a -> b; u [latent]; u -> {a b} }", "a -> b; a <-> b"),
        (" -> ".join(f"v{i}" for i in range(500)), [(f"v{i}", f"v{i + 1}") for i in range(499)]),
    ],
)
def test_edges_are_a_graph(text: str, edges: str) -> None:
    assert find_graph(text) == CausalGraph(edges)


@pytest.mark.parametrize(
    ("source", "error", "message"),
    [
        ("morphodigit", GraphError, "got 'morphodigit', and there is no such file. Did you mean 'morphodigits'?"),
        ("absent.dot", GraphError, "and there is no such file"),
        ("", GraphError, "Expected a study file, a run folder"),
        ("x" * 5000, GraphError, "and there is no such file"),
        ("a -> b -> a", GraphError, "got the cycle"),
        ("a -> ", GraphError, "Expected a name"),
        ("graph { a -- b }", GraphError, "got 'graph', whose edges have no direction"),
        ("FOLDER", RunFolderError, "Expected a run folder with a run.json"),
        ("FOLDER/study.yaml", StudyError, "study.yaml, line 1"),
        ("FOLDER/notes.txt", GraphError, "Expected a graph file ending in"),
        ("FOLDER/cyclic.gml", GraphError, "cyclic.gml: Expected an acyclic graph"),
    ],
)
def test_what_holds_no_graph_is_refused(tmp_path: Path, source: str, error: type[CausalgenError], message: str) -> None:
    (tmp_path / "study.yaml").write_text("name: mine")
    (tmp_path / "notes.txt").write_text("a -> b")
    nodes = "".join(f'node [id {i} label "{i}"]' for i in range(2))
    (tmp_path / "cyclic.gml").write_text(
        f"graph [directed 1 {nodes} edge [source 0 target 1] edge [source 1 target 0]]"
    )
    with pytest.raises(error, match=message):
        find_graph(source.replace("FOLDER", str(tmp_path)))
