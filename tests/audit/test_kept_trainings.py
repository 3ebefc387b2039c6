"""A repair that is killed and asked again ends with the bytes of one that is not, and repeats no finished training."""

import multiprocessing
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from causalgen.audit import (
    KeptTrainings,
    OwnTrainer,
    PredictorTrainer,
    decided_by,
    read_label,
    repair,
    write_repair,
)
from causalgen.audit.kept_trainings import TRAININGS, Outputs
from causalgen.augmentation import Augmentation
from causalgen.datasets import Dataset
from causalgen.errors import CheckpointError, RunFolderError
from causalgen.predictors import PredictorConfig
from causalgen.scm import StructuralCausalModel

from . import sheets

TARGET = read_label(sheets.GRAPH, "mark")
MOST = 6 * 2
"""Training sets times seeds."""


def one_score(images: Tensor, labels: Tensor, weights: Tensor, seed: int) -> Any:
    """A classifier with one output."""
    middle = float(images.float().mean()) + seed
    return lambda images: torch.sigmoid((images.mean((1, 2, 3)) - middle) / 10)


def network(images: Tensor, labels: Tensor, weights: Tensor, seed: int) -> nn.Module:
    """An untrained network of torch."""
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(16, 2), nn.Softmax(dim=1))


TRAINERS: dict[str, OwnTrainer | PredictorTrainer] = {
    "estimator": OwnTrainer(sheets.train),
    "one score": OwnTrainer(one_score),
    "network": OwnTrainer(network),
    "predictor": PredictorTrainer(TARGET.variable, PredictorConfig(epochs=1)),
}


@dataclass
class Killed:
    """A trainer that counts its trainings, and kills its process when one begins."""

    trainer: OwnTrainer | PredictorTrainer
    at: int | None = None
    done: list[int] = field(default_factory=list)

    def __call__(self, train: Any, validation: Any, seed: int) -> Any:
        if len(self.done) == self.at:
            os.kill(os.getpid(), signal.SIGKILL)
        self.done.append(seed)
        return self.trainer(train, validation, seed)


@pytest.fixture(scope="module")
def data() -> Dataset:
    return sheets.biased(180)


@pytest.fixture(scope="module")
def scm(data: Dataset) -> StructuralCausalModel:
    return sheets.model(data)


Repaired = Callable[..., dict[str, bytes]]


@pytest.fixture(scope="module")
def repaired(scm: StructuralCausalModel, data: Dataset) -> Repaired:
    def run(folder: Path, trainer: Killed, *, do: Any = "shuffle", **options: Any) -> dict[str, bytes]:
        plan = Augmentation({"shade": do})
        options = {"seeds": (0, 1), "rows": 8} | options
        with KeptTrainings(folder, decided_by(trainer.trainer, scm, data, plan, TARGET, "sheet")) as kept:
            report = repair(trainer, scm, data, plan, TARGET, kept=kept, **options)  # type: ignore[arg-type]
            write_repair(folder, report, sheets.GRAPH)
        return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    return run


def killed(repaired: Repaired, folder: Path, trainer: Killed) -> None:
    """Repair in another process, until the trainer kills it."""
    torch.set_num_threads(1)  # threads do not survive a fork
    child = multiprocessing.get_context("fork").Process(target=repaired, args=(folder, trainer))
    child.start()
    child.join()
    assert child.exitcode == -signal.SIGKILL


@pytest.mark.skipif(os.name == "nt", reason="Windows has neither SIGKILL nor fork")
@pytest.mark.parametrize(
    "name", ["one score", *(pytest.param(name, marks=pytest.mark.slow) for name in TRAINERS if name != "one score")]
)
def test_a_killed_repair_continues_to_the_same_bytes(repaired: Repaired, tmp_path: Path, name: str) -> None:
    trainer = TRAINERS[name]
    whole = repaired(tmp_path / "whole", Killed(trainer))
    folder, resumed = tmp_path / "killed", Killed(trainer)
    for before, done in ((0, 1), (1, MOST - 1)):  # the second process reads what the first one trained
        killed(repaired, folder, Killed(trainer, at=done - before))
        assert len(list((folder / TRAININGS).iterdir())) == done
    assert repaired(folder, resumed) == whole
    assert len(resumed.done) == 1
    assert not (folder / TRAININGS).exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changed", "trained"), [({"seeds": (0,)}, 3), ({"seeds": (0,), "contrast": ({"shade": 20}, {"shade": 80})}, 6)]
)
def test_what_is_asked_of_the_classifiers_may_change(
    repaired: Repaired, tmp_path: Path, changed: dict[str, Any], trained: int
) -> None:
    """Kept are three of the six trainings that are left; on images that they have not seen they are repeated."""
    trainer, folder = TRAINERS["one score"], tmp_path / "out"
    killed(repaired, folder, Killed(trainer, at=5))
    resumed = Killed(trainer)
    assert repaired(folder, resumed, **changed) == repaired(tmp_path / "fresh", Killed(trainer), **changed)
    assert len(resumed.done) == trained


@pytest.mark.parametrize(("name", "do", "message"), [("one score", "+1", "do"), ("network", "shuffle", "trainer")])
def test_other_trainings_are_refused(repaired: Repaired, tmp_path: Path, name: str, do: str, message: str) -> None:
    folder = tmp_path / "out"
    killed(repaired, folder, Killed(TRAINERS["one score"], at=1))
    with pytest.raises(RunFolderError, match=f"got one that differs in {message}"):
        repaired(folder, Killed(TRAINERS[name]), do=do)


def test_finished_and_foreign_folders_are_refused(repaired: Repaired, tmp_path: Path) -> None:
    trainer = TRAINERS["one score"]
    repaired(tmp_path / "out", Killed(trainer), seeds=(0,))
    with pytest.raises(RunFolderError, match="got a finished one"):
        repaired(tmp_path / "out", Killed(trainer), seeds=(0,))
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "todo.txt").write_text("mine")
    with pytest.raises(RunFolderError, match="got other content"):
        repaired(tmp_path / "notes", Killed(trainer))
    assert [path.name for path in (tmp_path / "notes").iterdir()] == ["todo.txt"]


def test_a_damaged_training_is_named(repaired: Repaired, tmp_path: Path) -> None:
    killed(repaired, tmp_path / "out", Killed(TRAINERS["one score"], at=1))
    (tmp_path / "out" / TRAININGS / "as-it-was-seed0.safetensors").write_bytes(b"nothing")
    with pytest.raises(CheckpointError, match=r"as-it-was-seed0.*Delete the file to train it again"):
        repaired(tmp_path / "out", Killed(TRAINERS["one score"]))


def test_the_next_folder_is_taken_where_the_trainings_are_others(tmp_path: Path) -> None:
    usual = tmp_path / "mark"
    for asked, place in (({"seed": 0}, usual), ({"seed": 1}, tmp_path / "mark-2"), ({"seed": 0}, usual)):
        kept = KeptTrainings.beside(usual, asked)
        assert kept.folder == place
        kept.keep("as it was", 0, Outputs(known={}))
    kept.finish()
    assert KeptTrainings.beside(usual, {"seed": 0}).folder == tmp_path / "mark-3"
