"""Training: the likelihood factorises over the nodes, so every mechanism learns its own conditional.

The attribute mechanisms share one stage; each image mechanism has a separate stage, and so has its codec, before it.
Attributes are stored on the device, and so are images that take at most half of its free memory; other images are moved
batch by batch.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import pandas as pd
import torch
from rich.progress import Progress
from torch import Tensor

from ..datasets import Dataset
from ..datasets.table.index import Missing
from ..errors import DataError
from ..mechanisms import Mechanism
from ..nn import seeded
from ..scm import StructuralCausalModel
from .augment import shifted
from .checkpoint import Checkpoint, random_state, set_random_state
from .config import FitConfig, Stage
from .device import check_devices
from .fabric import fabric_for
from .holes import CompletionPlan, Rows, averaged_weights, require_likelihoods
from .memory import in_memory
from .privacy_plan import PrivacyPlan
from .processes import Processes, on_cpu
from .split_rows import check_variation, rows_of
from .splitting import splits_of
from .stage import HistoryRow, NodeTrainer, as_float
from .threads import LEAST_STEPS, StageThreads, given_threads, steps_of_copies, threads_to_try, usable_threads

__all__ = ["FitResult", "OnEpoch", "fit"]

ATTRIBUTES = "attributes"
OnEpoch: TypeAlias = Callable[[str, int, Mechanism], None]
"""Receives the image's node, the number of finished epochs, and its mechanism with averaged weights, in eval mode."""


@dataclass(frozen=True, repr=False)
class FitResult:
    """The outcome of training.

    Args:
        history: Columns node, epoch, split, objective, value.
        seconds: Wall time by stage.
        best_epochs: Epoch (from 1) whose averaged weights were kept, by node.
        threads: Number of CPU threads by stage, at its end, in each process; see `causalgen.training.threads`.
        data: The data set used for fitting, with its splits; None if splits were given as mappings.
    """

    history: pd.DataFrame
    seconds: dict[str, float]
    best_epochs: dict[str, int]
    threads: dict[str, int] = field(default_factory=dict)
    data: Dataset | None = None

    def __repr__(self) -> str:
        stages = ", ".join(f"{label} {seconds:.1f} s" for label, seconds in self.seconds.items())
        best = ", ".join(f"{name} {epoch}" for name, epoch in self.best_epochs.items())
        return f"FitResult({stages or 'nothing to train'}; best epochs: {best or 'none'})"


def fit(
    scm: StructuralCausalModel,
    data: Dataset | pd.DataFrame | Mapping[str, Any],
    config: FitConfig | None = None,
    *,
    missing: Missing = "refuse",
    out: Path | str | None = None,
    bars: Progress | None = None,
    on_epoch: OnEpoch | None = None,
) -> FitResult:
    """Fit every mechanism of `scm` in place by maximum likelihood, or by a lower bound of it.

    Args:
        scm: The model.
        data: A `Dataset`, or a mapping with values by name under "train" and "validation". A data frame, or arrays
            by name, are split as in `load_table`, with the seed of the settings and a warning;
            the result holds the split data.
        config: Settings.
        missing: How to handle rows with missing attributes, as in `load_table`; "model" completes them by draws from
            the model while it is trained (see `causalgen.training.holes`), which assumes that they are missing at
            random. A data set has been loaded with its own `missing`.
        out: Folder for checkpoints; if it holds an unfinished fit of the same model and settings, training resumes there.
        bars: Rich progress bars (see `causalgen.training.bars`).
        on_epoch: Called after every epoch of an image, to inspect the model so far; its random draws do not affect
            those of training.

    Raises:
        DataError: A constant column, one without any value, values that do not fit their variables, or a device that this
            machine lacks.
        MissingValueError: A value is missing, and `missing` is "refuse"; or an image is missing.
        NotObservableError: Attributes are missing on which a node depends whose mechanism has no likelihood.
        DivergenceError: A loss became NaN or infinite.
        DeviceMemoryError: A batch does not fit into the memory of the device; checkpoints are kept.
        CheckpointError: `out` holds a checkpoint that is corrupted or belongs to another fit.
        PrivacyError: With `privacy`, a node that cannot be trained privately, missing values, or a budget that no
            amount of noise can keep.
    """
    config = config or FitConfig()
    check_devices(config)
    processes = Processes(fabric_for(config, image=False))
    device = processes.fabric.device
    scm.to(device)
    parts = splits_of(scm.graph, data, config.seed, missing)
    train, validation = (rows_of(scm, parts, split, missing) for split in ("train", "validation"))
    check_variation(scm, train)
    with seeded(config.seed, device):
        for rows_of_split in (train, validation):
            require_likelihoods(scm, rows_of_split.known)
            rows_of_split.guess(scm.graph)
    private = None
    identity = [train.identity(), validation.identity()]
    if config.privacy is not None:
        private = PrivacyPlan.of(scm, parts, train.complete_rows(), config)
        private.start(scm, config.seed)
        identity.append(private.units.identity())
    else:
        scm.initialize(train.filled())
    _check_slices(processes, config, scm, train, len(validation))
    processes.share_state(scm)
    # The first process alone writes.
    checkpoint = Checkpoint(Path(out), scm, config, identity) if out is not None and not processes.rank else None
    fitting = _Fit(scm, config, processes, train, validation, checkpoint, bars, on_epoch, private)
    rows: list[HistoryRow] = []
    seconds: dict[str, float] = {}
    best: dict[str, int] = {}
    threads: dict[str, int] = {}
    steps: dict[str, int] = {}
    with seeded(config.seed, device):
        fitting.say_what_is_missing()
        for learning in fitting.stages():
            label, started = learning.label, time.perf_counter()
            stage, kept = learning.stage, checkpoint is not None
            with in_memory(stage.units(len(train)), f"train {label}", kept=kept, parts=stage.accumulate):
                trainers, threads[label] = fitting.run(learning)
            seconds[label] = time.perf_counter() - started
            rows += [row for trainer in trainers for row in trainer.rows]
            best |= {trainer.title: trainer.best_epoch + 1 for trainer in trainers}
            steps[label] = trainers[0].step if trainers else 0
        processes.wait()
    scm.eval()
    fitting.fit_supports()
    if private is not None:
        private.finish(scm, steps, config.seed)
    history = pd.DataFrame([vars(row) for row in rows], columns=list(HistoryRow.__annotations__))
    return FitResult(history, seconds, best, threads, parts if isinstance(parts, Dataset) else None)


@dataclass(frozen=True)
class _Learning:
    """One stage: the mechanisms to train, and their settings.

    Args:
        label: "attributes", or the image, with the part that is trained.
        mechanisms: The mechanisms to train, by node.
        stage: Settings.
        part: Name of the part of the image's mechanism; "" for the whole.
    """

    label: str
    mechanisms: Mapping[str, Mechanism]
    stage: Stage
    part: str = ""


@dataclass(frozen=True)
class _Fit:
    """One call of `fit`: the state that its stages share."""

    scm: StructuralCausalModel
    config: FitConfig
    processes: Processes
    train: Rows
    validation: Rows
    checkpoint: Checkpoint | None
    bars: Progress | None
    on_epoch: OnEpoch | None
    private: PrivacyPlan | None = None

    def stages(self) -> list[_Learning]:
        """The stages in their order; the parts of an image mechanism come before it."""
        trainable = {name: mechanism for name, mechanism in self.scm.mechanisms.items() if mechanism.trainable}
        attributes = {name: m for name, m in trainable.items() if not m.variable.is_image}
        stages = []
        if attributes or self.train.known:
            stages.append(_Learning(ATTRIBUTES, attributes, self.config.attributes))
        for name, mechanism in trainable.items():
            if not mechanism.variable.is_image:
                continue
            stage = self.config.codecs or self.config.images
            for part, inside in mechanism.trained_before.items():
                stages.append(_Learning(f"{name} {part}", {name: inside}, stage, part))
            stages.append(_Learning(name, {name: mechanism}, self.config.images))
        return stages

    def run(self, learning: _Learning) -> tuple[list[NodeTrainer], int]:
        """Train the mechanisms of a stage together; return their trainers, and the number of threads at the end."""
        label, nodes, stage = learning.label, list(learning.mechanisms), learning.stage
        plan = CompletionPlan(frozenset(), len(self.train))
        if not learning.part:  # a part does not see the parents
            plan = CompletionPlan.of(self.scm, self.train, label, nodes, stage)
        if not nodes:  # each completion is followed by a fit in closed form
            for number in range(stage.completions):
                self._complete(label, number, [])
            return [], 0
        fabric = fabric_for(self.config, image=label != ATTRIBUTES)
        steps = [max(1, count // stage.units(count)) for count in map(plan.count, range(stage.epochs))]
        noise = None
        if self.private is not None:
            noise, steps = self.private.noise(label), [self.private.steps(label, stage)] * stage.epochs
        # Rows of other nodes need not be moved to the device with each batch.
        names = list(dict.fromkeys(p for node in nodes for p in (node, *self.scm.graph.parents(node))))
        trainers = [
            NodeTrainer(n, m, stage, sum(steps), fabric, learning.part, noise) for n, m in learning.mechanisms.items()
        ]
        first = self._resume(label, trainers)
        active = [t for t in trainers if t.goes_on(first - 1)] if first else list(trainers)
        bars = self.bars
        task = bars.add_task(f"train {label}", total=stage.epochs, completed=first, note="") if bars else None
        values = self.train.filled(first)
        with self._threads(trainers, {n: values[n] for n in names}, sum(steps[first:])) as threads:
            threads.start(label)
            for epoch in range(first, stage.epochs):
                if epoch in plan.due:
                    self._complete(label, epoch, trainers)
                    active = list(trainers)
                if not active and epoch > max(plan.due, default=0):
                    break
                began = time.perf_counter()
                values, held_out = self.train.filled(epoch), self.validation.filled()
                batches = self._batches(label, stage, plan.rows(epoch), fabric.device) if active else ()
                with self._own_draws(label, epoch, fabric.device):
                    self._pass(active, {n: values[n] for n in names}, batches)
                active = [trainer for trainer in active if trainer.end_epoch(epoch, held_out, self.config.seed)]
                took = time.perf_counter() - began
                if self.checkpoint:
                    self.checkpoint.save(label, epoch + 1, trainers, self._drawn())
                if self.on_epoch and not self.processes.rank and label != ATTRIBUTES and not learning.part:
                    with seeded(self.config.seed, fabric.device):
                        self.on_epoch(label, epoch + 1, trainers[0].averaged.eval().declare_fitted())
                if bars and task is not None:
                    bars.update(task, completed=epoch + 1, note=_note(trainers))
                threads.epoch_took(took, label)
            for trainer in trainers:
                trainer.finish(values)
            if self.checkpoint:
                self.checkpoint.save(label, stage.epochs, trainers, self._drawn(), force=True)
        if bars and task is not None:
            bars.update(task, completed=stage.epochs)
        return trainers, threads.threads

    def _resume(self, label: str, trainers: list[NodeTrainer]) -> int:
        """Restore all draws and fits of the finished epochs of a stage, and return the number of these epochs."""
        found = self.checkpoint.resume(label, trainers) if self.checkpoint else 0
        first, drawn = self._shared(found, trainers)
        if first and self.train.known:
            for split, rows in (("train", self.train), ("validation", self.validation)):
                rows.drawn |= {name: drawn[f"{split}.{name}"] for name in rows.known}
            if label == ATTRIBUTES:
                self._fit_closed_forms()
        return first

    def _shared(self, first: int, trainers: list[NodeTrainer]) -> tuple[int, dict[str, Tensor]]:
        """What the first process read from its checkpoint, in all of them: finished epochs, and draws of missing values."""
        drawn = self.checkpoint.drawn if self.checkpoint else {}
        device = self.processes.fabric.device
        first = self.processes.from_first(first)
        if not first or self.processes.count == 1:
            return first, drawn
        for trainer in trainers:
            tensors, numbers = trainer.state()
            tensors, numbers = self.processes.from_first((on_cpu(tensors), numbers))
            if self.processes.rank:
                trainer.load({name: tensor.to(device) for name, tensor in tensors.items()}, numbers)
        set_random_state(self.processes.from_first(random_state(device)), device)
        return first, {k: t.to(device) for k, t in self.processes.from_first(on_cpu(drawn)).items()}

    def _drawn(self) -> dict[str, Tensor]:
        both = {"train": self.train, "validation": self.validation}
        return {f"{split}.{name}": draws for split, rows in both.items() for name, draws in rows.drawn.items()}

    def _complete(self, label: str, epoch: int, trainers: list[NodeTrainer]) -> None:
        """Draw missing values under the averaged weights so far; untrained images are ignored."""
        images = [name for name in self.scm.graph.nodes if self.scm.graph[name].is_image]
        unfitted = frozenset(n for n in images if not self.scm.mechanisms[n].fitted and (n != label or epoch == 0))
        with averaged_weights(trainers):
            self.train.complete(self.scm, unfitted, self.config.seed + epoch)
            self.validation.complete(self.scm, unfitted, self.config.seed + epoch)
        if label == ATTRIBUTES:
            self._fit_closed_forms()
        held_out = self.validation.filled()
        for trainer in trainers:
            trainer.score_again(epoch, held_out, self.config.seed)

    def _fit_closed_forms(self) -> None:
        """Fit attributes that have nothing to train, such as linear-Gaussian ones, to the completed rows."""
        for name, mechanism in self.scm.mechanisms.items():
            family = (name, *self.scm.graph.parents(name))
            if not list(mechanism.parameters()) and self.train.known.keys() & set(family):
                values = self.train.stacked([one for one in family if not self.scm.graph[one].is_image])
                mechanism.initialize(values[name], {p: values[p] for p in self.scm.graph.parents(name)})

    def fit_supports(self) -> None:
        """Fit the joint supports to completed rows: the initial guesses ignored the model."""
        values = self.train.filled()
        for name, support in self.scm.supports.items():
            if self.train.known.keys() & set(self.scm.graph.parents(name)):
                support.fit({parent: values[parent] for parent in self.scm.graph.parents(name)})

    def say_what_is_missing(self) -> None:
        """Print how many training rows the model completes."""
        if self.train.known:
            lacking = len(self.train) - len(self.train.knowing(list(self.train.known)))
            _sayer(self.bars)(f"{lacking:,} of {len(self.train):,} training rows lack values, which the model infers.")

    def _batches(self, label: str, stage: Stage, rows: Tensor | None, device: torch.device) -> Iterable[Tensor]:
        """Places of the training rows, or of some of them, in random batches; a last, smaller batch is left out."""
        if self.private is not None:
            return self.private.epoch(label, stage)
        count = len(self.train) if rows is None else len(rows)
        order = torch.randperm(count, device=device)
        order = order if rows is None else rows[order]
        size = stage.units(count)
        return order.split(size)[: max(1, count // size)]

    def _own_draws(self, label: str, epoch: int, device: torch.device) -> AbstractContextManager[None]:
        """Seed the stream from which objectives draw in an epoch."""
        if self.private is not None:
            return self.private.own_draws(device)
        return self.processes.own_draws(self.config.seed, label, epoch)

    def _pass(self, trainers: list[NodeTrainer], values: Mapping[str, Tensor], batches: Iterable[Tensor]) -> None:
        """Make one pass over batches, of which each process takes its slice."""
        if not trainers:
            return
        stage, device = trainers[0].stage, trainers[0].fabric.device
        self.scm.train()
        for places in batches:
            own = self.processes.slice(len(places))
            index = places[own.start : own.stop]
            batch = {n: as_float(tensor[index.to(tensor.device)].to(device)) for n, tensor in values.items()}
            for trainer in trainers:
                moved = stage.shift and self.scm.graph[trainer.name].is_image
                shown = {**batch, trainer.name: shifted(batch[trainer.name], stage.shift)} if moved else batch
                trainer.train_batch(shown, len(places))
                trainer.track(batch)
        self.scm.eval()

    def _threads(self, trainers: list[NodeTrainer], values: Mapping[str, Tensor], steps: int) -> StageThreads:
        """Return the given number, else the checkpoint's, else the measured one; an accelerator needs no choice."""
        given = self.config.threads or given_threads()
        if self.processes.count > 1:
            return StageThreads([given or max(1, usable_threads() // self.config.devices)])
        given = given or (self.checkpoint.threads if self.checkpoint else None)
        if given or trainers[0].fabric.device.type != "cpu":
            return StageThreads([given or usable_threads()])
        size = trainers[0].stage.units(len(values[trainers[0].name]))
        batch = {name: as_float(tensor[:size]) for name, tensor in values.items()}
        trial = partial(steps_of_copies, trainers, batch, self.config.seed)
        return StageThreads(threads_to_try(), trial if steps >= LEAST_STEPS else None, _sayer(self.bars))


def _note(trainers: Sequence[NodeTrainer]) -> str:
    """The note of a bar; without selection by validation rows there is no best loss."""
    return (
        "" if any(trainer.private for trainer in trainers) else f"validation loss {sum(t.best for t in trainers):.1f}"
    )


def _sayer(bars: Progress | None) -> Callable[[str], object]:
    if bars is None:
        return lambda _: None
    return lambda text: bars.console.print(f"  {text}", markup=False, highlight=False, soft_wrap=True)


def _check_slices(
    processes: Processes, config: FitConfig, scm: StructuralCausalModel, train: Rows, validation: int
) -> None:
    """Refuse data that differ between processes, or from which some process would get no unit."""
    processes.require_same("the numbers of training and validation rows", (len(train), validation))
    stages = (config.attributes, config.images, config.codecs or config.images)
    least = {"units or validation rows": min(validation, *(min(len(train), s.units(len(train))) for s in stages))}
    for name in scm.graph.images:  # starts with the rows whose parents are known, in smaller batches
        certain = CompletionPlan.of(scm, train, name, [name], config.images).certain
        if certain is not None:
            least[f"rows whose values around '{name}' are all known"] = config.images.units(len(certain))
    what, count = min(least.items(), key=lambda one: one[1])
    if processes.count > max(1, count):
        raise DataError(
            f"Expected at least one unit of every batch and one validation row for each of {processes.count} processes; got "
            f"{count} {what}. Use fewer devices, or raise batch_size."
        )
