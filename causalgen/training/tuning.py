r"""Counterfactual fine-tuning: train an image mechanism until its counterfactuals show the requested attributes.

The likelihood depends on factual images only. Here each training unit gets a random counterfactual, and predictors with
frozen weights read its image (De Sousa Ribeiro et al., High fidelity image counterfactuals, 2023):

.. math:: \min_\theta \; \mathbb{E} \sum_k d\bigl(h_k(\tilde x), t_k\bigr) \quad \text{subject to} \quad
          \mathbb{E}\, \text{objective}_\theta(x) \le c

- The graph is respected: descendants of the intervened node take their counterfactual values before the image does.
- Predictors are used within the joint support of training only: outside it they are as unreliable as the mechanism, and
  tuning would copy their errors. Outside it, d is the distance from the image that the mechanism gave before tuning.
- Targets are soft, h_k(x) shifted by the change of the intervention: labels treated as certain would amplify every
  attribute (Xia et al., Mitigating attribute amplification in counterfactual image generation, 2024), and a biased
  predictor would spread its bias.
- The constraint keeps the original objective within a margin of its value after training, by a damped multiplier (Platt
  and Barr, Constrained differential optimization, 1988).
"""

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import pandas as pd
import torch
from rich.progress import Progress
from torch import Tensor
from torch.nn import functional as F
from torch.optim import AdamW

from ..datasets import Dataset
from ..errors import AbductionError, DataError, PrivacyError
from ..graph import Variable
from ..mechanisms import Abductive
from ..nn import seeded
from ..scm import StructuralCausalModel
from ..scm.chunks import units_at_once
from ..typing import Values
from .memory import in_memory
from .stage import as_float
from .targets import Targets, random_targets

__all__ = ["Predictor", "TuningConfig", "tune_counterfactuals"]

Predictor: TypeAlias = Callable[[Tensor, Values], Tensor]
"""Images `(B, C, H, W)` and attributes `(B,)` by name, natural units, to logits `(B, labels)` or values `(B,)`."""
DAMPING = 1.0


@dataclass(frozen=True)
class TuningConfig:
    """Settings of counterfactual fine-tuning.

    Args:
        epochs: Passes over the training split.
        batch_size: Units per step.
        learning_rate: Constant rate.
        margin: How much worse the original objective may become, in standard deviations over units.
        ema: Decay of the moving average of the weights that is kept.
        clip: Maximum norm of the gradient.
    """

    epochs: int = 3
    batch_size: int = 128
    learning_rate: float = 1e-4
    margin: float = 0.05
    ema: float = 0.99
    clip: float = 1.0

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.batch_size < 1:
            raise ValueError(f"Expected at least 1 epoch and 1 unit per step; got {self.epochs} and {self.batch_size}.")
        for name in ("learning_rate", "margin", "clip"):
            if not getattr(self, name) > 0:
                raise ValueError(f"Expected a positive {name}; got {getattr(self, name)}.")
        if not 0 <= self.ema < 1:
            raise ValueError(f"Expected ema in [0, 1); got {self.ema}.")


def tune_counterfactuals(
    scm: StructuralCausalModel,
    data: Dataset,
    predictors: Mapping[str, Predictor],
    *,
    image: str,
    config: TuningConfig | None = None,
    seed: int = 0,
    bars: Progress | None = None,
) -> pd.DataFrame:
    """Fine-tune the mechanism of `image` in place.

    The result has the averaged weights of the epoch with the lowest prediction loss on the validation split among those
    within the constraint; if there is no such epoch, the weights stay unchanged.

    Args:
        scm: A fitted model.
        data: Its data; training and validation splits are used.
        predictors: By attribute, an ancestor of the image: a function that reads it, with gradients through the image.
        image: Name of the image node.
        config: Settings.
        seed: Seed of queries, batches and noise.
        bars: Rich progress bars.

    Returns:
        One row per epoch, with the state before tuning as epoch 0: epoch, prediction (loss on the validation split),
        objective, bound, multiplier, kept.

    Raises:
        AbductionError: The mechanism cannot abduct.
        DataError: No predictor, or one for a node that does not act on the image.
        PrivacyError: The model was trained with differential privacy.
        DeviceMemoryError: A batch does not fit into the memory of the device.
    """
    config = config or TuningConfig()
    mechanism = scm.mechanisms[scm.graph.require(image)]
    if not isinstance(mechanism, Abductive):
        raise AbductionError(
            f"Expected a mechanism that can abduct for '{image}'; got {type(mechanism).__name__}, which has no counterfactuals "
            "to tune. Choose another mechanism."
        )
    causes = [name for name in scm.graph.ancestors(image) if not scm.graph[name].is_image]
    for name in predictors:
        if scm.graph.require(name) not in causes:
            raise DataError(f"Expected predictors of causes of '{image}', which are {causes}; got one of '{name}'.")
    if scm.privacy is not None:
        raise PrivacyError(
            "Expected a model without a privacy guarantee to fine-tune; got one that was trained with differential privacy, "
            "which tuning on its rows would break. Leave the tuning out."
        )
    if not predictors:
        raise DataError(f"Expected a predictor of at least one of {causes}; got none.")
    scm.tempering = None  # fitted to the mechanism as it was
    with seeded(seed, scm.like.device), in_memory(config.batch_size, f"tune {image}"):
        return _Tuner(scm, mechanism, data, predictors, image, causes, config).run(bars)


class _Tuner:
    def __init__(
        self,
        scm: StructuralCausalModel,
        mechanism: Abductive,
        data: Dataset,
        predictors: Mapping[str, Predictor],
        image: str,
        causes: list[str],
        config: TuningConfig,
    ) -> None:
        self.scm, self.mechanism, self.predictors = scm, mechanism, predictors
        self.image, self.causes, self.config = image, causes, config
        self.train, self.validation = (
            {k: v.to(scm.like.device) for k, v in data.part(s).items()} for s in ("train", "validation")
        )
        self.scale = {k: float(self.train[k].float().std()) for k in predictors}
        # The original mechanism, for distances where predictors are not used.
        self.origin = copy.deepcopy(mechanism).eval().requires_grad_(False)
        self.at_once = units_at_once(mechanism.variable.shape)
        groups = mechanism.parameter_groups()
        self.objectives = mechanism.selection or tuple(groups)
        trained = {id(parameter) for group in groups.values() for parameter in group}  # not those of a codec
        self.learning = [parameter for parameter in mechanism.parameters() if id(parameter) in trained]
        self.unit = self._error(self.validation)
        self.multiplier = 1.0

    def run(self, bars: Progress | None) -> pd.DataFrame:
        config, mechanism = self.config, self.mechanism
        average = {k: v.clone() for k, v in mechanism.state_dict().items()}
        per_unit = self._objective_of(self.validation)
        bound = float(per_unit.mean() + config.margin * per_unit.std())
        self.bound, self.spread = bound, float(per_unit.std().clamp_min(1e-6))
        # Drawn once, so that all epochs are compared on the same queries.
        held_out = random_targets(self.scm, self.validation, image=self.image, causes=self.causes)
        best_state, best = copy.deepcopy(average), self._prediction(held_out)
        rows = [self._row(0, best, float(per_unit.mean()), kept=True)]
        optimizer = AdamW(self.learning, lr=config.learning_rate, weight_decay=0.0)
        task = bars.add_task(f"tune {self.image}", total=config.epochs, note="") if bars else None
        for epoch in range(1, config.epochs + 1):
            self._epoch(optimizer, average)
            current = copy.deepcopy(mechanism.state_dict())
            mechanism.load_state_dict(average)
            prediction = self._prediction(held_out)
            objective = float(self._objective_of(self.validation).mean())
            kept = objective <= bound and prediction < best
            if kept:
                best, best_state = prediction, copy.deepcopy(average)
            rows.append(self._row(epoch, prediction, objective, kept=kept))
            mechanism.load_state_dict(current)
            if bars and task is not None:
                bars.update(task, completed=epoch, note=f"prediction loss {prediction:.4f}")
        mechanism.load_state_dict(best_state)
        mechanism.eval()
        mechanism.settle(self._batches)
        return pd.DataFrame(rows)

    def _batches(self) -> Iterator[tuple[Tensor, Values]]:
        """One pass over the training split, a few units at a time."""
        images = self.train[self.image]
        for index in torch.arange(len(images), device=images.device).split(self.at_once):
            yield as_float(images[index]), {p: self.train[p][index] for p in self.mechanism.parents}

    def _epoch(self, optimizer: AdamW, average: dict[str, Tensor]) -> None:
        targets = random_targets(self.scm, self.train, image=self.image, causes=self.causes)
        for index in torch.randperm(len(targets), device=targets.image.device).split(self.config.batch_size):
            self.mechanism.train()
            loss, objective = self._loss(targets[index])
            slack = (objective.mean() - self.bound) / self.spread  # above 0: the constraint is violated
            optimizer.zero_grad()
            (loss + (self.multiplier + DAMPING * slack.detach()).clamp_min(0) * slack).backward()
            torch.nn.utils.clip_grad_norm_(self.learning, self.config.clip)
            optimizer.step()
            factual = {p: targets[index].factual[p] for p in self.mechanism.parents}
            self.mechanism.track(as_float(targets[index].image), factual)
            self.multiplier = max(0.0, self.multiplier + 0.1 * float(slack.detach()))
            for name, value in self.mechanism.state_dict().items():
                if value.is_floating_point():
                    average[name].lerp_(value, 1 - self.config.ema)

    def _loss(self, targets: Targets) -> tuple[Tensor, Tensor]:
        """Return the mean loss of a batch of counterfactuals, and the original objective of its factuals, `(B,)`."""
        image = as_float(targets.image)
        parents, others = ({p: world[p] for p in self.mechanism.parents} for world in (targets.factual, targets.wanted))
        changed = frozenset(p for p in parents if not torch.equal(parents[p], others[p]))
        counterfactual = self.mechanism(self.mechanism.abduct(image, parents), others, changed=changed)
        total = counterfactual.new_zeros(())
        if targets.inside.any():
            total = total + self._missed(counterfactual[targets.inside], targets[targets.inside]).sum()
        if not targets.inside.all():
            total = total + self._moved(counterfactual[~targets.inside], targets[~targets.inside], changed).sum()
        objectives = self.mechanism.objectives(image, parents, 1.0)
        return total / len(targets), torch.stack([objectives[o] for o in self.objectives]).sum(0)

    def _missed(self, counterfactual: Tensor, targets: Targets) -> Tensor:
        """Return the distance between the attributes that counterfactual images show and the requested ones, `(B,)`."""
        missed = counterfactual.new_zeros(len(targets))
        for name, predictor in self.predictors.items():
            with torch.no_grad():
                before = predictor(as_float(targets.image), targets.factual)
            after, values = predictor(counterfactual, targets.wanted), (targets.factual[name], targets.wanted[name])
            missed = missed + _distance(self.scm.graph[name], after, before, *values, self.scale[name])
        return missed

    def _moved(self, counterfactual: Tensor, targets: Targets, changed: frozenset[str]) -> Tensor:
        """Return how far counterfactual images have moved since tuning started, `(B,)`."""
        parents, others = ({p: world[p] for p in self.mechanism.parents} for world in (targets.factual, targets.wanted))
        with torch.no_grad():
            noise = self.origin.abduct(as_float(targets.image), parents, draw=False)
            earlier = self.origin(noise, others, changed=changed)
        return (counterfactual - earlier).abs().flatten(1).mean(1) / self.unit

    @torch.no_grad()
    def _error(self, values: Values) -> float:
        """Return the mean absolute error of reconstructed factual images, the unit of distances between images."""
        image = as_float(values[self.image][: self.at_once])
        parents = {p: values[p][: self.at_once] for p in self.mechanism.parents}
        again = self.origin(self.origin.abduct(image, parents, draw=False), parents)
        return float((again - image).abs().mean().clamp_min(1e-3))

    @torch.no_grad()
    def _prediction(self, targets: Targets) -> float:
        self.mechanism.eval()
        total = 0.0
        with seeded(0, targets.image.device):
            for index in torch.arange(len(targets), device=targets.image.device).split(self.at_once):
                total += float(self._loss(targets[index])[0]) * len(index)
        return total / len(targets)

    @torch.no_grad()
    def _objective_of(self, values: Values) -> Tensor:
        self.mechanism.train()  # as in training, where a mechanism may hide parents
        parts = []
        with seeded(0, values[self.image].device):
            for index in torch.arange(len(values[self.image]), device=values[self.image].device).split(self.at_once):
                parents = {p: values[p][index] for p in self.mechanism.parents}
                objectives = self.mechanism.objectives(as_float(values[self.image][index]), parents, 1.0)
                parts.append(torch.stack([objectives[o] for o in self.objectives]).sum(0))
        return torch.cat(parts)

    def _row(self, epoch: int, prediction: float, objective: float, *, kept: bool) -> dict[str, float | bool]:
        return {
            "epoch": epoch, "prediction": prediction, "objective": objective, "bound": self.bound,
            "multiplier": self.multiplier, "kept": kept,
        }  # fmt: skip


def _distance(
    variable: Variable, after: Tensor, before: Tensor, factual: Tensor, asked: Tensor, scale: float
) -> Tensor:
    """Distance of the counterfactual's prediction from the factual one shifted by the intervention, `(B,)`."""
    if variable.is_discrete:
        target = before.softmax(1)
        rows = torch.arange(len(target), device=target.device)
        swapped = target.clone()  # the requested and the factual label exchange their probabilities
        swapped[rows, asked.long()] = target[rows, factual.long()]
        swapped[rows, factual.long()] = target[rows, asked.long()]
        return -(swapped * after.log_softmax(1)).sum(1)
    error = (after - before - (asked - factual)) / scale
    return F.smooth_l1_loss(error, torch.zeros_like(error), beta=0.02, reduction="none")
