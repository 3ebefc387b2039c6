"""Processes that help to train a run; the first process alone writes, prints and continues after the fit."""

from collections.abc import Iterator
from contextlib import contextmanager

from ..launched import launch
from ..training import FitConfig, fit
from ..training.fabric import fabric_for
from ..training.processes import Processes
from .run_plan import RunPlan
from .schema import Study
from .settings import fit_config
from .sources import load_data

__all__ = ["help_to_train", "helped", "helps"]


def helps() -> bool:
    """Whether this process was started to help another one to train a study."""
    started = launch()
    return started is not None and started.rank > 0


def help_to_train(study: Study, device: str = "auto", *, smoke: bool = False) -> None:
    """Wait for the first process, and train with it.

    Args:
        study: The study, as the first process got it.
        device: "auto", "cpu" or "cuda".
        smoke: Whether the study is shrunk.

    Raises:
        DataError: This process finds other data than the first one.
        LostProcessError: Another process has ended.
    """
    config = fit_config(study.training, study.seed, device)
    processes = Processes(fabric_for(config, image=False))
    # Loaded only now, after the first process has checked the study and filled the caches of its data.
    if processes.from_first(False):
        plan = RunPlan.of(study, device, smoke=smoke)
        fit(plan.build_model(), load_data(plan.study.data), plan.config)
    processes.close()


@contextmanager
def helped(config: FitConfig, *, needed: bool) -> Iterator[None]:
    """Train in this context together with the processes that wait in `help_to_train`; they end with the context.

    Args:
        config: Settings of training.
        needed: Whether there is something to train.
    """
    if config.processes == 1:
        yield
        return
    processes = Processes(fabric_for(config, image=False))
    processes.from_first(needed)
    yield
    processes.close()  # the others have already left after the fit
