"""Audit a classifier: how does its output on the same unit change under do(attribute)?

For every intervention, with u the abducted noise of a unit and f the classifier:

    change = f(image(do(a = value), u)) - f(image(do(a = own value), u))

The subtracted null intervention is the reconstruction of the factual image, so that changes that the generator makes to
every image do not count as effects. *Total*: descendants of a respond. *Direct*: those that are parents of the image
keep their factual values. The mean absolute change and the share of flipped decisions measure the departure from
counterfactual fairness. The verdict on a change weighs its interval against all other evidence
(`causalgen.audit.verdict`).

Source: Kusner, Loftus, Russell and Silva, Counterfactual fairness, 2017; direct and total effects: Pearl, Direct and indirect
effects, 2001.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from torch import Tensor

from ..datasets import Dataset
from ..errors import DataError
from ..metrics import Measure, Readers
from ..metrics.cohort import image_node
from ..predictors import AttributePredictor
from ..scm import StructuralCausalModel
from .images import ROWS, CounterfactualImages, counterfactual_images
from .movers import moving_most
from .other_models import surviving
from .report import AuditReport
from .responses import Response
from .rows import Standard, UnitScores
from .scorer import PROBABILITY, PROBE, Scorer, Scores, as_classifier
from .subgroups import Subgroups, split_units
from .verdict import judged

__all__ = ["MARGIN", "audit", "audit_images"]

MARGIN = 0.05
"""Default margin for probabilities: five percentage points."""
MOVERS = 8
STRATA = 2


def audit(
    classifier: Any,
    scm: StructuralCausalModel,
    data: Dataset | Mapping[str, Any],
    *,
    interventions: Sequence[Mapping[str, Any]],
    subgroups: Subgroups = (),
    image: str | None = None,
    rows: int | None = ROWS,
    groups: Any = None,
    particles: int | None = None,
    measure: Mapping[str, Measure] | None = None,
    classifiers: Mapping[str, AttributePredictor] | None = None,
    margin: float | None = None,
    level: float = 0.95,
    movers: int = MOVERS,
    seed: int = 0,
) -> AuditReport:
    """Measure how interventions on a unit change the output of a classifier for it.

    Args:
        classifier: Anything that `as_classifier` takes or returns; call it to name the class of interest, the scale of the
            pixels, logits, or the unit of a score.
        scm: A fitted model with an image node.
        data: A data set, whose test split is audited, or factual values of every node.
        interventions: Each a mapping from nodes to values, as for `Posterior.counterfactual`; a callable `(value, parents)`
            shifts every unit from its factual value.
        subgroups: Attributes whose labels or terciles form subgroups; a mapping sets cut points, `{"age": [40, 60]}`.
        image: The image node; may be left out if there is only one.
        rows: Maximum number of units, drawn at random; None for all.
        groups: Group of each unit of a mapping, `(N,)`; intervals are bootstrapped over groups. None: units are independent.
        particles: Draws of the noise of each unit; None for 4 where the noise of a recomputed node is uncertain, else one.
        measure: Measurements of continuous attributes on images `(N, C, H, W)`, to check whether the images show them.
        classifiers: Classifiers and predictors of attributes on images, for the same purpose. `causalgen.studies.readers` finds
            those that a run trained.
        margin: Smallest change of practical importance, in the unit of the score; None for 0.05 if the score is a
            probability.
        level: Level of the intervals.
        movers: Number of images with the largest change to keep for each intervention and effect.
        seed: Seed of units, abduction and bootstrap.

    Raises:
        DataError: Interventions, data, classifier, margin or subgroups cannot be audited; the message says which and why.
        UnknownNameError: A name is not a node, or the classifier lacks the class.
        SupportError: An intervention lies outside its variable's support.
        AbductionError: The mechanism of a node to recompute cannot abduct.
    """
    scorer = classifier if isinstance(classifier, Scorer) else as_classifier(classifier)
    margin = _check_numbers(scorer, margin, level, movers)
    if isinstance(data, Dataset) and data.graph == scm.graph:
        few = data.rows(data.split["test"][:PROBE])  # fail now, not after the long work
        scorer.check(few[image_node(scm.graph, image)])
        split_units(scm.graph, few, subgroups)
    readers = Readers(measure or {}, classifiers or {}, image=image)
    shown = counterfactual_images(
        scm,
        data,
        interventions=interventions,
        readers=readers,
        rows=rows,
        groups=groups,
        particles=particles,
        seed=seed,
    )
    return audit_images(scorer, shown, subgroups=subgroups, margin=margin, level=level, movers=movers)


def audit_images(
    classifier: Any,
    images: CounterfactualImages,
    *,
    subgroups: Subgroups = (),
    margin: float | None = None,
    level: float = 0.95,
    movers: int = MOVERS,
) -> AuditReport:
    """`audit` on images from `counterfactual_images`, so that several classifiers see the same images."""
    scorer = classifier if isinstance(classifier, Scorer) else as_classifier(classifier)
    margin = _check_numbers(scorer, margin, level, movers)
    members = split_units(images.graph, images.factual, subgroups)
    scorer.check(images.images)
    factual = scorer(images.images)
    scores = [entry for response in images.responses for entry in _scores(scorer, response, factual)]
    largest = 1.0 if scorer.unit == PROBABILITY else math.inf
    standard = Standard(margin, level, STRATA * len(members) * len(scores), images.seed, largest)
    rows = [row for entry in scores for row in entry.rows(members, images.groups, standard)]
    rows = list(judged(rows, images.trust, factual.values, margin))
    report = AuditReport(
        images.image,
        scorer.outcome,
        scorer.unit,
        margin,
        level,
        tuple(rows),
        images.trust,
        tuple(moving_most(entry, images.rows, images.images, movers) for entry in scores),
        len(images.images),
        len(np.unique(images.groups)),
        images.particles,
        images.seed,
        (*images.notes, *_notes(standard.tests, level, images.particles)),
        assumptions=images.assumptions,
    )
    if images.few is None:
        return report
    return replace(report, surviving=surviving(scorer, images.few, images.responses, report.headline, margin))


def _scores(scorer: Scorer, response: Response, factual: Scores) -> list[UnitScores]:
    null = _of_particles(scorer, response.null.images)
    return [
        UnitScores(response, effect, factual, null, _of_particles(scorer, redrawn.images), scorer.decides)
        for effect, redrawn in response.effects.items()
    ]


def _of_particles(scorer: Scorer, images: Tensor) -> Scores:
    """Scores of images `(k, N, C, H, W)`, `(k, N)`."""
    values, decisions = scorer(images.flatten(0, 1))
    return Scores(values.reshape(images.shape[:2]), decisions.reshape(images.shape[:2]))


def _check_numbers(scorer: Scorer, margin: float | None, level: float, movers: int) -> float:
    if margin is None and scorer.unit != PROBABILITY:
        raise DataError(f"Expected a margin of practical size for a score in {scorer.unit}; got none. Pass margin=...")
    margin = MARGIN if margin is None else margin
    if isinstance(margin, bool) or not isinstance(margin, int | float) or not (math.isfinite(margin) and margin > 0):
        raise DataError(f"Expected the margin as a positive number in the unit of the score; got {margin!r}.")
    if scorer.unit == PROBABILITY and margin >= 1:
        raise DataError(f"Expected a margin below 1 for a probability; got {margin:g}. Write 5 % as 0.05.")
    if not isinstance(level, float) or not 0 < level < 1:
        raise DataError(f"Expected the level of the intervals between 0 and 1; got {level!r}. Write 95 % as 0.95.")
    if isinstance(movers, bool) or not isinstance(movers, int) or movers < 1:
        raise DataError(f"Expected at least one image to show per intervention; got movers={movers!r}.")
    return float(margin)


def _notes(tests: int, level: float, particles: int | None) -> list[str]:
    noise = (
        f"Intervals are bootstrapped over groups of units, each with {particles} draws of its noise."
        if particles
        else "Intervals are bootstrapped over groups of units; abduction gives one noise for each unit."
    )
    return [
        noise,
        f"Verdicts use intervals adjusted for {tests} rows (Bonferroni): all hold at once with probability {level:g}.",
        "The audit concerns this classifier on images of this generator: it cannot find what that generator cannot draw.",
    ]
