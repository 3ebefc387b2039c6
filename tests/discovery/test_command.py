"""`causalgen discover`: tables, files, JSON, and one message where something is wrong."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from study_cases import TINY
from typer.testing import CliRunner, Result

from causalgen.cli.app import app
from causalgen.spreadsheets import restored

from .cases import table


def ask(*arguments: object) -> Result:
    return CliRunner(env={"COLUMNS": "200"}).invoke(app, ["discover", *map(str, arguments)])


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    path = tmp_path / "scans.csv"
    table("age -> volume <- sex; volume -> score").to_csv(path, index=False)
    return path


def test_the_terminal_shows_edges_comparison_and_assumptions(scans: Path) -> None:
    done = ask(scans, "--compare", "age -> volume -> score", "--columns", "age,volume,score", "--bootstrap", 3)
    assert done.exit_code == 0, done.output
    for text in (
        "age --- volume; volume --- score",
        "SHD 0 of 3 pairs",
        "These results hold only if",
        "Faithfulness",
    ):
        assert text in done.stdout
    assert "Resamples repeat rows" in done.stderr


def test_knowledge_files_and_a_drawing(scans: Path, tmp_path: Path) -> None:
    out = tmp_path / "found"
    done = ask(
        scans, "--compare", "{age, sex} -> volume -> score", "--tiers", "age, sex; volume; score", "--require", "age -> volume",
        "--forbid", "age -> sex; sex -> age", "--bootstrap", 3, "--out", out,
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert sorted(path.name for path in out.iterdir()) == [
        "comparison.csv", "discovery.json", "edges.csv", "frequencies.csv", "graph.png",
    ]  # fmt: skip
    record = json.loads((out / "discovery.json").read_text())
    assert record["knowledge"]["tiers"] == [["age", "sex"], ["volume"], ["score"]]
    assert record["comparison"]["shd"] == 0
    assert set(restored(pd.read_csv(out / "edges.csv"))["mark"]) == {"->"}


def test_what_is_not_oriented_is_not_drawn(scans: Path, tmp_path: Path) -> None:
    assert ask(scans, "--algorithm", "fci", "--out", tmp_path / "found").exit_code == 0
    assert not (tmp_path / "found" / "graph.png").exists()


def test_json_alone_on_standard_output(scans: Path, tmp_path: Path) -> None:
    parquet = tmp_path / "scans.parquet"
    pd.read_csv(scans).to_parquet(parquet)
    done = ask(parquet, "--json", "--out", tmp_path / "found")
    record = json.loads(done.stdout)
    assert record["found"]["kind"] == "CPDAG"
    assert record["comparison"] is None
    assert record == json.loads((tmp_path / "found" / "discovery.json").read_text())


def test_the_order_of_a_study_as_tiers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAUSALGEN_CACHE", str(tmp_path))
    (tmp_path / "study.yaml").write_text(TINY)
    data = tmp_path / "digits.csv"
    table("hurry -> pen -> thickness -> intensity; digit").to_csv(data, index=False)
    done = ask(data, "--compare", tmp_path / "study.yaml", "--ordered")
    assert done.exit_code == 0, done.output
    assert "hurry -> pen; pen -> thickness; thickness -> intensity; digit" in done.stdout


def test_a_data_set_is_compared_with_its_own_graph_where_that_is_possible(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import causalgen.datasets

    small = causalgen.datasets.load("morphodigits", rows=200, root=tmp_path)
    monkeypatch.setattr(causalgen.datasets, "load", lambda name: small)
    done = ask("morphodigits")
    assert done.exit_code == 0, done.output
    assert "SHD" in done.stdout
    part = ask("morphodigits", "--columns", "thickness,intensity")
    assert part.exit_code == 0, part.output
    assert "Not compared with the data set's graph. Expected a graph without hidden common causes" in part.stderr


@pytest.mark.parametrize("form", [{"sep": ";", "decimal": ",", "index": False}, {"index": True}])
def test_tables_as_spreadsheets_and_pandas_write_them(scans: Path, form: dict[str, Any]) -> None:
    other = scans.with_name("other.CSV")
    pd.read_csv(scans).to_csv(other, **form)
    assert ask(str(other), "--json").stdout == ask(str(scans), "--json").stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["absent.csv"], "Expected a table at 'absent.csv'; it cannot be read: No such file"),
        (["morphodigit"], "Expected a data set among morphodigits"),
        (["SCANS", "--algorithm", "ges", "--tiers", "age; volume"], "It would be ignored: use one of pc, fci, lingam"),
        (["SCANS", "--tiers", "age; vol"], "got 'vol'"),
        (["SCANS", "--require", "age => volume"], "Expected '->', '<-', '<->' or ';' at line 1, column 5"),
        (["SCANS", "--compare", "age -> volume"], "Expected a graph with all the columns; it lacks"),
        (["SCANS", "--compare", "absent.yaml"], "got 'absent.yaml', and there is no such file"),
        (["SCANS", "--ordered"], "Expected --ordered with the graph of --compare and without --tiers; got no graph"),
        (["SCANS", "--test", "fisher"], "Did you mean 'fisherz'?"),
        (["SCANS", "--jobs", "2"], "Expected --jobs together with --bootstrap"),
        (
            ["SCANS", "--algorithm", "ges", "--alpha", "0.1"],
            "Expected --alpha with an algorithm that tests (pc, fci); ges",
        ),
        (["SCANS", "--discrete", "age", "--kind", "age=continuous"], "got 'age' in both"),
        (["SCANS", "--kind", "age=continuous", "--kind", "age=ordinal"], "Expected one kind for 'age'"),
        (["SCANS", "--alpha", "2"], "between 0 and 1; got 2.0"),
        (["SCANS", "--algorithm", "magic"], "magic"),
        (["BROKEN"], "Expected a Parquet table at"),
        (["TEXT"], "Expected a .csv or .parquet file"),
    ],
)
def test_bad_input_is_one_message(scans: Path, arguments: list[str], message: str) -> None:
    named = {"BROKEN": "a.parquet", "TEXT": "d.xlsx"}
    files = {"SCANS": scans} | {word: scans.with_name(name) for word, name in named.items()}
    files["BROKEN"].write_text("a,b")
    files["TEXT"].write_text("a b")
    done = ask(*[files.get(word, word) for word in arguments])
    assert done.exit_code == 2
    assert message in done.stderr
    assert "Traceback" not in done.output
