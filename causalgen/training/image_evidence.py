"""Fit the temperatures of image evidence on validation units (see `scm.tempering`).

One half of the units, split by group, proposes the temperature with the lowest mean score; the other half checks it.
It is kept only if it lowers their mean score too. Attributes are left out in two ways: one at a time while all others
are known, and all at once. Those on which the image depends directly are scored. The scores are proper, so that no
temperature is best because it is vague: the interval score for numbers (Gneiting and Raftery, Strictly proper scoring
rules, prediction, and estimation, 2007), and the log probability for labels.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
from rich.progress import Progress
from torch import Tensor

from ..datasets import Dataset
from ..errors import EvidenceWarning, PrivacyError, warn
from ..mechanisms import Observable
from ..nn import seeded
from ..scm import StructuralCausalModel
from ..scm.completion import HiddenGroup, informed_by_images
from ..scm.fitted import require_fitted
from ..scm.importance import DrawPlan, every_round
from ..scm.tempering import FittedTemperature, Heat, Kind, Known, Tempering
from ..scm.values import as_values
from ..scm.weighted_draws import WeightedDraws

__all__ = ["FEWEST", "calibrate_evidence"]

TEMPERATURES = tuple(2 ** (power / 2) for power in range(13))
"""Temperatures that are compared, 1 to 64."""
LEVELS = (0.8, 0.9, 0.95)
"""Levels of the intervals that are scored."""
UNITS, COMPLETIONS = 200, 400
"""Default maximum numbers of validation units, and of units times the ways in which their attributes are left out."""
SLIP = 0.01
"""Share of labels that is taken to be wrong by chance, so that one unit cannot decide a mean of log probabilities."""
FEWEST = 40
"""Minimum number of validation units: with fewer, the score depends on chance."""
AT_ONCE = 50
"""Units whose draws are in memory together."""
ROUNDS: Mapping[Known, tuple[Heat, ...]] = {
    "rest": (Heat(4.0, 4.0),),
    "images": (Heat(8.0, 4.0), Heat(4.0, 2.0), Heat(2.0, 1.0)),
}
"""Temperatures at which proposals are made after the first round: draws have to serve all temperatures."""


class _Score(NamedTuple):
    """How well attributes of some units are inferred, `(n,)` each; see `FittedTemperature`."""

    score: Tensor
    held: Tensor
    sure: Tensor


@torch.no_grad()
def calibrate_evidence(
    scm: StructuralCausalModel,
    data: Dataset,
    *,
    units: int | None = None,
    seed: int = 0,
    bars: Progress | None = None,
) -> Tempering | None:
    """Fit the temperatures of the images' evidence on validation units; the model keeps them in `scm.tempering`.

    Inference from images without an exact density, such as those of VAEs, uses them from then on, and `scm.save` stores
    them. `scm.tempering = None` takes them back. Nothing else changes: answers about complete units stay the same bit for
    bit.

    Args:
        scm: A fitted model.
        data: Its data; complete rows of the validation split are used.
        units: Maximum number of these rows, at least 40; one half fits, the other half checks. None for 40 to 200 rows: the
            fewer, the more attributes the images inform, since the cost grows with both.
        seed: Seed of the choice of rows and of the draws.
        bars: Rich progress bars.

    Returns:
        The temperatures; None, with a warning, if there are fewer than 40 validation rows, or without one if no image of
        the model informs an attribute by a likelihood that is not exact.

    Raises:
        ValueError: Fewer than 40 units.
        NotFittedError: A mechanism is not fitted.
        PrivacyError: The model was trained with differential privacy, which does not cover validation rows.
    """
    if units is not None and units < FEWEST:
        raise ValueError(f"Expected at least {FEWEST} units to fit temperatures on; got {units}.")
    require_fitted(scm)
    scm.eval()
    scm.tempering = None
    patterns = _patterns(scm)
    if not patterns:
        return None
    if scm.privacy is not None:
        raise PrivacyError(
            "Expected a model without a privacy guarantee to calibrate the evidence of its images; got one that was trained "
            "with differential privacy, which does not cover validation rows. Leave its evidence as it is."
        )
    most = min(UNITS, max(FEWEST, COMPLETIONS // len(patterns))) if units is None else units
    with seeded(seed, scm.like.device):
        order = torch.randperm(len(data.split["validation"]))[:most].numpy()
        rows = data.split["validation"][order]
        fits = _halves(data.groups(rows)).to(scm.like.device)
        if len(rows) < FEWEST or min(int(fits.sum()), int((~fits).sum())) < FEWEST // 4:
            warn(
                f"Expected at least {FEWEST} validation rows in several groups to calibrate the evidence of images; got "
                f"{len(rows)} rows in {data.groups(rows).unique().numel()} groups. Intervals of attributes that are inferred "
                "from images are likely to be too short.",
                EvidenceWarning,
            )
            return None
        values = as_values(scm.graph, data.rows(rows), scm.like)
        total = len(patterns) * -(-len(rows) // AT_ONCE)
        task = bars.add_task("calibrate image evidence", total=total, note="") if bars else None
        found: dict[Known, list[_Pool]] = {}
        for known, group in patterns:
            pool = _Pool.of(scm, group, values, fits, known)
            for part in pool.fill():
                if bars and task is not None:
                    bars.advance(task, part)
            found.setdefault(known, []).append(pool)
    fitted = [fit for known, pools in found.items() for fit in _fitted(known, pools)]
    scm.tempering = Tempering(tuple(fitted), int(fits.sum()), int((~fits).sum()))
    return scm.tempering


def _patterns(scm: StructuralCausalModel) -> list[tuple[Known, HiddenGroup]]:
    """Missing attributes that images inform: one at a time, and all that are inferred together."""

    def informed(missing: frozenset[str]) -> list[HiddenGroup]:
        found = informed_by_images(scm, missing)
        return [g for g in found if all(isinstance(scm.mechanisms[name], Observable) for name in g.witnesses)]

    one = [group for name in scm.graph.attributes for group in informed(frozenset({name}))]
    several = [group for group in informed(frozenset(scm.graph.attributes)) if len(group.hidden) > 1]
    return [*(("rest", group) for group in one), *(("images", group) for group in several)]


def _halves(groups: Tensor) -> Tensor:
    """Which units fit, bool `(n,)`; the others check. Rows of one group are on one side."""
    names, place = groups.unique(return_inverse=True)
    return (torch.randperm(len(names)) < len(names) / 2)[place]


@dataclass
class _Pool:
    """Draws of missing attributes of all units, which serve all temperatures.

    Args:
        plan: How they are drawn.
        values: True values `(n, ...)` by node.
        fits: Units that fit, `(n,)`.
        heats: Temperatures of the proposals after the first round.
        parts: The draws, a few units each.
    """

    plan: DrawPlan
    values: Mapping[str, Tensor]
    fits: Tensor
    heats: tuple[Heat, ...]
    parts: list[tuple[slice, WeightedDraws]]

    @classmethod
    def of(
        cls, scm: StructuralCausalModel, group: HiddenGroup, values: Mapping[str, Tensor], fits: Tensor, known: Known
    ) -> "_Pool":
        return cls(DrawPlan.of(scm, group, 1), values, fits, ROUNDS[known], [])

    def fill(self) -> Iterator[int]:
        """Draw, and yield 1 after each few units."""
        for start in range(0, len(self.fits), AT_ONCE):
            few = slice(start, start + AT_ONCE)
            known = {name: t[few] for name, t in self.values.items() if name not in self.plan.group.hidden}
            self.parts.append((few, every_round(self.plan, known, self.heats)))
            yield 1

    def attributes(self, kind: Kind) -> list[str]:
        """Missing attributes of a kind that a tempered image depends on directly.

        The others follow from these by exact densities, whose faults no temperature corrects. Labels that are too many to
        enumerate have no probabilities to score.
        """
        graph, plan = self.plan.scm.graph, self.plan
        direct = [n for n in plan.group.hidden if plan.tempered.intersection(graph.children(n))]
        return [n for n in direct if (n in plan.coded if kind == "discrete" else not graph[n].is_discrete)]

    def scored(self, kind: Kind, heat: Heat) -> _Score:
        """The scores of its attributes of a kind, one after the other, `(attributes * n,)`."""
        found = []
        for name in self.attributes(kind):
            scale = self.values[name].double().std() if kind == "continuous" else 1.0
            parts = [self._scored_part(kind, name, few, draws, heat, scale) for few, draws in self.parts]
            found.append(_Score(*(torch.cat(columns) for columns in zip(*parts))))
        return _Score(*(torch.cat(columns) for columns in zip(*found)))

    def _scored_part(
        self, kind: Kind, name: str, few: slice, draws: WeightedDraws, heat: Heat, scale: Tensor | float
    ) -> _Score:
        weight, true = torch.softmax(draws.weights(heat), dim=0), self.values[name][few]
        if kind == "discrete":
            labels = len(self.plan.scm.graph[name].labels or ())
            return _of_labels(weight, draws.values[name], true, labels)
        return _of_numbers(weight, draws.values[name].to(weight) / scale, true.to(weight) / scale)


def _of_labels(weight: Tensor, draws: Tensor, true: Tensor, labels: int) -> _Score:
    """Scores of labels, given weights and draws `(S, n)` and the true codes `(n,)`."""
    share = weight.new_zeros(labels, len(true)).scatter_add(0, draws, weight)
    right = (1 - SLIP) * share.gather(0, true[None])[0] + SLIP / labels
    most, code = share.max(dim=0)
    return _Score(-right.log(), (code == true).to(weight), most)


def _of_numbers(weight: Tensor, draws: Tensor, true: Tensor) -> _Score:
    """Scores of numbers, given weights and draws `(S, n)` and the true values `(n,)`, in standard deviations."""
    draws, order = draws.sort(dim=0)
    below = weight.gather(0, order).cumsum(dim=0)
    scores = []
    for level in LEVELS:
        low, high = (_quantile(draws, below, tail) for tail in ((1 - level) / 2, (1 + level) / 2))
        missed = (low - true).clamp_min(0) + (true - high).clamp_min(0)
        scores.append(high - low + 2 / (1 - level) * missed)
    return _Score(torch.stack(scores).mean(dim=0), ((low <= true) & (true <= high)).to(weight), high - low)


def _quantile(draws: Tensor, below: Tensor, share: float) -> Tensor:
    """Quantile of sorted draws `(S, n)` with cumulative weights `below`, `(n,)`."""
    place = (below < share).sum(dim=0).clamp_max(len(draws) - 1)
    return draws.gather(0, place[None])[0]


def _fitted(known: Known, pools: list[_Pool]) -> Iterator[FittedTemperature]:
    """The temperature of labels, then that of numbers given it."""
    discrete = 1.0
    kinds: tuple[Kind, ...] = ("discrete", "continuous")
    for kind in kinds:
        having = [pool for pool in pools if pool.attributes(kind)]
        if not having:
            continue
        fits = torch.cat([pool.fits.repeat(len(pool.attributes(kind))) for pool in having])
        scores = {}
        for temperature in TEMPERATURES:
            heat = Heat(temperature, temperature if kind == "discrete" else discrete)
            parts = [pool.scored(kind, heat) for pool in having]
            scores[temperature] = _Score(*(torch.cat(columns) for columns in zip(*parts)))
        proposed = min(scores, key=lambda one: float(_mean(scores[one].score[fits])))
        pairs = [[float(_mean(column[~fits])) for column in scores[one]] for one in (1.0, proposed)]
        score, held, sure = zip(*pairs)
        temperature = proposed if score[1] < score[0] else 1.0
        discrete = temperature if kind == "discrete" else discrete
        yield FittedTemperature(kind, known, temperature, proposed, score, held, sure)


def _mean(column: Tensor) -> Tensor:
    """Mean over the units that the model can produce."""
    return column[column.isfinite()].mean()
