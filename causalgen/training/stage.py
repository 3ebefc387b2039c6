"""One stage of training: several mechanisms, one pass after another, keeping the best averaged weights."""

import copy
import math
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field
from typing import Any, NoReturn

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim import AdamW
from torch.optim.swa_utils import AveragedModel

from ..errors import DivergenceError
from ..mechanisms import Mechanism
from ..nn import ConvBlock, FrozenUNet, growing_average, seeded
from ..scm.chunks import units_at_once
from .config import Stage
from .private_step import PrivateStep, StepNoise
from .processes import Processes

__all__ = ["HistoryRow", "NodeTrainer", "as_float"]

WARMUP_STEPS = 100
VALIDATION_BATCH = 2048
"""Maximum number of held-out units at once; fewer if images are large."""


@dataclass(frozen=True)
class HistoryRow:
    """One logged number."""

    node: str
    epoch: int
    split: str
    objective: str
    value: float


@dataclass
class NodeTrainer:
    """Trains one node's mechanism: optimizers, averaged weights and the best of them.

    Args:
        name: Node.
        mechanism: Its mechanism; receives the best averaged weights from `finish`.
        stage: Settings.
        steps: Steps of the whole stage.
        fabric: Device and precision.
        part: The part of the node's mechanism that is trained, for its rows of the history; "" for the whole.
        noise: Noise of training with differential privacy, which keeps the last weights; None to train without it.
    """

    name: str
    mechanism: Mechanism
    stage: Stage
    steps: int
    fabric: Fabric
    part: str = ""
    noise: StepNoise | None = None
    step: int = 0
    best: float = math.inf
    best_epoch: int = -1
    since: int = -1
    """Epoch from which patience counts if no later one was the best: missing values were redrawn there."""
    rows: list[HistoryRow] = field(default_factory=list)

    def __post_init__(self) -> None:
        variable = self.mechanism.variable
        if variable.is_image and not variable.is_volume and self.noise is None:  # the fastest layout of convolutions
            self.mechanism.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        for module in self.mechanism.modules():
            if isinstance(module, ConvBlock | FrozenUNet):
                module.checkpointed = self.stage.checkpointing
        self.groups = self.mechanism.parameter_groups()
        momentum = self.mechanism.momentum
        optimizers = [
            AdamW(parameters, betas=(momentum, 0.999), weight_decay=self.stage.weight_decay, fused=True)
            for parameters in self.groups.values()
        ]
        self.private = None if self.noise is None else PrivateStep(self.mechanism, optimizers[0], self.noise)
        self.fabric.to_device(self.mechanism)
        self.optimizers: list[Any] = [self.fabric.setup_optimizers(optimizer) for optimizer in optimizers]
        for optimizer in self.optimizers:
            optimizer.zero_grad()  # the caller may have computed gradients
        self.average = AveragedModel(self.mechanism, multi_avg_fn=growing_average(self.stage.ema), use_buffers=False)
        self.best_state = self._averaged_state()
        self.running: dict[str, Tensor] = {}
        self.batches = 0
        self.processes = Processes(self.fabric)

    @property
    def title(self) -> str:
        """The node, with the part that is trained."""
        return f"{self.name} {self.part}".rstrip()

    @property
    def averaged(self) -> Mechanism:
        """The mechanism with averaged weights."""
        module = self.average.module
        assert isinstance(module, Mechanism)
        return module

    @property
    def progress(self) -> float:
        return min(1.0, self.step / max(1, self.steps))

    def train_batch(self, batch: Mapping[str, Tensor], units: int | None = None) -> None:
        """One step on every parameter group.

        All gradients come before the first step, which changes weights that the other gradients depend on.

        Args:
            batch: Values of the batch, or of the slice of it that this process has.
            units: Units of the whole batch; None for those of `batch`.

        Raises:
            DivergenceError: An earlier step made the weights NaN; the mechanism keeps the last good ones.
        """
        if self.private is not None:
            self._private_step(batch, self.private)
            return
        count = len(batch[self.name])
        learned: set[str] = set()
        for places in torch.arange(count).tensor_split(min(count, self.stage.accumulate)):
            rows = slice(int(places[0]), int(places[-1]) + 1)
            share = len(places) / (units or count)
            learned |= self._add_gradients({name: values[rows] for name, values in batch.items()}, share)
        self._update(learned)

    def _add_gradients(self, batch: Mapping[str, Tensor], share: float) -> set[str]:
        """Add the gradients of a part of a batch, each objective with respect to its own parameters only.

        Args:
            batch: Values of the part.
            share: Its share of the units of the batch.

        Returns:
            The objectives that had a gradient.
        """
        value, parents = batch[self.name], {p: batch[p] for p in self.mechanism.parents}
        try:
            with self.fabric.autocast():
                losses = self.mechanism.objectives(value, parents, self.progress)
        except ValueError:  # distributions reject parameters computed from NaN weights
            if all(bool(torch.isfinite(parameter).all()) for parameter in self.mechanism.parameters()):
                raise
            self._diverge(math.nan, self.step // max(1, self.steps // self.stage.epochs))
        active = [objective for objective in self.groups if losses[objective].requires_grad]
        for place, objective in enumerate(active, start=1):
            loss, parameters = losses[objective].mean() * share, self.groups[objective]
            self.fabric.backward(loss, inputs=parameters, retain_graph=place < len(active))
        self._count({objective: loss.detach().mean() * share for objective, loss in losses.items()})
        return set(active)

    def _count(self, means: Mapping[str, Tensor]) -> None:
        """Add the mean losses of a batch, or of a part of it, to those of the epoch."""
        for objective, mean in means.items():
            self.running[objective] = self.running.get(objective, torch.zeros((), device=mean.device)) + mean

    def _update(self, learned: Set[str]) -> None:
        """Step on the parameters of the objectives that had a gradient, and average the weights."""
        rate = self._rate()
        for (objective, parameters), optimizer in zip(self.groups.items(), self.optimizers):
            if objective not in learned:
                continue
            for group in optimizer.param_groups:
                group["lr"] = rate
            self.processes.sum_gradients(parameters)
            nn.utils.clip_grad_norm_(parameters, self.stage.clip)
            optimizer.step()
            optimizer.zero_grad()
        self.average.update_parameters(self.mechanism)
        self.step += 1
        self.batches += 1

    def _private_step(self, batch: Mapping[str, Tensor], private: PrivateStep) -> None:
        """One noisy step on every parameter; an empty batch, whose step is noise alone, has no losses."""
        parents = {p: batch[p] for p in self.mechanism.parents}
        losses = private(batch[self.name], parents, self.progress, self._rate(), parts=self.stage.accumulate)
        # A unit whose loss is not finite must not end training.
        self._count({objective: loss[loss.isfinite()].mean() for objective, loss in losses.items()})
        self.average.update_parameters(self.mechanism)
        self.step += 1
        self.batches += bool(losses)

    def _rate(self) -> float:
        """A linear warm-up, then a cosine decay to zero."""
        rate = self.mechanism.pace * self.stage.learning_rate * min(1.0, (self.step + 1) / WARMUP_STEPS)
        return rate * 0.5 * (1 + math.cos(math.pi * self.progress))

    @torch.no_grad()
    def track(self, batch: Mapping[str, Tensor]) -> None:
        """Let the mechanism update its other state on an unshifted batch."""
        self.mechanism.track(batch[self.name], {p: batch[p] for p in self.mechanism.parents})

    @torch.no_grad()
    def end_epoch(self, epoch: int, validation: Mapping[str, Tensor], seed: int) -> bool:
        """Log the epoch, validate the averaged weights and keep them if they are the best; return whether to continue.

        Raises:
            DivergenceError: A loss was NaN or infinite; the mechanism keeps the last good weights.
        """
        sums = self.processes.sum({objective: float(total) for objective, total in self.running.items()})
        means = {objective: total / max(1, self.batches) for objective, total in sums.items()}
        self.running, self.batches = {}, 0
        self._require_finite(means, epoch)
        if not all(bool(torch.isfinite(parameter).all()) for parameter in self.average.parameters()):
            self._diverge(math.nan, epoch)  # distributions would reject parameters computed from such weights
        held_out = self._validate(self.averaged, validation, seed)
        self._require_finite(held_out, epoch)
        for split, values in (("train", means), ("validation", held_out)):
            self.rows += [HistoryRow(self.title, epoch, split, objective, value) for objective, value in values.items()]
        # Without a criterion every epoch beats the one before, so that the last is kept.
        selects = self.mechanism.selection and self.private is None  # validation rows have no budget to choose with
        score = self._score(held_out) if selects else float(-epoch)
        if score < self.best:
            self.best, self.best_epoch = score, epoch
            self.best_state = self._averaged_state()
        return self.goes_on(epoch)

    def goes_on(self, epoch: int) -> bool:
        """Whether patience remains after an epoch."""
        return epoch - max(self.best_epoch, self.since) < self.stage.patience

    @torch.no_grad()
    def score_again(self, epoch: int, validation: Mapping[str, Tensor], seed: int) -> None:
        """Score the best weights on validation values that changed before `epoch`, for later ones to be compared with."""
        self.since = epoch - 1
        if self.mechanism.selection and self.best_epoch >= 0:
            best = copy.deepcopy(self.averaged)
            best.load_state_dict(self.best_state)
            self.best = self._score(self._validate(best, validation, seed))

    def _score(self, losses: Mapping[str, float]) -> float:
        return sum(losses[objective] for objective in self.mechanism.selection)

    def finish(self, train: Mapping[str, Tensor]) -> None:
        """Give the mechanism the best averaged weights, call its `settle` on the training split: it is now fitted."""
        self.mechanism.load_state_dict(self.best_state)
        self.mechanism.declare_fitted()
        self.mechanism.eval()
        self.mechanism.settle(lambda: self._batches(train, range(len(train[self.name]))))

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Tensors and JSON-able numbers from which `load` resumes exactly."""
        tensors = {f"now.{k}": v for k, v in self.mechanism.state_dict().items()}
        tensors |= {f"average.{k}": v for k, v in self.average.state_dict().items()}
        tensors |= {f"best.{k}": v for k, v in self.best_state.items()}
        for i, optimizer in enumerate(self.optimizers):
            for key, slot in optimizer.state_dict()["state"].items():
                tensors |= {f"optimizer.{i}.{key}.{k}": torch.as_tensor(v) for k, v in slot.items()}
        numbers = {
            "step": self.step,
            "best": self.best if math.isfinite(self.best) else None,
            "best_epoch": self.best_epoch,
            "since": self.since,
            "rows": [[r.epoch, r.split, r.objective, r.value] for r in self.rows],
        }
        return tensors, numbers

    def load(self, tensors: Mapping[str, Tensor], numbers: Mapping[str, Any]) -> None:
        """Resume from `state`."""
        self.mechanism.load_state_dict(_under("now.", tensors))
        self.average.load_state_dict(_under("average.", tensors))
        self.best_state = _under("best.", tensors)
        for i, (optimizer, parameters) in enumerate(zip(self.optimizers, self.groups.values())):
            slots: dict[int, dict[str, Tensor]] = {}
            for key, value in _under(f"optimizer.{i}.", tensors).items():
                position, slot = key.split(".", 1)
                parameter = parameters[int(position)]
                if value.shape == parameter.shape:  # the fused step needs the parameter's memory layout
                    value = torch.empty_like(parameter).copy_(value)
                slots.setdefault(int(position), {})[slot] = value.detach()
            optimizer.load_state_dict({**optimizer.state_dict(), "state": slots})
        self.step, self.best_epoch, self.since = numbers["step"], numbers["best_epoch"], numbers["since"]
        self.best = math.inf if numbers["best"] is None else numbers["best"]
        self.rows = [HistoryRow(self.title, *row) for row in numbers["rows"]]

    def _validate(self, averaged: Mechanism, values: Mapping[str, Tensor], seed: int) -> dict[str, float]:
        """Compute mean losses over all rows, of which each process takes a slice."""
        averaged.eval()
        own = self.processes.slice(len(values[self.name]))
        totals: dict[str, float] = {}
        with seeded(seed + self.processes.rank, self.fabric.device):
            for value, parents in self._batches(values, own):
                losses = averaged.objectives(value, parents, 1.0)
                for objective, loss in losses.items():
                    totals[objective] = totals.get(objective, 0.0) + float(loss.sum())
        return {objective: total / len(values[self.name]) for objective, total in self.processes.sum(totals).items()}

    def _batches(self, values: Mapping[str, Tensor], own: range) -> Iterator[tuple[Tensor, dict[str, Tensor]]]:
        """One pass over some rows of a split: values and parents of a few units at a time."""
        variables = (self.mechanism.variable, *self.mechanism.parents.values())
        size = min(units_at_once(v.shape, VALIDATION_BATCH) if v.is_image else VALIDATION_BATCH for v in variables)
        for start in own[::size]:
            rows = slice(start, min(start + size, own.stop))
            batch = {v.name: as_float(values[v.name][rows].to(self.fabric.device)) for v in variables}
            yield batch[self.name], {p: batch[p] for p in self.mechanism.parents}

    def _require_finite(self, losses: Mapping[str, float], epoch: int) -> None:
        for objective in self.groups:
            if not math.isfinite(loss := losses.get(objective, 0.0)):
                self._diverge(loss, epoch)

    def _diverge(self, loss: float, epoch: int) -> NoReturn:
        self.mechanism.load_state_dict(self.best_state)
        raise DivergenceError(
            f"Expected a finite loss while training '{self.title}'; got {loss} in epoch {epoch + 1}. "
            "The last good weights are kept. Lower the learning rate, or look for extreme values in its data."
        )

    def _averaged_state(self) -> dict[str, Tensor]:
        return copy.deepcopy(self.average.module.state_dict())


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): value.clone() for key, value in tensors.items() if key.startswith(prefix)}


def as_float(tensor: Tensor) -> Tensor:
    """Stored bytes as the floats that mechanisms take; anything else unchanged."""
    return tensor.float() if tensor.dtype == torch.uint8 else tensor
