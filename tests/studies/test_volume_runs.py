"""A run whose image is a volume: what every command answers, or says that it takes images of two dimensions only."""

import io
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nibabel
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner
from untrained_run import write_untrained_run

from causalgen.audit import counterfactual_images
from causalgen.benchmark.study import study_benchmark
from causalgen.cli.app import app
from causalgen.errors import DataError, StudyError
from causalgen.export import export_model
from causalgen.graph import Variable
from causalgen.mechanisms import MECHANISMS, build
from causalgen.metrics.evaluate import evaluate
from causalgen.reports.image_files import write_grey_values, write_images, write_nifti
from causalgen.reports.images import as_picture
from causalgen.reports.planes import middle_planes
from causalgen.scm import load
from causalgen.scm.restoration import Damage
from causalgen.service.batched_model import BatchedModel
from causalgen.studies.checking import check
from causalgen.studies.schema import load_study

ROWS, SHAPE = 30, (5, 6, 7)
STUDY = """name: heads
data:
  table: table.csv
  graph: "{age, sex} -> scan"
  group: patient
  variables:
    age: {column: "Age (years)", unit: years}
    scan: {column: "scan file", volume: true, window: [-100, 900], bits: 16}
mechanisms:
  scan: {mechanism: conv-vae, width: 8, latent: 2, local: 1, blocks: 1}
"""
PATTERN = r"images? of two dimensions .* got the volume 'scan' of shape \(1, 5, 6, 7\)"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The run, its model and data; files store their axes to the left, to the back and up."""
    folder = tmp_path_factory.mktemp("volumes")
    patch = pytest.MonkeyPatch()
    patch.setenv("CAUSALGEN_CACHE", str(folder / "cache"))
    rng = np.random.default_rng(0)
    values = rng.integers(-100, 900, (ROWS, *SHAPE)).astype(np.int16)
    affine = np.diag([-2.0, -2.0, 3.0, 1.0])
    affine[:3, 3] = (40, 30, -10)
    for row, one in enumerate(values):
        nibabel.save(nibabel.Nifti1Image(one.transpose(2, 1, 0)[::-1], affine), folder / f"scan {row}.nii.gz")
    table = {"scan file": [f"scan {row}.nii.gz" for row in range(ROWS)], "Age (years)": rng.uniform(20, 80, ROWS)}
    table |= {"sex": rng.choice(["F", "M"], ROWS), "patient": [f"P{row // 2}" for row in range(ROWS)]}
    pd.DataFrame(table).to_csv(folder / "table.csv", index=False)
    (folder / "study.yaml").write_text(STUDY)
    torch.manual_seed(0)
    scm, data = write_untrained_run(folder, folder / "study.yaml")
    yield SimpleNamespace(folder=folder, scm=scm, data=data, values=values)
    patch.undo()


def ask(*words: object) -> str:
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == 0, result.output
    return result.output


def test_data_hold_what_the_files_hold(run) -> None:
    found = run.data.rows(range(ROWS))["scan"].numpy()[:, 0] / 255 * 1000 - 100
    assert np.abs(found - run.values).max() <= 1000 / 65535


def test_sampled_volumes_are_written_as_numpy_and_nifti(run, tmp_path: Path) -> None:
    like = run.folder / "scan 0.nii.gz"
    ask("sample", run.folder, "-n", 2, "--do", "age=40", "--out", tmp_path / "out", "--nifti", like)
    images = tmp_path / "out" / "images"
    levels, grey = np.load(images / "unit-1.npy"), np.load(images / "unit-1-grey.npy")
    assert levels.shape == grey.shape == SHAPE
    assert np.allclose(levels / 255 * 1000 - 100, grey, atol=1e-3)
    written, first = nibabel.load(images / "unit-1.nii.gz"), nibabel.as_closest_canonical(nibabel.load(like))
    assert np.array_equal(written.affine, first.affine)
    assert np.array_equal(written.get_fdata().transpose(2, 1, 0)[:, ::-1].astype(np.float32), grey)


def test_grey_values_of_an_earlier_answer_are_not_written_as_this_one(run, tmp_path: Path) -> None:
    like, variable = run.folder / "scan 0.nii.gz", run.scm.graph["scan"]
    earlier, later = torch.full((1, *variable.shape), 10.0), torch.full((1, *variable.shape), 20.0)
    write_images(tmp_path, ["unit-0"], earlier, variable)
    write_grey_values(tmp_path, ["unit-0"], earlier, (0.0, 2550.0))
    (written,) = write_nifti(write_images(tmp_path, ["unit-0"], later, variable), like)
    assert (nibabel.load(written).get_fdata() == 20).all()


def test_a_file_from_outside_comes_back_as_it_was(run, tmp_path: Path) -> None:
    file = run.folder / "scan 3.nii.gz"
    words = ["--set", "age=50,sex=F", "--do", "age=70", "--nifti", file, "--out", tmp_path / "out"]
    ask("counterfactual", run.folder, "--image", file, *words)
    (factual,) = (tmp_path / "out" / "images").glob("*-factual.nii.gz")
    given = nibabel.as_closest_canonical(nibabel.load(file)).get_fdata()
    assert np.abs(nibabel.load(factual).get_fdata() - given).max() <= 1000 / 65535


def test_an_image_from_outside_is_no_volume(run, tmp_path: Path) -> None:
    Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(tmp_path / "photo.png")
    words = ["--image", tmp_path / "photo.png", "--set", "age=50,sex=F", "--do", "age=70", "--out", tmp_path / "out"]
    result = CliRunner().invoke(app, ["counterfactual", str(run.folder), *map(str, words)])
    assert result.exit_code == 2
    assert "got an image of two dimensions ('photo.png'). Save it as a NIfTI or NumPy file." in " ".join(
        result.output.split()
    )


def test_rows_and_all_units_get_volumes(run, tmp_path: Path) -> None:
    ask("counterfactual", run.folder, "--rows", "3,4", "--do", "age+=5", "--particles", 2, "--out", tmp_path / "rows")
    assert len(list((tmp_path / "rows" / "images").glob("*-counterfactual-?.npy"))) == 4
    ask("intervene", run.folder, "--do", "age=70", "-n", 8, "--out", tmp_path / "worlds")
    ask("counterfactual", run.folder, "--all", "--do", "age=60", "--split", "test", "--out", tmp_path / "all")
    (shard,) = (tmp_path / "all").rglob("*.parquet")
    cell = pq.read_table(shard).to_pylist()[0]["scan_cf"]
    assert cell["path"].endswith(".npy")
    assert np.load(io.BytesIO(cell["bytes"])).shape == SHAPE


def test_a_nifti_of_another_size_is_refused(run, tmp_path: Path) -> None:
    nibabel.save(nibabel.Nifti1Image(np.zeros((3, 3, 3), np.int16), np.eye(4)), tmp_path / "small.nii")
    words = ["sample", run.folder, "-n", "1", "--out", tmp_path / "out", "--nifti", tmp_path / "small.nii"]
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == 2
    assert "Expected a NIfTI volume of 7x6x5 voxels" in result.output


def test_worlds_share_the_noise_and_models_are_saved_whole(run, tmp_path: Path) -> None:
    factual = run.data.rows(range(4))
    same = run.scm.counterfactual(factual, {}, seed=0)
    assert torch.equal(same["scan"], factual["scan"])
    moved = run.scm.counterfactual(factual, {"age": 70.0}, seed=0)
    assert torch.equal(moved["sex"], factual["sex"])
    again = load(run.folder / "model").counterfactual(factual, {"age": 70.0}, seed=0)
    assert torch.equal(moved["scan"], again["scan"])


def test_metrics_per_voxel(run) -> None:
    table = evaluate(run.scm, run.data, queries=["age"], seed=0).to_frame()
    assert {"model", "identity control"} <= set(table["row"])
    assert not table["metric"].str.contains("SSIM").any()


FLAT: dict[str, Callable[[Any, Path], Any]] = {
    "the service": lambda run, _: BatchedModel(run.scm),
    "an export": lambda run, folder: export_model(run.scm, folder, to="torch-export"),
    "an audit": lambda run, _: counterfactual_images(run.scm, run.data, interventions=[{"age": 70.0}]),
    "a benchmark": lambda run, _: study_benchmark(load_study(run.folder / "study.yaml")),
    "to restore": lambda run, _: Damage(noise=10.0).steps(run.scm.graph["scan"]),
}


@pytest.mark.parametrize("what", FLAT)
def test_doors_for_flat_images_say_so(run, tmp_path: Path, what: str) -> None:
    with pytest.raises(DataError, match=PATTERN):
        FLAT[what](run, tmp_path)


def test_the_explorer_says_so(run) -> None:
    result = CliRunner().invoke(app, ["explore", str(run.folder)])
    assert result.exit_code == 2
    assert "Expected images of two dimensions for the explorer" in result.output


def test_mechanisms_of_flat_images_are_refused_with_the_line(run) -> None:
    file = run.folder / "gan.yaml"
    file.write_text(
        STUDY.replace("{mechanism: conv-vae, width: 8, latent: 2, local: 1, blocks: 1}", "{mechanism: gan}")
    )
    with pytest.raises(
        StudyError, match=r"line 10: Expected an image of shape \(C, H, W\) for GAN; got the volume 'scan'"
    ):
        check(load_study(file))


def test_every_mechanism_takes_volumes_or_says_that_it_does_not() -> None:
    scan = Variable("scan", "image", shape=(1, 16, 16, 16))
    for word, mechanism in MECHANISMS.items():
        if "image" not in mechanism.kinds or mechanism.known:
            continue
        if mechanism.volumes:
            assert build(word, scan, {}).variable is scan
        else:
            with pytest.raises(ValueError, match="Choose a mechanism for volumes"):
                build(word, scan, {})


def test_a_picture_shows_the_three_middle_planes() -> None:
    """One bright voxel on the left, at the front and at the top is at the left, the top and the top right of the planes."""
    volume = np.zeros((8, 6, 4))
    volume[-1, 3, 2], volume[4, 0, 2], volume[4, 3, 0] = 1, 2, 3  # top, front, left
    axial, coronal, sagittal = (middle_planes(volume)[:, columns] for columns in (slice(4), slice(5, 9), slice(10, 16)))
    assert axial[0, 2] == 2
    assert axial[3, 0] == 3
    assert coronal[0, 2] == 1
    assert coronal[3, 0] == 3
    assert sagittal[0, 2] == 1
    assert sagittal[3, 5] == 2
    assert as_picture(volume[None] * 50).shape == (8, 16)
