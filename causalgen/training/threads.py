"""The number of threads to compute with: measured, because threads wait for one another if other processes run.

An operation that is split among threads ends with the last of them. If another process occupies one of the cores, the
others wait, in the worst case for a time slice of the system at every operation, and one thread is many times as fast as
all. So a few steps are timed with one thread, half of them and all, before a stage begins, and again when it slows down.

The number of threads determines the order in which sums are computed, and with it their last digits. The number is
therefore reduced only for a clear gain, and it is recorded.
"""

import copy
import os
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Self, TypeAlias

import torch
from joblib import cpu_count
from threadpoolctl import threadpool_limits
from torch import Tensor

from ..errors import DataError
from ..nn import seeded
from .stage import NodeTrainer

__all__ = [
    "StageThreads",
    "Step",
    "fastest",
    "given_threads",
    "limited",
    "step_times",
    "steps_of_copies",
    "threads_after",
    "threads_to_try",
    "usable_threads",
]

Step: TypeAlias = Callable[[], object]
VARIABLE = "OMP_NUM_THREADS"
GAIN = 1.5
"""Speed-up at which fewer threads are preferred."""
SLOWER = 2.0
"""Threads are timed again if an epoch takes this many times as long as the fastest one."""
ROUNDS = 5
HOPELESS = 3.0
"""A number of threads is no longer tried once a step takes this many times as long as the fastest."""
LEAST_STEPS = 100
"""Number of steps of a stage below which timing costs more than it saves."""
LEAST_SECONDS = 1.0
"""Shorter epochs are too noisy to judge the machine."""


def usable_threads() -> int:
    """Number of threads that this process may use: torch's number, limited by cores, affinity and quota."""
    return max(1, min(torch.get_num_threads(), cpu_count()))


def given_threads() -> int | None:
    """Return the number set by OMP_NUM_THREADS, or by `--threads`; None if neither is set.

    Raises:
        DataError: The value is not a number of threads.
    """
    text = os.environ.get(VARIABLE, "").partition(",")[0].strip()
    if not text:
        return None
    if not text.isdecimal() or int(text) < 1:
        raise DataError(f"Expected a number of threads in {VARIABLE}; got '{text}'. Set it to 1 or more, or unset it.")
    return int(text)


def threads_to_try() -> list[int]:
    """One thread, half of the usable ones, and all."""
    usable = usable_threads()
    return sorted({1, max(1, usable // 2), usable})


def threads_after(stages: Mapping[str, int], processes: int = 1) -> int:
    """Return the threads for the steps after training: the given number, else that of the last stage, else all.

    Args:
        stages: Threads by stage of training.
        processes: Number of processes that trained; after several, which shared the cores, one continues alone.
    """
    stages = stages if processes == 1 else {}
    return given_threads() or next(reversed(list(stages.values())), None) or usable_threads()


@contextmanager
def limited(threads: int) -> Iterator[None]:
    """Limit torch, and the linear algebra of numpy and SciPy, to this number of threads."""
    before = torch.get_num_threads()
    with threadpool_limits(threads, user_api="blas"):
        torch.set_num_threads(threads)
        try:
            yield
        finally:
            torch.set_num_threads(before)


def step_times(step: Step, candidates: Sequence[int]) -> dict[int, float]:
    """Median seconds of a step by number of threads; rounds are interleaved, so that all run under the same load."""
    times: dict[int, list[float]] = {threads: [] for threads in sorted(candidates)}
    for _ in range(ROUNDS + 1):
        for threads, seconds in times.items():
            best = min((_typical(others) for others in times.values() if others), default=float("inf"))
            if seconds and _typical(seconds) > HOPELESS * best:  # else the slowest number would take most of the time
                continue
            with limited(threads):
                began = time.perf_counter()
                step()
                seconds.append(time.perf_counter() - began)
    return {threads: _typical(seconds) for threads, seconds in times.items()}


def _typical(seconds: Sequence[float]) -> float:
    """Median without the first step, which includes one-time costs."""
    return statistics.median(seconds[1:] or seconds)


def steps_of_copies(trainers: Sequence[NodeTrainer], batch: Mapping[str, Tensor], seed: int) -> Step:
    """A step of training on copies: weights, optimizers and random states stay unchanged.

    Args:
        trainers: Trainers of the stage.
        batch: Values of all nodes and their parents, of the size of a batch.
        seed: Seed of the random draws of a step.
    """
    copies = [
        NodeTrainer(t.name, copy.deepcopy(t.averaged).train(), t.stage, t.steps, t.fabric, t.part, t.noise)
        for t in trainers
    ]

    def step() -> None:
        with seeded(seed):
            for trainer in copies:
                trainer.train_batch(batch)

    return step


def fastest(seconds: Mapping[int, float]) -> int:
    """Return the greatest number of threads that no smaller number clearly beats.

    >>> fastest({1: 0.20, 2: 0.15}), fastest({1: 0.20, 2: 0.25}), fastest({1: 0.20, 2: 0.95})
    (2, 2, 1)
    """
    return max(threads for threads, took in seconds.items() if took < GAIN * min(seconds.values()))


@dataclass
class StageThreads:
    """The number of threads of one stage of training, in effect inside this context.

    Args:
        candidates: Numbers to choose from; the greatest is used until they are timed; a single one is not timed.
        trial: Makes the step to time, see `steps_of_copies`; None if nothing is timed.
        say: Receives a sentence about each choice.
    """

    candidates: Sequence[int]
    trial: Callable[[], Step] | None = None
    say: Callable[[str], object] = lambda _: None
    threads: int = field(init=False)
    best: float = field(default=float("inf"), init=False)

    def __post_init__(self) -> None:
        self.threads = max(self.candidates)

    def __enter__(self) -> Self:
        self.before = torch.get_num_threads()
        torch.set_num_threads(self.threads)
        return self

    def __exit__(self, *_: object) -> None:
        torch.set_num_threads(self.before)

    def start(self, label: str) -> None:
        """Time the candidates before the first step."""
        self._choose(f"to train {label}")

    def epoch_took(self, seconds: float, label: str) -> None:
        """Time the candidates again if an epoch took much longer than the fastest one."""
        slow = seconds > max(LEAST_SECONDS, SLOWER * self.best)
        self.best = min(self.best, seconds)
        if slow and self._choose(f"to train {label}, which has slowed down"):
            self.best = float("inf")

    def _choose(self, task: str) -> bool:
        """Time the candidates, if there are several; return whether the number changed."""
        if self.trial is None or len(self.candidates) < 2:
            return False
        before, seconds = self.threads, step_times(self.trial(), self.candidates)
        self.threads = fastest(seconds)
        torch.set_num_threads(self.threads)
        times = ", ".join(f"{took * 1e3:.3g} ms with {threads}" for threads, took in seconds.items())
        self.say(f"{self.threads} thread{'s' if self.threads > 1 else ''} {task}: a step takes {times}.")
        return self.threads != before
