"""The first steps of a run: fit the model and save it."""

import shutil
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
from rich.progress import Progress

from ..datasets import Dataset
from ..errors import CheckpointError, EvidenceWarning, PrivacyError
from ..graph import CausalGraph
from ..mechanisms.catalog import mechanism_class
from ..nn import seeded
from ..predictors import PUBLISHED, attribute_predictors
from ..predictors.attributes import TUTOR_SEED
from ..scm import StructuralCausalModel, save
from ..scm import load as load_model
from ..spreadsheets import restored, write_csv
from ..training import FitConfig, FitResult, TuningConfig, calibrate_evidence, fit, tune_counterfactuals
from ..training.device import device_of
from ..training.threads import limited, threads_after
from .model_on_data import ModelOnData
from .runfolder import RunFolder
from .schema import Study
from .study_sections import TrainingPlan, TuningPlan

__all__ = ["FIT", "build_model", "fit_model"]

FIT = "fit the model"
"""Name of the step that is not repeated when a run resumes."""


def build_model(study: Study, graph: CausalGraph) -> StructuralCausalModel:
    """The model of a study before training; the same seed gives the same weights.

    Raises:
        UntrustedCodeError: The study names code that is not trusted.
        DataError: The code cannot be imported, or is not a mechanism.
    """
    mechanisms = {
        name: given | {"mechanism": mechanism_class(given.get("mechanism"), name, trust_code=study.trust_code)}
        for name, given in study.mechanisms.items()
    }
    with seeded(study.seed):
        return StructuralCausalModel(graph, mechanisms)


def fit_model(
    build: Callable[[], StructuralCausalModel],
    data: Dataset,
    folder: RunFolder,
    config: FitConfig,
    plan: TrainingPlan,
    *,
    bars: Progress | None = None,
) -> tuple[StructuralCausalModel, FitResult]:
    """Fit a model and save it in the run folder; a model that an earlier attempt finished is loaded instead.

    Args:
        build: Makes the model before training.
        data: The data.
        folder: The run folder.
        config: Settings of training.
        plan: What follows training: fine-tuning of the image, and calibration of its evidence.
        bars: Rich progress bars.

    Raises:
        CheckpointError: The files of an earlier attempt are corrupted or belong to another model.
        DivergenceError: A loss became NaN.
    """
    history = folder.tables / "training.csv"
    if folder.finished_step(FIT):
        kept = folder.record["training"]
        scm = load_model(folder.model, trust_code=folder.trust_code).to(device_of(config.device))
        return scm, FitResult(_read_history(history), kept["seconds"], kept["best_epochs"], kept.get("threads", {}))
    scm = build()
    result = fit(scm, data, config, out=folder.checkpoints, bars=bars)
    folder.tables.mkdir(exist_ok=True)
    with limited(threads_after(result.threads, config.processes)):
        if plan.tuning is not None:
            began = time.perf_counter()
            _tune(plan.tuning, ModelOnData(scm, data, config.seed), folder, bars)
            result = replace(result, seconds=result.seconds | {"tuning": time.perf_counter() - began})
        if plan.evidence == "tempered":
            began = time.perf_counter()
            folder.update(evidence=_calibrate(scm, data, config.seed, bars))
            result = replace(result, seconds=result.seconds | {"evidence": time.perf_counter() - began})
    save(scm, folder.model)
    write_csv(result.history, history)
    folder.update(training={"seconds": result.seconds, "best_epochs": result.best_epochs, "threads": result.threads})
    if scm.privacy is not None:
        folder.update(privacy=scm.privacy.sentences)
    shutil.rmtree(folder.checkpoints)
    return scm, result


def _tune(plan: TuningPlan, model: ModelOnData, folder: RunFolder, bars: Progress | None) -> None:
    """Fine-tune the image with predictors of its parents, which differ from those of the evaluation."""
    tutors = attribute_predictors(
        model.data,
        folder.path / "tutors",
        image=model.image,
        config=replace(PUBLISHED, epochs=1 if folder.record["smoke"] else None, device=model.scm.like.device),
        seed=model.seed + TUTOR_SEED,
        bars=bars,
    )
    history = tune_counterfactuals(
        model.scm,
        model.data,
        {name: tutor.requires_grad_(False) for name, tutor in tutors.items()},
        image=model.image,
        config=TuningConfig(**plan.model_dump(exclude_none=True)),
        seed=model.seed,
        bars=bars,
    )
    write_csv(history, folder.tables / "tuning.csv")


def _calibrate(scm: StructuralCausalModel, data: Dataset, seed: int, bars: Progress | None) -> list[str]:
    """Calibrate the evidence of images, and return why this was not possible."""
    with warnings.catch_warnings(record=True) as raised:
        warnings.simplefilter("always", EvidenceWarning)
        try:
            calibrate_evidence(scm, data, seed=seed, bars=bars)
        except PrivacyError as error:
            return [str(error)]
    return [str(each.message) for each in raised if issubclass(each.category, EvidenceWarning)]


def _read_history(path: Path) -> pd.DataFrame:
    try:
        return restored(pd.read_csv(path, float_precision="round_trip"))
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"Expected the training history of this run in '{path}'; it cannot be read: {error}. "
            "Run again with --fresh."
        ) from None
