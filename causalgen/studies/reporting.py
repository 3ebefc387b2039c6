"""The content of a run's report from its findings."""

import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..machine import versions
from ..metrics import ImageChange, Memorisation, MetricTable
from ..reports import DataSummary, EffectFindings, Gallery, Highlight, MechanismSummary, ReportContent, ResponseCurve
from ..reports.mediation import MediationFindings
from ..scm import Ambiguity
from ..training import FitResult
from .model_on_data import ModelOnData
from .runfolder import RunFolder
from .schema import Study

if TYPE_CHECKING:
    from ..audit.run_section import AuditFindings

__all__ = ["SMOKE_WARNING", "Findings", "report_content"]

SMOKE_WARNING = "This is a smoke run: the study was shrunk, and no number on this page means anything."


@dataclass
class Findings:
    """Findings of the steps of a run, filled in step by step."""

    model: ModelOnData
    training: FitResult
    galleries: list[Gallery] = field(default_factory=list)
    curves: list[ResponseCurve] = field(default_factory=list)
    changes: list[ImageChange] = field(default_factory=list)
    ambiguities: list[Ambiguity] = field(default_factory=list)
    metrics: MetricTable | None = None
    memorisation: Memorisation | None = None
    quality: list[tuple[str, str]] = field(default_factory=list)
    """Metric and query for the first screen."""
    effects: list[EffectFindings] = field(default_factory=list)
    mediation: list[MediationFindings] = field(default_factory=list)
    audits: "list[AuditFindings]" = field(default_factory=list)


def report_content(study: Study, folder: RunFolder, found: Findings) -> ReportContent:
    """The content of the report of a run."""
    smoke = bool(folder.record["smoke"])
    return ReportContent(
        name=f"{study.name} (smoke run)" if smoke else study.name,
        question=study.question,
        graph=found.model.graph,
        highlights=[_smoke_highlight(study)] if smoke else [],
        data=DataSummary.of(found.model.data, seed=study.seed),
        mechanisms=MechanismSummary.of(found.model.scm, found.training.best_epochs),
        history=found.training.history,
        galleries=found.galleries,
        curves=found.curves,
        changes=found.changes,
        ambiguities=found.ambiguities,
        metrics=found.metrics,
        quality=found.quality,
        memorisation=found.memorisation,
        evidence=found.model.scm.tempering,
        effects=found.effects,
        mediation=found.mediation,
        audits=found.audits,
        warnings=_warnings(found, smoke),
        limits=[*_limits(study, found), *folder.record.get("evidence", ())],
        timings=_timings(folder),
        versions=versions(),
        seeds={"study (weights, batches, noise, chosen units, folds)": study.seed} | _data_seed(study),
        command=shlex.join(folder.record["command"] or ["causalgen", "run", "study.resolved.yaml"]),
        explore=shlex.join(["causalgen", "explore", str(folder.path)]),
    )


def _smoke_highlight(study: Study) -> Highlight:
    note = (
        f"At most {study.data.rows} rows, {study.training.images.epochs} epochs of image training and "
        f"{study.evaluation.rows} evaluated units: enough to check that everything runs, but not to learn anything."
    )
    return Highlight("SMOKE RUN", "The numbers on this page mean nothing", note)


def _warnings(found: Findings, smoke: bool) -> list[str]:
    messages = [SMOKE_WARNING] if smoke else []
    for grid in found.galleries:
        outside = int((~grid.counterfactual.supported).sum())
        if outside:
            messages.append(
                f"{grid.counterfactual.title}: {outside} of {grid.counterfactual.supported.numel()} shown units have "
                "attributes outside the joint range seen in training; their images are extrapolated, and marked."
            )
    return messages


def _limits(study: Study, found: Findings) -> list[str]:
    tuned = (
        ["Attribute predictors guided the fine-tuning of the image; other networks measure it here."]
        if study.training.tuning
        else []
    )
    privacy = found.model.scm.privacy
    return [*([] if privacy is None else privacy.sentences), *tuned, *_truth_limits(found)]


def _truth_limits(found: Findings) -> list[str]:
    if found.model.data.truth is not None:
        return [
            "The generator of these data is known, so every answer is compared with the truth. Real data offer no such check."
        ]
    return ["The generator of these data is unknown: no counterfactual image here can be compared with the truth."]


def _timings(folder: RunFolder) -> dict[str, float]:
    return {name: float(entry["seconds"]) for name, entry in folder.record["steps"].items()}


def _data_seed(study: Study) -> dict[str, int]:
    return {} if study.data.seed is None else {"data": study.data.seed}
