"""Checks what this machine offers, what is missing, and how fast a training step is."""

import os
import platform
import shutil
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any

import torch
from packaging.requirements import Requirement

from ..datasets.cache import cache_folder
from ..graph import Variable
from ..machine import versions
from ..mechanisms.catalog import MECHANISMS, default_for
from ..nn import seeded
from .config import FitConfig
from .device import device_of
from .fabric import fabric_for, precision_on
from .stage import NodeTrainer
from .threads import step_times, threads_to_try

__all__ = ["Diagnosis", "diagnose"]

DEVELOPMENT = ("test", "docs", "dev")
BATCH, SIDE = 32, 28
QUOTA = Path("/sys/fs/cgroup/memory.max")
GIB = 2**30


@dataclass(frozen=True)
class Diagnosis:
    """Facts about this machine that determine whether causalgen runs here, and how fast.

    Attributes:
        versions: Versions of causalgen, Python and its main libraries.
        system: Operating system and processor.
        unmet: One sentence for each requirement that is not met, with its remedy.
        extras: Optional features that are not installed, and the command that installs each.
        device: The device that "auto" stands for, with its name and memory.
        precision: The precision in which images train there by default, "32-true" or "bf16-mixed".
        cores: Processor cores that this process may use.
        memory: Memory that this process may use, GiB; None where the system does not report it.
        cache: The folder of cached data sets and images.
        disk: Free space there, GiB.
        seconds: Seconds of a training step of the default image mechanism (32 grey images of 28 x 28 pixels), by number
            of threads on a CPU and under 0 on an accelerator.
    """

    versions: dict[str, str]
    system: str
    unmet: tuple[str, ...]
    extras: dict[str, str]
    device: str
    precision: str
    cores: int
    memory: float | None
    cache: str
    disk: float
    seconds: dict[int, float]

    def to_dict(self) -> dict[str, Any]:
        """JSON-able content."""
        return asdict(self)


def diagnose() -> Diagnosis:
    """Examine this machine and time a few steps of training, which takes some seconds."""
    unmet, extras = _requirements()
    device = device_of("auto")
    cache = cache_folder()
    return Diagnosis(
        versions=versions(),
        system=f"{platform.system()} {platform.machine()}",
        unmet=unmet,
        extras=extras,
        device=_described(device),
        precision=precision_on(device, "auto"),
        cores=max(threads_to_try()),
        memory=_memory(),
        cache=str(cache),
        disk=shutil.disk_usage(next(x for x in (cache, *cache.absolute().parents) if x.exists())).free / GIB,
        seconds=_step_seconds(device),
    )


def _requirements() -> tuple[tuple[str, ...], dict[str, str]]:
    """Return unmet requirements of the base installation, and optional features that are not installed."""
    unmet, extras = [], {}
    for requirement in map(Requirement, requires("causalgen") or ()):
        extra = _extra(requirement)
        if extra in DEVELOPMENT or (requirement.marker and not requirement.marker.evaluate({"extra": extra})):
            continue
        found = _version(requirement.name)
        if found is not None and requirement.specifier.contains(found, prereleases=True):
            continue
        if extra:
            extras[extra] = f"pip install 'causalgen[{extra}]'"
        else:
            wanted = f"{requirement.name}{requirement.specifier}"
            unmet.append(f"Expected {wanted}; got {found or 'none'}. Run pip install '{wanted}'.")
    return tuple(unmet), extras


def _extra(requirement: Requirement) -> str:
    """Return the optional feature to which a requirement belongs; empty for the base installation."""
    _, found, name = str(requirement.marker or "").partition("extra == ")
    return name.strip("\"' )") if found else ""


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _described(device: torch.device) -> str:
    if device.type == "cuda":
        card = torch.cuda.get_device_properties(device)
        return f"cuda ({card.name}, {card.total_memory / GIB:.0f} GiB; {torch.cuda.device_count()} in all)"
    if device.type == "cpu" and torch.version.cuda is None:
        return "cpu (this PyTorch is built without CUDA)"
    return device.type


def _memory() -> float | None:
    """Return the memory of the machine, or the quota of its container, in GiB."""
    try:
        machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):  # Windows
        return None
    quota = QUOTA.read_text().strip() if QUOTA.exists() else ""
    return min(machine, int(quota) if quota.isdigit() else machine) / GIB


def _step_seconds(device: torch.device) -> dict[int, float]:
    config = FitConfig(device=device.type)
    image, age = Variable("image", "image", shape=(1, SIDE, SIDE)), Variable("age", "continuous")
    with seeded(0):
        mechanism = MECHANISMS[default_for("image")](image, {"age": age})
        trainer = NodeTrainer("image", mechanism, config.images, 1000, fabric_for(config, image=True))
        batch = {"image": torch.randint(0, 256, (BATCH, 1, SIDE, SIDE)).float(), "age": torch.randn(BATCH)}
    moved = {name: values.to(device) for name, values in batch.items()}

    def step() -> None:
        trainer.train_batch(moved)
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    if device.type != "cpu":
        return {0: next(iter(step_times(step, [1]).values()))}
    return step_times(step, threads_to_try())
