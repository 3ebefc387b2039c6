"""Memorisation: does the model reveal its training units, by its weights, its samples or its counterfactuals?

- weights: anyone who has the model can score a unit by its bound and its reconstruction (see `membership`)
- samples: images of new units that are unusually near to a training unit (see `nearness`)
- counterfactuals: images of held-out units that are nearer to a training unit than the factual images are

Everything is compared with held-out units, by group. A test that finds nothing is not a proof of privacy.

Sources: Yeom et al., 2018 (membership advantage); Carlini et al., 2023 (extraction); Meehan, Chaudhuri and Dasgupta, A
non-parametric test to detect data-copying in generative models, 2020 (samples against training and held-out images); van den
Burg and Williams, On memorization in probabilistic deep generative models, 2021 (memorisation in VAEs).
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..datasets import Dataset
from ..errors import AbductionError, DataError, SupportError, SupportWarning
from ..graph import CausalGraph
from ..mechanisms import Abductive
from ..scm import StructuralCausalModel, ancestral_model
from .cohort import Cohort, choose, image_node, units_in_memory
from .compared_units import MOST_IMAGES, ComparedUnits, compared_units, thumbnails
from .controls import MODEL, PERMUTATION, SPLIT
from .copying import copying, counted
from .given_away import given_away
from .membership import Advantage, membership_advantage
from .membership_scores import (
    BOUND,
    RECONSTRUCTION,
    bounds,
    calibrated,
    difficulty,
    reconstruction_errors,
    score_fault,
    unavailable,
)
from .nearness import Nearness, nearness, neighbour_distances, yardstick
from .queries import Query, QuerySpec, draw_query
from .result import MetricResult, MetricTable
from .samples import SAMPLES
from .surface_verdicts import (
    COPIES_FOUND,
    COUNTERFACTUALS,
    WEIGHTS,
    SurfaceVerdict,
    judge_images,
    judge_weights,
    not_measured,
)
from .units import ALL

__all__ = ["Memorisation", "memorisation"]

FEWEST = 30
"""Minimum number of units on each side: with fewer, the spread of the held-out ones is unknown."""
MOST_SHOWN = 1000
"""Maximum number of samples, and of held-out images that are compared with all units, as observed and as counterfactuals:
the distance of each image to every unit is in memory."""
Found: TypeAlias = tuple[SurfaceVerdict, Sequence[MetricResult]]


@dataclass(frozen=True)
class Memorisation:
    """What the tests of memorisation found.

    Args:
        verdicts: One each for weights, samples and counterfactuals.
        table: The numbers, with controls.
    """

    verdicts: tuple[SurfaceVerdict, ...]
    table: MetricTable

    @property
    def alarm(self) -> bool:
        """Whether individual training units are revealed."""
        return any(verdict.finding == COPIES_FOUND for verdict in self.verdicts)

    def __repr__(self) -> str:
        return "\n".join(map(str, self.verdicts))


def memorisation(
    scm: StructuralCausalModel,
    data: Dataset,
    *,
    queries: Sequence[QuerySpec] | None = None,
    image: str | None = None,
    rows: int | None = 1000,
    seed: int = 0,
) -> Memorisation:
    """Test whether a fitted model reveals units of the training split.

    Args:
        scm: The model.
        data: The data set that it was fitted to; the test split is the held-out side.
        queries: Interventions of the counterfactuals, as for `evaluate`; None for one on each attribute among the parents of
            the image.
        image: The image node; may be left out if there is only one.
        rows: Maximum number of held-out rows, and number of samples; None for all test rows, at most 10,000, and 1,000
            samples. If there are more than 1,000 held-out rows, all are used to test the weights, and 1,000 are compared as
            images and as counterfactuals.
        seed: Seed of samples, interventions, draws and halves.

    Raises:
        DataError, UnknownNameError: As in `evaluate`.
    """
    image = image_node(scm.graph, image)
    whole, scm = scm.graph, ancestral_model(scm, [image]).to(scm.like.device).eval()
    asked = _reaching(queries, whole, scm.graph, image)
    held_out = choose(choose(data.split["test"], rows, seed), MOST_IMAGES, seed)
    cohort = Cohort({MODEL: scm}, data, held_out, image, seed, units_in_memory(scm.graph[image].shape))
    training, held, notes = compared_units(cohort)
    if min(training.count, held.count) < FEWEST:
        reason = _too_few(training, held)
        verdicts = [not_measured(surface, reason) for surface in (WEIGHTS, SAMPLES, COUNTERFACTUALS)]
        return Memorisation(tuple(verdicts), MetricTable((), notes))
    shown = np.asarray(choose(np.arange(len(held.rows)), MOST_SHOWN, seed))
    if len(shown) < len(held.rows):
        said = f"{len(shown):,} of the {len(held.rows):,} held-out images, drawn by the seed"
        notes += (f"Samples and counterfactuals are judged by {said}; the weights by all.",)
    test = _Test(replace(cohort, rows=held.rows[shown]), training, held, shown)
    found = [test.weights(), test.samples(min(rows or MOST_SHOWN, MOST_SHOWN)), test.counterfactuals(asked)]
    results = [result for part in found for result in part[1]]
    return Memorisation(tuple(verdict for verdict, _ in found), MetricTable(tuple(results), notes))


def _reaching(
    queries: Sequence[QuerySpec] | None, whole: CausalGraph, part: CausalGraph, image: str
) -> list[QuerySpec]:
    """Return the queries that set ancestors of the image; by default one for each parent that is not an image."""
    if queries is None:
        return [name for name in part.parents(image) if not part[name].is_image]
    found: list[QuerySpec] = []
    for spec in queries:
        for name in (spec,) if isinstance(spec, str) else spec:
            whole.require(name)
        if isinstance(spec, Mapping):
            found.append({name: value for name, value in spec.items() if name in part})
        else:
            found.append(tuple(name for name in ((spec,) if isinstance(spec, str) else spec) if name in part))
    return [spec for spec in found if spec]


def _too_few(training: ComparedUnits, held: ComparedUnits) -> str:
    return (
        f"Expected at least {FEWEST} training units and {FEWEST} held-out units, since the spread of the held-out ones is the "
        f"measure; got {training.count} and {held.count}. Take more rows, or give the test split more groups."
    )


@dataclass(frozen=True, eq=False)
class _Test:
    """The compared units of one model.

    Args:
        cohort: The model and its data; the rows are those of `held` that are shown.
        training: The training units.
        held: The held-out units.
        shown: Places of the held-out images that are compared with all units.
    """

    cohort: Cohort
    training: ComparedUnits
    held: ComparedUnits
    shown: NDArray[np.int64]

    @property
    def scm(self) -> StructuralCausalModel:
        return self.cohort.models[MODEL]

    @property
    def _sides(self) -> tuple[ComparedUnits, ComparedUnits]:
        return self.training, self.held

    @cached_property
    def neighbours(self) -> tuple[Tensor, Tensor]:
        """Distances from each image of both sides to the nearest other training units."""
        count = yardstick(self.training, self.held)
        training, held = (neighbour_distances(units, self.training, count) for units in self._sides)
        return training, held

    @cached_property
    def real(self) -> Nearness:
        """The held-out images against the units."""
        return nearness(self.held.points[self.shown], self.training, self.held, own=self.own)

    @property
    def own(self) -> NDArray[np.int64]:
        """The unit of each shown image."""
        return np.asarray(self.held.unit[self.shown])

    def weights(self) -> Found:
        """Membership by bound and reconstruction, and the units that are reconstructed too well."""
        missing, seed = unavailable(self.scm, self.cohort.image), self.cohort.seed
        plain = {name: self._scores(name) for name in (BOUND, RECONSTRUCTION) if name not in missing}
        missing |= {name: fault for name, pair in plain.items() if (fault := score_fault(np.concatenate(pair)))}
        plain = {name: pair for name, pair in plain.items() if name not in missing}
        hard = [difficulty(units, near) for units, near in zip(self._sides, self.neighbours)]
        scores = {name: calibrated(pair, (hard[0], hard[1])) for name, pair in plain.items()}
        results, split = [], self._split_control()
        flagged = np.zeros(self.training.count, dtype=bool)
        if RECONSTRUCTION in scores:
            # A unit that stands out only after the correction may be of a kind that the correction does not fit.
            found = [given_away(-pair[0], -pair[1]) for pair in (plain[RECONSTRUCTION], scores[RECONSTRUCTION])]
            flagged = found[0] & found[1]
            results.append(counted(flagged, WEIGHTS))
        advantages = {name: membership_advantage(*pair, seed=seed) for name, pair in scores.items()}
        for name, advantage in advantages.items():
            exchanged = membership_advantage(*_exchanged(*scores[name], seed=seed), seed=seed)
            rows = {MODEL: advantage, PERMUTATION: exchanged, SPLIT: split}
            results += [self._advantage(name, row, each) for row, each in rows.items()]
        verdict = judge_weights(
            advantages,
            missing,
            split,
            self._names(flagged),
            stored=_stored(self.scm),
            all_memorised=bool(flagged.mean() > 0.5),
        )
        return verdict, results

    def _scores(self, name: str) -> tuple[NDArray, NDArray]:
        """Compute a score of training and of held-out units, higher for units that the model has memorised."""
        scm, data, image, seed = self.scm, self.cohort.data, self.cohort.image, self.cohort.seed
        score = bounds if name == BOUND else reconstruction_errors
        sign = 1 if name == BOUND else -1
        training, held = (sign * score(scm, data, units, image=image, seed=seed) for units in self._sides)
        return training, held

    def _advantage(self, name: str, row: str, advantage: Advantage) -> MetricResult:
        units = self.training.count + self.held.count
        note = f"up to {advantage.chance:.2f} may be chance" if row == MODEL else ""
        metric = f"membership advantage by {name}"
        return MetricResult(metric, WEIGHTS, row, ALL, *advantage.interval, units, "", "lower", 0.0, note)

    def samples(self, count: int) -> Found:
        """Images of new units."""
        drawn = self.scm.sample(count, seed=self.cohort.seed)[self.cohort.image]
        images = nearness(thumbnails(self.cohort.stored(drawn)), self.training, self.held)
        found = copying(images, self.real, query=SAMPLES, seed=self.cohort.seed)
        return judge_images(SAMPLES, count, found, self._names(found.flagged)), found.results

    def counterfactuals(self, queries: Sequence[QuerySpec]) -> Found:
        """Counterfactual images of the held-out units under all queries together."""
        cohort = self.cohort
        if not isinstance(cohort.mechanism, Abductive):
            return not_measured(COUNTERFACTUALS, f"{type(cohort.mechanism).__name__} has no abduction."), ()
        if not queries:
            return not_measured(COUNTERFACTUALS, "No intervention on an attribute reaches the image."), ()
        try:
            drawn = [draw_query(q, self.scm, cohort.attributes, cohort.groups, seed=cohort.seed) for q in queries]
            shown = [self._images(block, drawn) for block in cohort.blocks()]
        except (AbductionError, DataError, SupportError) as error:
            return not_measured(COUNTERFACTUALS, str(error)), ()
        points = torch.cat([torch.cat(part) for part in zip(*shown, strict=True)])
        images = nearness(points, self.training, self.held, own=np.tile(self.own, len(queries)))
        found = copying(images, self.real, query=COUNTERFACTUALS, seed=cohort.seed)
        return judge_images(COUNTERFACTUALS, len(images.ratio), found, self._names(found.flagged)), found.results

    def _images(self, block: Cohort, queries: Sequence[Query]) -> list[Tensor]:
        """Thumbnails of a block's counterfactual images under each query."""
        factual = {name: block.factual[name] for name in self.scm.graph.nodes}
        posterior, points = self.scm.abduct(factual, seed=block.noise_seed()), []
        for query in queries:
            do = query.of(slice(block.start, block.start + len(block.rows))).do
            with warnings.catch_warnings(action="ignore", category=SupportWarning):
                world = posterior.counterfactual(do)
            points.append(thumbnails(block.stored(world[block.image])))
        return points

    def _split_control(self) -> Advantage:
        """The greater advantage of a near or a far nearest other training image, without the model."""
        near = [units.means(found[:, 0].double().numpy()) for units, found in zip(self._sides, self.neighbours)]
        both = (membership_advantage(sign * near[0], sign * near[1], seed=self.cohort.seed) for sign in (1, -1))
        return max(both, key=lambda advantage: advantage.interval.value)

    def _names(self, flagged: NDArray[np.bool_]) -> tuple[tuple[Any, ...], ...]:
        """Labels of the rows of every flagged training unit."""
        return tuple(tuple(self.training.rows_of(unit)) for unit in np.flatnonzero(flagged))


def _exchanged(training: NDArray, held: NDArray, *, seed: int) -> tuple[NDArray, NDArray]:
    """The scores of the permutation control, whose units are members at random."""
    mixed = np.random.default_rng(seed).permutation(np.concatenate([training, held]))
    return mixed[: len(training)], mixed[len(training) :]


def _stored(scm: StructuralCausalModel) -> int:
    """Return how many training rows of attributes the model stores unchanged, for the check of support."""
    if scm.privacy is not None:
        return 0  # its supports are fitted to draws
    supports = [support for support in scm.supports.values() if support.parents]
    return max((len(support.reference.unique(dim=0)) for support in supports), default=0)
