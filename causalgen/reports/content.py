"""The content of a report. Every part except name, question and graph is optional; a missing part has no section."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pandas as pd

from ..graph import CausalGraph
from .citations import Citation
from .curves import ResponseCurve
from .effects.findings import EffectFindings
from .folder import ReportFolder
from .mediation import MediationFindings
from .parts import Highlight, Part

if TYPE_CHECKING:
    from ..datasets import Dataset
    from ..metrics import ImageChange, Memorisation, MetricTable
    from ..scm import Ambiguity, Counterfactual, StructuralCausalModel, Tempering

__all__ = ["DataSummary", "Gallery", "MechanismSummary", "ReportContent"]


@dataclass(frozen=True, eq=False)
class DataSummary:
    """The data that the report shows.

    Args:
        name: Name of the data set.
        rows: Number of rows by split.
        frame: Attributes of all rows, labels decoded.
        groups: Number of groups, the units of the bootstrap; None when every row is a group.
        group_meaning: What the rows of one group share, such as "one base digit".
        images: By image node, some images `(n, C, H, W)`.
        captions: One text per shown image.
        note: Source and licence, or other information that a reader needs first.
    """

    name: str
    rows: Mapping[str, int]
    frame: pd.DataFrame
    groups: int | None = None
    group_meaning: str = ""
    images: Mapping[str, Any] = field(default_factory=dict)
    captions: Sequence[str] = ()
    note: str = ""

    @classmethod
    def of(cls, dataset: "Dataset", *, samples: int = 24, seed: int = 0) -> "DataSummary":
        """Summary of a data set with a random choice of its training images."""
        rows = dataset.split["train"]
        order = np.random.default_rng(seed).choice(len(rows), size=min(samples, len(rows)), replace=False)
        values = dataset.rows(rows[np.sort(order)])
        return cls(
            name=dataset.name,
            rows={split: len(index) for split, index in dataset.split.items()},
            frame=dataset.frame(),
            groups=None if len(dataset.group.unique()) == len(dataset) else int(dataset.group.unique().numel()),
            group_meaning=dataset.group_meaning,
            images={name: values[name].numpy() for name, v in dataset.graph.variables.items() if v.is_image},
            captions=tuple(f"row {row}" for row in values.labels),
            note=dataset.source,
        )


@dataclass(frozen=True)
class MechanismSummary:
    """One node's mechanism.

    Args:
        node: The node.
        mechanism: Its name in the catalog.
        abduction: How it finds the noise of a unit: the value of its `Abduction`.
        options: Its options.
        parameters: Number of trained parameters.
        best_epoch: Epoch whose weights were kept; None without training.
        identified: Whether the data determine its counterfactuals: the value of its `Identifiability`.
        assumption: What its abduction assumes.
        works: Keys of the works to cite for it.
    """

    node: str
    mechanism: str
    abduction: str
    options: Mapping[str, Any] = field(default_factory=dict)
    parameters: int = 0
    best_epoch: int | None = None
    identified: str = ""
    assumption: str = ""
    works: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, scm: "StructuralCausalModel", best_epochs: Mapping[str, int] | None = None
    ) -> "tuple[MechanismSummary, ...]":
        """Summaries of all mechanisms of a model.

        Args:
            scm: The model.
            best_epochs: `FitResult.best_epochs`.
        """
        from ..mechanisms.catalog import name_of

        return tuple(
            cls(
                node=node,
                mechanism=name_of(mechanism),
                abduction=mechanism.abduction.value,
                options=mechanism.spec(),
                parameters=sum(p.numel() for p in mechanism.parameters() if p.requires_grad),
                best_epoch=(best_epochs or {}).get(node),
                identified=mechanism.identification.kind.value,
                assumption=mechanism.identification.assumption,
                works=mechanism.works,
            )
            for node, mechanism in scm.mechanisms.items()
        )


@dataclass(frozen=True, eq=False)
class Gallery:
    """A grid of counterfactual images.

    Args:
        counterfactual: The counterfactual of some units.
        truth: True counterfactual values of the same units by node.
        units: Number of units from the start, or their positions.
        note: What a reader should look at.
    """

    counterfactual: "Counterfactual"
    truth: Mapping[str, Any] | None = None
    units: int | Sequence[int] = 4
    note: str = ""


class Audited(Protocol):
    """The result of an audit, as the report of a run shows it."""

    @property
    def answer(self) -> str:
        """State the verdicts in a sentence."""

    def parts(self, folder: ReportFolder) -> list[Part]:
        """Return its parts; figures and tables go into `folder`."""


@dataclass(frozen=True, eq=False)
class ReportContent:
    """Everything that a report shows, in its order.

    Args:
        name: Name of the study: the title.
        question: The question that the study asks.
        graph: The assumed graph.
        highlights: Lines at the top of the first screen, above the sentences that answer the question.
        data: The data.
        mechanisms: The mechanisms of the model (`MechanismSummary.of(scm)`).
        history: `FitResult.history`.
        galleries: Counterfactual grids.
        curves: Response curves.
        changes: Changes on the image under interventions; the first screen begins with them.
        ambiguities: How far the counterfactuals of some test units survive other couplings of the noise.
        metrics: The metrics with their controls.
        quality: Pairs (metric, query) that the first screen and the metric figures show; empty for the first metric of
            each query.
        memorisation: Whether the model reveals training units.
        evidence: Temperatures at which images inform missing attributes.
        effects: Effects, with their checks.
        mediation: Direct and indirect parts of effects, and other nested counterfactuals.
        audits: Audits of classifiers.
        warnings: Warnings of the run, such as units outside joint support.
        limits: What the study cannot answer, in sentences.
        timings: Seconds by part of the run.
        versions: Versions of the libraries.
        seeds: Seeds by use.
        command: Command that reproduces the run.
        explore: Command that opens the model in the browser.
        citations: Works to cite beyond those of the methods used, such as the source of the data.
    """

    name: str
    question: str
    graph: CausalGraph
    highlights: Sequence[Highlight] = ()
    data: DataSummary | None = None
    mechanisms: Sequence[MechanismSummary] = ()
    history: pd.DataFrame | None = None
    galleries: Sequence[Gallery] = ()
    curves: Sequence[ResponseCurve] = ()
    changes: "Sequence[ImageChange]" = ()
    ambiguities: "Sequence[Ambiguity]" = ()
    metrics: "MetricTable | None" = None
    quality: Sequence[tuple[str, str]] = ()
    memorisation: "Memorisation | None" = None
    evidence: "Tempering | None" = None
    effects: Sequence[EffectFindings] = ()
    mediation: Sequence[MediationFindings] = ()
    audits: Sequence[Audited] = ()
    warnings: Sequence[str] = ()
    limits: Sequence[str] = ()
    timings: Mapping[str, float] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    seeds: Mapping[str, int] = field(default_factory=dict)
    command: str = ""
    explore: str = ""
    citations: Sequence[Citation] = ()
