"""Audits of a study: each a page in the run folder, and a section of the run's report."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from ..audit import Scorer, as_classifier, load_classifier, write_audit
from ..audit import audit as audit_classifier
from ..audit.run_section import AuditFindings
from ..audit.subgroups import split_units
from ..datasets import Dataset
from ..errors import CausalgenError, DataError
from ..grammar import read_do
from ..metrics.cohort import image_node
from ..reports.folder import slug
from ..reports.style import number
from .audit_section import Audit
from .model_on_data import ModelOnData
from .readers import readers_of
from .runfolder import RunFolder

__all__ = ["audit_findings", "find_scorer", "try_classifiers"]

FOLDER = "audits"
TRIED = 8
"""Number of images on which classifiers are tried before training."""


def find_scorer(asked: Audit, *, trust_code: bool = False) -> Scorer:
    """The classifier of an audit.

    Raises:
        DataError: The classifier cannot be read, or its options do not fit it.
        UntrustedCodeError: The classifier is code, and its author is not trusted.
        UnknownNameError: The outcome is not among its labels.
    """
    try:
        classifier = load_classifier(asked.classifier, trust_code=trust_code)
    except ImportError as error:
        raise DataError(str(error)) from None
    words = {name: getattr(asked, name) for name in ("outcome", "scale", "logits", "unit", "threshold")}
    return as_classifier(classifier, labels=asked.labels or None, **words)


def try_classifiers(
    audits: Sequence[Audit], data: Dataset, fault: Callable[[tuple, str], Exception], *, trust_code: bool
) -> None:
    """Apply every classifier to a few training images, so that failures occur before training.

    Args:
        audits: The audits of a study.
        data: The data.
        fault: The exception to raise about an entry of the study file, from its place and a message.
        trust_code: Whether code that the study names may be imported.
    """
    few = data.rows(data.split["train"][:TRIED])
    for place, asked in enumerate(audits):
        entry = "classifier"
        try:
            find_scorer(asked, trust_code=trust_code).check(few[image_node(data.graph, asked.image)])
            entry = "subgroups"
            split_units(data.graph, few, _cuts(asked))
        except CausalgenError as error:
            raise fault(("audit", place, entry), str(error)) from error


def audit_findings(
    asked: Audit, place: int, model: ModelOnData, run: RunFolder, *, warnings: Sequence[str] = ()
) -> AuditFindings:
    """Audit one classifier, and write its page.

    Args:
        asked: The audit.
        place: Its number in the study.
        model: The fitted model and its data.
        run: The run, whose readers say whether the images show the interventions.
        warnings: Warnings at the top of the page, such as that the run was a smoke run.
    """
    graph = model.graph
    node = image_node(graph, asked.image)
    readers = readers_of(run, graph, node)
    report = audit_classifier(
        find_scorer(asked, trust_code=run.trust_code),
        model.scm,
        model.data,
        interventions=[read_do(graph, do) for do in asked.do],
        subgroups=_cuts(asked),
        image=node,
        rows=asked.rows,
        particles=asked.particles,
        measure=readers.measure,
        classifiers=readers.trained,
        margin=asked.margin,
        level=asked.level,
        seed=model.seed,
    )
    report = replace(report, notes=(*readers.notes, *report.notes), warnings=(*warnings, *report.warnings))
    name = Path(asked.classifier).name
    about = {"run": str(run.path), "classifier": asked.classifier, "factor on the pixels": number(asked.scale)}
    written = write_audit(run.path / FOLDER / slug(f"{place}-{name}"), report, graph, about=about)
    return AuditFindings(report, graph, name, place, written["html"].relative_to(run.path).as_posix())


def _cuts(asked: Audit) -> dict[str, list[float] | None]:
    return {name: list(cuts) or None for name, cuts in asked.subgroups.items()}
