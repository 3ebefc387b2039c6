"""`causalgen graph`: what it prints, draws and converts, and what it refuses."""

import json
from pathlib import Path

import pytest

from causalgen.graph import CausalGraph

from .conftest import Command

SMOKING = "smoking -> tar -> cancer; smoking <-> cancer; price -> smoking"


def test_a_data_set_is_described(causalgen: Command) -> None:
    done = causalgen("graph", "morphodigits", "--treatment", "pen", "--outcome", "intensity")
    assert done.exit_code == 0, done.output
    for words in (
        "Variables: 6, edges: 9, hidden common causes: 0",
        "ballpoint, felt-tip",
        "digit ⊥ hurry",
        "{hurry}  (efficient)",
        "Instruments: none",
        "P(intensity | do(pen)) = Σ_{hurry} P(intensity | pen, hurry) P(hurry)",
        "[law of total probability]",
        "- Positivity:",
    ):
        assert words in done.stdout


def test_all_minimal_sets_are_listed_and_the_efficient_one_is_marked(causalgen: Command) -> None:
    edges = "cause -> x -> y; cause -> habit -> y; paper -> y"
    done = causalgen("graph", edges, "--treatment", "x", "--outcome", "y")
    lines = [line.strip() for line in done.stdout.splitlines()]
    start = lines.index("Minimal adjustment sets")
    assert lines[start + 1 : start + 4] == ["{cause}", "{habit}", "{habit, paper}  (efficient, not minimal)"]
    assert lines[start + 4 : start + 6] == ["Instruments", "cause given {habit}"]


def test_what_is_not_identified_comes_with_hedge_and_remedies(causalgen: Command) -> None:
    done = causalgen("graph", "x -> y; x <-> y; z -> x", "--treatment", "x", "--outcome", "y")
    assert done.exit_code == 0
    for words in (
        "Not identified",
        "are a hedge",
        "Measure the hidden common cause behind x <-> y",
        "Instruments\n  z",
    ):
        assert words in done.stdout


def test_machines_get_json_alone(causalgen: Command, tmp_path: Path) -> None:
    out = tmp_path / "graph.gml"
    done = causalgen("graph", SMOKING, "--treatment", "smoking", "--outcome", "cancer", "--json", "--out", out)
    record = json.loads(done.stdout)
    assert str(out) in done.stderr
    assert CausalGraph.from_dict(record["graph"]) == CausalGraph(SMOKING) == CausalGraph.read(out)
    effect = record["effect"]
    assert (effect["identified"], effect["method"], effect["adjustment_sets"]) == (True, "frontdoor", [])
    assert effect["instruments"] == [{"instrument": "price", "given": []}]
    assert effect["derivation"][0] == "P(cancer | do(smoking))"
    assert {"x": "tar", "y": "price", "given": ["smoking"], "text": "tar ⊥ price | smoking"} in record["independencies"]
    hidden = causalgen("graph", "x -> y; x <-> y", "--treatment", "x", "--outcome", "y", "--json")
    assert json.loads(hidden.stdout)["effect"]["hedge"] == {"larger": ["x", "y"], "smaller": ["y"], "roots": ["y"]}


def test_a_long_list_is_cut_in_the_terminal_only(causalgen: Command) -> None:
    edges = "; ".join("abcdefghij")
    assert "and 15 more; --json lists them all" in causalgen("graph", edges).stdout
    assert len(json.loads(causalgen("graph", edges, "--json").stdout)["independencies"]) == 45


@pytest.mark.parametrize(("suffix", "start"), [(".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF")])
def test_drawings(causalgen: Command, tmp_path: Path, suffix: str, start: bytes) -> None:
    path = tmp_path / f"graph{suffix}"
    done = causalgen("graph", SMOKING, "--draw", path)
    assert done.exit_code == 0, done.output
    assert str(path) in done.stdout
    assert path.read_bytes().startswith(start)


@pytest.mark.parametrize("format", ["dot", "gv", "gml", "graphml", "yaml", "json"])
def test_files_are_converted(causalgen: Command, tmp_path: Path, format: str) -> None:
    path, again = tmp_path / f"graph.{format}", tmp_path / "again.dot"
    assert causalgen("graph", "morphomnist", "--out", path).exit_code == 0
    assert causalgen("graph", path, "--out", again).exit_code == 0
    assert CausalGraph.read(again) == CausalGraph.read(path)


def test_names_are_not_taken_for_markup(causalgen: Command) -> None:
    done = causalgen("graph", '"[red]dose" -> "[/x] y"', "--treatment", "[red]dose", "--outcome", "[/x] y")
    assert done.exit_code == 0, done.output
    assert "The effect of [red]dose on [/x] y" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["morphodigit"], "Did you mean 'morphodigits'?"),
        (["digraph { }"], "at least one variable"),
        (["a -> b -> a"], "got the cycle a -> b -> a"),
        (["a -> b", "--treatment", "a"], "Expected both --treatment and --outcome"),
        (["a -> b", "--treatment", "a", "--outcome", "c"], "Expected a node among a, b; got 'c'"),
        (["a -> b", "--treatment", "a", "--outcome", "a"], "Expected two different variables"),
        (["a -> b", "--draw", "graph.gif"], "ending in .png, .svg, .pdf for --draw; got 'graph.gif'"),
        (["a -> b", "--draw", "nowhere/graph.png"], "in an existing folder for --draw"),
        (["a -> b", "--out", "graph.txt"], "Expected a graph file ending in .dot"),
    ],
)
def test_what_it_cannot_do_is_said(causalgen: Command, arguments: list[str], message: str) -> None:
    done = causalgen("graph", *arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert message in done.stderr
    assert "Traceback" not in done.output


@pytest.mark.parametrize("asked", [["--treatment", "E1", "--treatment", "E2"], ["--treatment", "E1,E2"]])
def test_several_treatments_are_identified_together(causalgen: Command, asked: list[str]) -> None:
    done = causalgen("graph", "W -> {E1, E2, Y}; E1 -> Y; E2 -> Y", *asked, "--outcome", "Y")
    assert done.exit_code == 0, done.stderr
    for words in ("The joint effect of E1 and E2 on Y", "One adjustment set for all treatments\n  {W}", "do(E1, E2)"):
        assert words in done.stdout
    record = json.loads(causalgen("graph", "E1 -> L -> E2 -> Y; L <-> Y", *asked, "--outcome", "Y", "--json").stdout)
    assert (record["effect"]["treatment"], record["effect"]["adjustment_sets"]) == (["E1", "E2"], [])


def test_selection_nodes_are_answered_with_the_bias_and_what_carries_the_effect_over(causalgen: Command) -> None:
    edges = "age -> {dose, pain}; dose -> pain; [site] -> age; age -> [clinic]"
    done = causalgen("graph", edges, "--treatment", "dose", "--outcome", "pain")
    for words in (
        "selection nodes: 2",
        "Unrepresentative sample: ",
        "P*(pain | do(dose)) = Σ_{age} P*(age) P(pain | dose, age)",
    ):
        assert words in done.stdout
    done = causalgen("graph", edges, "--treatment", "dose", "--outcome", "pain", "--json")
    found = json.loads(done.stdout)["selection"]
    assert (found["transport"]["sets"], found["bias"]["open_path"]) == ([["age"]], "[clinic] <- age -> pain")
    refused = causalgen("graph", "x -> y; [site] -> y", "--treatment", "x", "--outcome", "y")
    assert "got the path [site] -> y" in refused.stdout
