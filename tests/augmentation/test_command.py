"""`causalgen augment` on a run whose model is initialised but not trained, with two images a unit."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner, Result
from untrained_run import write_untrained_run

from causalgen.augmentation import AugmentedImages
from causalgen.cli.app import app

STUDY = """\
name: twins
data:
  table: table.csv
  graph: '"age at scan" -> {left, right}; "=side" -> left'
  group: patient
mechanisms:
  left: {mechanism: conv-vae, latent: 2, local: 2, width: 4, blocks: 1}
  right: {mechanism: conv-vae, latent: 2, local: 2, width: 4, blocks: 1}
"""
Command = Callable[..., Result]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with a grey and a coloured image of each unit, a header with spaces and labels that a spreadsheet would run."""
    home = tmp_path_factory.mktemp("twins")
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"patient": np.arange(60) // 2, "age at scan": rng.uniform(20, 80, 60).round(1)})
    table["=side"] = rng.choice(["=L", "+R"], 60)
    for name, shape in (("left", (12, 10)), ("right", (8, 8, 3))):
        table[name] = [f"{name}-{row}.png" for row in range(60)]
        for row, file in enumerate(table[name]):
            level = table["age at scan"][row]
            Image.fromarray(np.uint8(rng.uniform(0, 2 * level, shape))).save(home / file)
    table.to_csv(home / "table.csv", index=False)
    folder = home / "run"
    folder.mkdir()
    (home / "study.yaml").write_text(STUDY)
    write_untrained_run(folder, home / "study.yaml")
    return folder


@pytest.fixture(scope="module")
def ask(run: Path) -> Command:
    runner = CliRunner(env={"COLUMNS": "200"})
    return lambda *arguments: runner.invoke(app, ["augment", str(run), *map(str, arguments)])


def test_two_images_a_unit_get_a_column_and_a_folder_each(ask: Command, tmp_path: Path) -> None:
    asked = ("--do", '"=side"=shuffle', "--do", '"age at scan"+=1', "--per-unit", 2, "--label", "=side", "--seed", 3)
    done = ask(*asked, "--out", tmp_path / "out", "--json")
    assert done.exit_code == 0, done.output
    counts = json.loads(done.stdout)["counts"]
    assert [(row["split"], row["counterfactual"]) for row in counts] == [
        (row["split"], 2 * row["observed"]) for row in counts
    ]
    for name, shape in (("left", (1, 12, 10)), ("right", (3, 8, 8))):
        images = AugmentedImages(tmp_path / "out", "train", "=side", image=name)
        assert tuple(images[0][0].shape) == shape
        assert set(images.table["=side"]) == {"=L", "+R"}
    again = ask(*asked, "--out", tmp_path / "again")
    assert again.exit_code == 0, again.output
    for table in json.loads(done.stdout)["files"]["tables"].values():
        other = tmp_path / "again" / Path(table).relative_to(tmp_path / "out")
        assert other.read_bytes() == Path(table).read_bytes()
    moved = images.table[images.table["draw"] == 1].set_index("origin_row")["age at scan"]
    before = images.table[images.table["draw"] == 0].set_index("origin_row")["age at scan"]
    assert np.allclose(moved - before, 1, atol=1e-4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "Expected an intervention, such as --do thickness=shuffle"),
        (("--do", "agee=shuffle"), "Expected a node among"),
        (("--do", "left=shuffle"), "got the image 'left'"),
        (("--do", "age at scan=shuffled"), "shuffled"),
        (("--do", "age at scan=shuffle", "--split", "holdout"), "Expected a split among"),
        (("--do", "age at scan=shuffle", "--label", "age at scan"), "Expected a discrete attribute"),
        (("--do", "age at scan=30", "--per-unit", 3), "gives the same one each time"),
        (("--do", "age at scan=shuffle", "--do", "age at scan=30"), "at most once"),
    ],
)
def test_mistakes_give_one_message(ask: Command, tmp_path: Path, arguments: tuple, message: str) -> None:
    done = ask(*arguments, "--out", tmp_path / "out")
    assert done.exit_code == 2, done.output
    assert message in " ".join(done.output.replace("│", " ").split())
    assert "Traceback" not in done.output
    assert not (tmp_path / "out").exists()
