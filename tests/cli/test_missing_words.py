"""Every command that reads a bare table takes words for missing values, and answers as if their cells were empty."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import typer

from causalgen.cli.app import app

from .conftest import Command

GRAPH = "age -> {dose, weight, pain}; dose -> weight -> pain; dose -> pain"
EFFECT = ["--graph", GRAPH, "--treatment", "dose", "--outcome", "pain"]
QUICK = ["--methods", "linear adjustment", "--simulations", "0", "--no-doubt"]
ASKED = {
    "effects": [*EFFECT, *QUICK],
    "mediation": EFFECT,
    "discover": ["--columns", "dose, weight, pain"],
}
WORDS = ["--missing-words", "n/a, .", "--missing-words", "-9"]
HOLES = {"Age at scan (years)": ".", "dose": "N/A ", "weight": "-9", "pain": "-9.00"}


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """One table with a string index, its holes as words and as empty cells."""
    random, folder = np.random.default_rng(0), tmp_path_factory.mktemp("tables")
    age = random.normal(50, 10, 200).round(1)
    dose = random.random(200) < 1 / (1 + np.exp(-(age - 50) / 10))
    weight = (70 + 3 * dose + 0.2 * age + random.normal(0, 2, 200)).round(1)
    pain = (2 * dose + 0.1 * age + 0.2 * weight + random.normal(0, 1, 200)).round(2)
    columns = {"Age at scan (years)": age, "dose": np.where(dose, "yes", "no"), "weight": weight, "pain": pain}
    whole = pd.DataFrame(columns, index=[f"p{row}" for row in range(200)]).astype(str)
    for name, cells in (("words", HOLES), ("empty", dict.fromkeys(HOLES, ""))):
        table = whole.copy()
        for place, (column, cell) in enumerate(cells.items()):
            table.loc[table.index[5 * place : 5 * place + 8], column] = cell
        table.to_csv(folder / f"{name}.csv")
    return folder / "words.csv", folder / "empty.csv"


@pytest.mark.parametrize("command", ASKED)
def test_a_declared_word_is_an_empty_cell(causalgen: Command, tables: tuple[Path, Path], command: str) -> None:
    words, empty = (
        causalgen(command, table, *ASKED[command], *more) for table, more in zip(tables, (WORDS, []), strict=True)
    )
    assert words.exit_code == empty.exit_code == 0, words.stderr + empty.stderr
    assert words.stdout == empty.stdout
    assert "Read as missing in weight: -9 8" in words.stderr
    assert "Read as missing in pain: -9 8" in words.stderr


def test_the_table_holds_every_command_about_a_bare_table() -> None:
    group = typer.main.get_command(app)
    about = {name for name, command in group.commands.items() if any(p.name == "table" for p in command.params)}  # type: ignore[attr-defined]
    assert about - {"new"} == set(ASKED)  # `new` proposes the words and writes them into the study


def test_words_of_the_target_labels_and_idle_words(
    causalgen: Command, tables: tuple[Path, Path], tmp_path: Path
) -> None:
    pd.DataFrame({"age": ["45.5", ".", "60.1", "-9", "52"] * 20}).to_csv(tmp_path / "there.csv", index=False)
    moved = ["--graph", f"{GRAPH}; [site] -> age", *EFFECT[2:], *QUICK, "--target", tmp_path / "there.csv"]
    done = causalgen("effects", tables[0], *moved, *WORDS)
    assert done.exit_code == 0, done.stderr
    assert "Read as missing in age: '.' 20, -9 20" in done.stderr
    idle = causalgen("discover", tables[0], *ASKED["discover"], *WORDS, "--missing-words", "nothing")
    assert "no cell of the table was read as missing for 'nothing'" in " ".join(idle.stderr.split())
    refused = causalgen("effects", tables[0], *ASKED["effects"])
    assert refused.exit_code == 2
    assert "--missing-words . on the command line" in " ".join(refused.stderr.split())
    data = causalgen("discover", "morphodigits", "--missing-words", "-9")
    assert "Expected --missing-words with a table of your own" in " ".join(data.stderr.split())


def test_declared_labels_are_no_missing_words(causalgen: Command, tables: tuple[Path, Path], tmp_path: Path) -> None:
    graph = tmp_path / "graph.yaml"
    graph.write_text(
        "edges: 'age -> {dose, pain}; dose -> pain'\n"
        "variables:\n  age: {kind: continuous}\n  pain: {kind: continuous}\n"
        "  dose: {kind: categorical, labels: ['no', 'yes', N/A]}\n"
    )
    asked = ["--graph", graph, "--treatment", "dose", "--outcome", "pain", "--contrast", "no", "yes"]
    done = causalgen("effects", tables[0], *asked, *QUICK, *WORDS)
    assert done.exit_code == 0, done.stderr
    assert "Read as missing in dose" not in done.stderr
    assert "Read as missing in age: '.' 8" in done.stderr
