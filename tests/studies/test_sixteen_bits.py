"""Files of a run whose data have 16 bits: grey values go in and come out without loss."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner
from untrained_run import write_untrained_run

from causalgen.cli.app import app
from causalgen.datasets import Dataset

STUDY = """
name: heads
data: {name: phantom, rows: 100}
mechanisms:
  image: {mechanism: conv-vae, latent: 2, local: 1, width: 4, blocks: 1, residual: 1.0}
"""
ROW = 95


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Dataset:
    monkeypatch.setenv("CAUSALGEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    Path("study.yaml").write_text(STUDY, encoding="utf-8")
    Path("run").mkdir()
    return write_untrained_run(Path("run"), Path("study.yaml"))[1]


def _command(*words: str) -> None:
    done = CliRunner().invoke(app, list(words))
    assert done.exit_code == 0, done.output


def _values(path: str) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image).astype(np.float64)


def test_rows_come_out_with_their_grey_values(data: Dataset) -> None:
    _command("counterfactual", "run", "--rows", str(ROW), "--do", "age=80", "--out", "answer")
    own = data.values["image"][ROW, 0].numpy()
    assert np.abs(_values(f"answer/images/row-{ROW}-factual.tif") - own).max() < 0.01
    changed = _values(f"answer/images/row-{ROW}-counterfactual.tif")
    assert len(np.unique(changed.round())) > 1000
    _command("sample", "run", "-n", "2", "--out", "drawn")
    assert _values("drawn/images/unit-1.tif").max() > 255


@pytest.mark.parametrize("do", [(), ("--do", "age=80")], ids=["restored", "counterfactual"])
def test_restored_images_keep_the_grey_values(data: Dataset, do: tuple[str, ...]) -> None:
    own = data.values["image"][ROW, 0].numpy()
    Image.fromarray(own).save("scan.png")
    given = [f"--set={name}={value}" for name, value in data.frame().loc[ROW].items()]
    _command(
        "restore", "run", "--image", "scan.png", "--noise", "3", "--particles", "4", *given, *do, "--out", "answer"
    )
    pictures = sorted(path.stem for path in Path("answer/images").glob("*.png"))
    assert pictures == sorted(path.stem for path in Path("answer/images").glob("*.tif"))
    for name in pictures:
        exact, shown = _values(f"answer/images/{name}.tif"), _values(f"answer/images/{name}.png")
        assert np.abs(exact / 257 - shown).max() <= 0.51
        assert (exact % 257).any()


def test_a_file_of_16_bits_goes_in_as_it_is(data: Dataset) -> None:
    own = data.values["image"][ROW, 0].numpy()
    Image.fromarray(own).save("scan.png")
    set_to = [f"--set={name}={value}" for name, value in data.frame().loc[ROW].items()]
    _command("counterfactual", "run", "--image", "scan.png", *set_to, "--do", "age=80", "--out", "answer")
    assert np.abs(_values("answer/images/scan-factual.tif") - own).max() < 0.01


def test_a_copy_of_8_bits_is_refused(data: Dataset) -> None:
    Image.fromarray((data.values["image"][ROW, 0].numpy() // 257).astype(np.uint8)).save("scan.png")
    done = CliRunner().invoke(
        app, ["counterfactual", "run", "--image", "scan.png", "--do", "age=80", "--out", "answer"]
    )
    assert done.exit_code == 2
    assert "16 bits" in done.output
