"""The first steps of a run: fit the model and save it."""

import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from rich.progress import Progress

from ..datasets import Dataset
from ..errors import CheckpointError
from ..graph import CausalGraph
from ..mechanisms.catalog import mechanism_class
from ..nn import seeded
from ..predictors import enough_epochs
from ..predictors.attributes import TUTOR_SEED, attribute_predictors
from ..scm import StructuralCausalModel, save
from ..scm import load as load_model
from ..spreadsheets import restored, write_csv
from ..training import FitResult, TuningConfig, fit, tune_counterfactuals
from ..training.threads import limited, threads_after
from .queries import image_node
from .runfolder import RunFolder
from .schema import Study
from .settings import fit_config

__all__ = ["FIT", "TUTOR_EPOCHS", "build_model", "fit_model", "mechanisms_of"]

TUTOR_EPOCHS = 15
FIT = "fit the model"
"""Name of the step that is not repeated when a run resumes."""


def build_model(study: Study, graph: CausalGraph) -> StructuralCausalModel:
    """The model of a study before training; the same seed gives the same weights."""
    with seeded(study.seed):
        return StructuralCausalModel(graph, mechanisms_of(study))


def mechanisms_of(study: Study) -> dict[str, dict[str, Any]]:
    """The mechanisms that a study names, with the classes of the study's own ones.

    Raises:
        UntrustedCodeError: The study names code that is not trusted.
        DataError: The code cannot be imported, or is not a mechanism.
    """
    return {
        name: given | {"mechanism": mechanism_class(given.get("mechanism"), name, trust_code=study.trust_code)}
        for name, given in study.mechanisms.items()
    }


def fit_model(
    study: Study, data: Dataset, folder: RunFolder, *, device: str = "auto", bars: Progress | None = None
) -> tuple[StructuralCausalModel, FitResult]:
    """Fit the model and save it in the run folder; a model that an earlier attempt finished is read back.

    Raises:
        CheckpointError: The files of an earlier attempt are corrupted or belong to another model.
        DivergenceError: A loss became NaN.
    """
    config = fit_config(study, device)
    history = folder.tables / "training.csv"
    if folder.finished_step(FIT):
        kept = folder.record["training"]
        scm = load_model(folder.model, trust_code=study.trust_code).to(_torch_device(device))
        return scm, FitResult(_read_history(history), kept["seconds"], kept["best_epochs"], kept.get("threads", {}))
    scm = build_model(study, data.graph)
    result = fit(scm, data, config, out=folder.checkpoints, bars=bars)
    folder.tables.mkdir(exist_ok=True)
    if study.training.tuning is not None:
        began = time.perf_counter()
        with limited(threads_after(result.threads)):
            _tune(study, scm, data, folder, bars)
        result = replace(result, seconds=result.seconds | {"tuning": time.perf_counter() - began})
    save(scm, folder.model)
    write_csv(result.history, history)
    folder.update(training={"seconds": result.seconds, "best_epochs": result.best_epochs, "threads": result.threads})
    shutil.rmtree(folder.checkpoints)
    return scm, result


def _tune(study: Study, scm: StructuralCausalModel, data: Dataset, folder: RunFolder, bars: Progress | None) -> None:
    """Fine-tune the image with predictors of its parents, which differ from those of the evaluation."""
    assert study.training.tuning is not None
    image = image_node(data.graph)
    tutors = attribute_predictors(
        data,
        folder.path / "tutors",
        image=image,
        epochs=1 if folder.record["smoke"] else enough_epochs(len(data.split["train"]), TUTOR_EPOCHS),
        seed=study.seed + TUTOR_SEED,
        device=scm.like.device,
        bars=bars,
    )
    history = tune_counterfactuals(
        scm,
        data,
        {name: tutor.requires_grad_(False) for name, tutor in tutors.items()},
        image=image,
        config=TuningConfig(**study.training.tuning.model_dump(exclude_none=True)),
        seed=study.seed,
        bars=bars,
    )
    write_csv(history, folder.tables / "tuning.csv")


def _read_history(path: Path) -> pd.DataFrame:
    try:
        return restored(pd.read_csv(path, float_precision="round_trip"))
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"Expected the training history of this run in '{path}'; it cannot be read: {error}. "
            "Run again with --fresh."
        ) from None


def _torch_device(device: str) -> torch.device:
    from lightning_fabric import Fabric

    return Fabric(accelerator=device, devices=1).device
