"""`causalgen data`: what there is, fetching it, showing it."""

import json
from functools import partial
from pathlib import Path

import pytest

from causalgen.datasets import DATASETS, morphodigits, morphomnist, pendulum, phantom
from causalgen.datasets.catalog import catalog, stored_at
from causalgen.datasets.resources import card

from .conftest import Command


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, in which morphodigits has 100 rows."""
    monkeypatch.setenv("CAUSALGEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("CAUSALGEN_DATA", raising=False)
    monkeypatch.setattr(morphodigits.generate, "ROWS", 100)
    monkeypatch.setattr(morphodigits, "load_morphodigits", partial(morphodigits.load_morphodigits, rows=100))
    return tmp_path / "cache"


def test_the_catalog_says_what_the_loaders_and_the_cards_say() -> None:
    entries = {entry.name: entry for entry in catalog()}
    assert set(entries) == set(DATASETS)
    assert {name: entry.rows for name, entry in entries.items()} == {
        "morphodigits": morphodigits.ROWS,
        "morphomnist": morphomnist.ROWS,
        "pendulum": pendulum.ROWS,
        "phantom": phantom.ROWS,
    }
    for name, entry in entries.items():
        assert all(licence in card(name) for licence in entry.licence.split(", "))
        assert f"{entry.rows:,}" in card(name)


def test_the_list_says_what_is_here(causalgen: Command, cache: Path) -> None:
    assert [record["here"] for record in json.loads(causalgen("data", "list", "--json").stdout)] == [None] * 4
    done = causalgen("data", "get", "morphodigits")
    assert done.exit_code == 0, done.output
    assert "100 rows" in done.stdout
    place = stored_at("morphodigits")
    assert place is not None
    assert place.parent == cache
    assert str(place) in done.stdout
    listed = causalgen("data", "list").stdout
    for words in ("morphodigits", "10,000", "1×28×28", "CC BY 4.0", "yes", f"In {place}", "Not here yet: downloaded"):
        assert words in listed


def test_data_that_are_here_are_found(causalgen: Command, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (cache / "mine" / "morphomnist").mkdir(parents=True)
    for name in morphomnist.files.RELEASED.files:
        (cache / "mine" / "morphomnist" / name).touch()
    monkeypatch.setenv("CAUSALGEN_DATA", str(cache / "mine"))
    assert stored_at("morphomnist") == cache / "mine" / "morphomnist"
    done = causalgen("data", "get", "morphomnist")
    assert done.exit_code == 2
    assert "Replace it by the original file" in done.stderr


def test_data_that_cannot_be_kept_are_loaded_all_the_same(
    causalgen: Command, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.write_text("a file where the folder should be")
    done = causalgen("data", "get", "morphodigits")
    assert done.exit_code == 0, done.output
    assert "It could not be stored: set CAUSALGEN_CACHE" in done.stdout


def test_a_card_is_shown_with_graph_and_columns(causalgen: Command) -> None:
    done = causalgen("data", "show", "morphodigits")
    assert done.exit_code == 0, done.output
    for words in ("Source and licence", "hurry -> {pen, thickness, intensity}", "ballpoint, felt-tip", "1 to 7", "px"):
        assert words in done.stdout
    assert "## " not in done.stdout


def test_a_card_for_machines_and_a_grid(causalgen: Command, cache: Path, tmp_path: Path) -> None:
    grid = tmp_path / "grid.png"
    done = causalgen("data", "show", "morphodigits", "--json", "--grid", grid)
    record = json.loads(done.stdout)
    assert (record["name"], record["rows"], record["here"]) == ("morphodigits", 10_000, None)
    assert record["card"] == card("morphodigits")
    assert record["graph"]["variables"][0] == {"name": "hurry", "kind": "continuous", "support": [0.0, 1.0]}
    assert grid.read_bytes().startswith(b"\x89PNG")
    assert str(grid) in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["get", "morphodigit"],
            "Expected a data set among morphodigits, morphomnist, pendulum, phantom; got 'morphodigit'. Did you mean",
        ),
        (["show", "mnist"], "Did you mean 'morphomnist'?"),
        (["show", "morphodigits", "--grid", "grid.jpg"], "ending in .png, .svg, .pdf for --grid; got 'grid.jpg'"),
        (["show", "morphodigits", "--grid", "nowhere/grid.png"], "Make 'nowhere' first."),
        (["lst"], "No such command 'lst'"),
        (["get"], "Missing argument"),
    ],
)
def test_what_there_is_not_is_refused(causalgen: Command, arguments: list[str], message: str) -> None:
    done = causalgen("data", *arguments)
    assert done.exit_code == 2
    assert message in " ".join(done.stderr.replace("│", " ").split())
    assert "Traceback" not in done.output
