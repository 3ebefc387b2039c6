"""Settings of a run from a study: defaults filled in, and the smoke form of any study."""

import math
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from ..errors import DataError
from ..launched import launch
from .schema import Study
from .study_sections import Effect, GalleryPlan, TrainingPlan, TrainingStage

if TYPE_CHECKING:
    from ..training import FitConfig, Stage

__all__ = ["SMOKE", "fit_config", "resolve", "shrink"]

SMOKE = {
    "rows": 800,
    "attributes": 15,
    "images": 8,
    "batch": 32,
    "evaluation": 60,
    "units": 4,
    "points": 3,
    "simulations": 10,
    "replicates": 10,
    "resamples": 100,
}
"""Limits of a smoke run: rows, epochs, units in a batch, and everything else that costs time."""


def shrink(study: Study) -> Study:
    """Shrink a study to its smoke form: every query, but on so little data that the numbers mean nothing."""
    training = study.training.model_copy(
        update={
            "attributes": _at_most(study.training.attributes, SMOKE["attributes"]),
            "images": _at_most(study.training.images, SMOKE["images"]),
            "codecs": study.training.codecs and _at_most(study.training.codecs, SMOKE["images"]),
            "evidence": "exact",
            "tuning": study.training.tuning and study.training.tuning.model_copy(update={"epochs": 1}),
        }
    )
    return study.model_copy(
        update={
            "data": study.data.model_copy(update={"rows": min(study.data.rows or SMOKE["rows"], SMOKE["rows"])}),
            "training": training,
            "evaluation": _capped(study.evaluation, rows=SMOKE["evaluation"]),
            "gallery": _all_capped(_without_rows(study.gallery), units=SMOKE["units"]),
            "curves": _all_capped(study.curves, points=SMOKE["points"]),
            "audit": _all_capped(study.audit, rows=SMOKE["evaluation"]),
            "effects": tuple(_capped_effect(effect) for effect in study.effects),
        }
    )


def fit_config(plan: TrainingPlan, seed: int = 0, device: str = "auto") -> "FitConfig":
    """Settings of training.

    Args:
        plan: How a study trains its mechanisms.
        seed: Seed of the study.
        device: "auto", "cpu", "cuda" or "mps".

    Raises:
        DataError: This machine has no such device or too few of them, or a launcher started another number of processes.
    """
    from ..training import FitConfig, Privacy
    from ..training.device import check_devices

    devices, num_nodes = _counts(plan)
    config = FitConfig(
        device=device,
        devices=devices,
        num_nodes=num_nodes,
        precision=plan.precision,
        seed=seed,
        privacy=None if plan.privacy is None else Privacy(**plan.privacy.model_dump()),
        **_stages(plan),  # type: ignore[arg-type]
    )
    check_devices(config)  # refuse them now, not only when training starts
    return config


def resolve(study: Study) -> Study:
    """The study with the defaults of training filled in, so that it states everything the run depends on."""
    stages = {name: TrainingStage(**asdict(stage)) for name, stage in _stages(study.training).items()}
    return study.model_copy(update={"training": study.training.model_copy(update=stages)})


def _counts(plan: TrainingPlan) -> tuple[int, int]:
    """Processes on each machine, and machines: those of the study, else those that a launcher started."""
    started = launch()
    if started is None:
        return plan.devices or 1, plan.num_nodes or 1
    devices, num_nodes = plan.devices or started.devices, plan.num_nodes or started.num_nodes
    if (devices, num_nodes) != (started.devices, started.num_nodes):
        raise DataError(
            f"Expected {started.devices} devices on {started.num_nodes} machines, as the launcher started processes; got "
            f"{devices} on {num_nodes}. Leave out --devices and --num-nodes, or start this number of processes."
        )
    return devices, num_nodes


def _stages(plan: TrainingPlan) -> "dict[str, Stage]":
    """The stages that `FitConfig` takes, by name."""
    from ..training import FitConfig

    default = FitConfig()
    stages = {"attributes": _stage(plan.attributes, default.attributes), "images": _stage(plan.images, default.images)}
    return stages if plan.codecs is None else stages | {"codecs": _stage(plan.codecs, stages["images"])}


def _stage(given: TrainingStage, default: "Stage") -> "Stage":
    return replace(default, **given.model_dump(exclude_none=True))


def _at_most(stage: TrainingStage, epochs: int) -> TrainingStage:
    batch = min(stage.batch_size or SMOKE["batch"], SMOKE["batch"])
    return stage.model_copy(update={"epochs": min(stage.epochs or epochs, epochs), "batch_size": batch})


def _capped(section: Any, **limits: int) -> Any:
    return section.model_copy(update={name: min(getattr(section, name), limit) for name, limit in limits.items()})


def _capped_effect(effect: Effect) -> Effect:
    least = math.ceil(round(4 / (1 - effect.level), 6))  # the number that a bootstrap at this level needs
    limits = {name: SMOKE[name] for name in ("simulations", "replicates")}
    return _capped(effect, **limits, resamples=max(SMOKE["resamples"], least))


def _without_rows(gallery: Sequence[GalleryPlan]) -> list[GalleryPlan]:
    """Grids of test units alone: the rows that a plan names may not be among the few of a smoke run."""
    return [plan.model_copy(update={"rows": ()}) for plan in gallery]


def _all_capped(sections: Sequence[Any], **limits: int) -> tuple[Any, ...]:
    return tuple(_capped(section, **limits) for section in sections)
