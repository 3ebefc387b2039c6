"""Checkpoints of unfinished training: one safetensors file a stage, its JSON in the header, written atomically."""

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import quote

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as save_tensors
from torch import Tensor

from .._version import __version__
from ..errors import CheckpointError
from ..files import write_whole
from ..scm import StructuralCausalModel, specification
from .config import FitConfig
from .stage import NodeTrainer

__all__ = ["Checkpoint", "random_state", "set_random_state"]

PIECE = 4096
"""Number of rows hashed at a time: all images may not fit in memory."""
ELSEWHERE = ("device", "devices", "num_nodes", "threads")
"""Settings that may change before a fit continues."""
INTERVAL = 10.0
"""Minimum number of seconds between two checkpoints of a stage."""


class Checkpoint:
    """Saves and resumes the stages of one fit, exactly: weights, averages, optimizers and random state.

    Args:
        folder: Folder for the files; created.
        scm: The model, for its specification.
        config: Settings; a checkpoint resumes only under the same ones (devices and threads may differ).
        data: The splits; a checkpoint resumes only on the same ones.
    """

    def __init__(
        self, folder: Path, scm: StructuralCausalModel, config: FitConfig, data: Sequence[Mapping[str, Tensor]]
    ) -> None:
        self.folder = folder
        self.folder.mkdir(parents=True, exist_ok=True)
        # These change the last digits, or the draws of noise; a fit may continue on other machines.
        settings = {**asdict(config), **dict.fromkeys(ELSEWHERE), "version": __version__, **specification(scm)}
        digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
        for values in data:
            for name in sorted(values):
                digest.update(name.encode())
                for part in values[name].split(PIECE):
                    digest.update(part.detach().cpu().contiguous().numpy().tobytes())
        self.fingerprint = digest.hexdigest()
        self.saved_at = time.monotonic()
        self.threads: int | None = None
        """Number of threads of the last resumed stage."""
        self.drawn: dict[str, Tensor] = {}
        """Draws of missing values of the last resumed stage."""

    def save(
        self,
        label: str,
        epoch: int,
        trainers: Sequence[NodeTrainer],
        drawn: Mapping[str, Tensor] | None = None,
        *,
        force: bool = False,
    ) -> None:
        """Save a stage after `epoch` epochs, with the draws of missing values, if the last checkpoint is old enough."""
        if not force and time.monotonic() - self.saved_at < INTERVAL:
            return
        device, processes = trainers[0].fabric.device, trainers[0].processes
        tensors = {f"random.{kind}": state for kind, state in random_state(device).items()}
        tensors |= {f"drawn.{key}": tensor.cpu().contiguous() for key, tensor in (drawn or {}).items()}
        numbers: dict[str, Any] = {"fingerprint": self.fingerprint, "epoch": epoch, "nodes": {}}
        numbers["threads"] = torch.get_num_threads() if processes.count == 1 else None
        for i, trainer in enumerate(trainers):
            state, numbers["nodes"][trainer.name] = trainer.state()
            tensors |= {f"{i}.{key}": tensor.detach().cpu().contiguous().clone() for key, tensor in state.items()}
        path = self._path(label)
        write_whole(path, save_tensors(tensors, metadata={"causalgen": json.dumps(numbers)}))
        self.saved_at = time.monotonic()

    def resume(self, label: str, trainers: Sequence[NodeTrainer]) -> int:
        """Load a stage, if there is one, and return the number of its finished epochs.

        Raises:
            CheckpointError: The file is corrupted or belongs to another fit.
        """
        path, self.threads, self.drawn = self._path(label), None, {}
        if not path.exists():
            return 0
        try:
            with safe_open(path, framework="pt") as file:
                numbers = json.loads((file.metadata() or {})["causalgen"])
                tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        except (SafetensorError, KeyError, ValueError, OSError) as error:
            raise _damaged(path, str(error)) from error
        if numbers.get("fingerprint") != self.fingerprint:
            raise CheckpointError(
                f"Expected the checkpoint '{path}' to belong to this model, these settings and these data; got that "
                "of another fit. Choose another folder, or delete the file to train from scratch."
            )
        damaged = [key for key, tensor in tensors.items() if not torch.isfinite(tensor).all()]
        if damaged:
            raise _damaged(path, f"numbers that are not finite in '{damaged[0]}'")
        device = trainers[0].fabric.device
        try:
            for i, trainer in enumerate(trainers):
                own = {k.removeprefix(f"{i}."): t.to(device) for k, t in tensors.items() if k.startswith(f"{i}.")}
                trainer.load(own, numbers["nodes"][trainer.name])
            kinds = {k.removeprefix("random."): t for k, t in tensors.items() if k.startswith("random.")}
            set_random_state(kinds, device)
        except (RuntimeError, LookupError, TypeError, ValueError) as error:
            raise _damaged(path, str(error)) from error
        self.threads = numbers.get("threads")
        self.drawn = {k.removeprefix("drawn."): t.to(device) for k, t in tensors.items() if k.startswith("drawn.")}
        return int(numbers["epoch"])

    def _path(self, label: str) -> Path:
        return self.folder / f"training-{quote(label, safe='')}.safetensors"


def random_state(device: torch.device) -> dict[str, Tensor]:
    """The state of torch's random generators, by kind of device."""
    state = {"cpu": torch.get_rng_state()}
    return state | {"cuda": torch.cuda.get_rng_state(device)} if device.type == "cuda" else state


def set_random_state(state: Mapping[str, Tensor], device: torch.device) -> None:
    """Restore the state from `random_state`, as far as `device` has it."""
    torch.set_rng_state(state["cpu"])
    if "cuda" in state and device.type == "cuda":
        torch.cuda.set_rng_state(state["cuda"], device)


def _damaged(path: Path, found: str) -> CheckpointError:
    reason = found.rstrip(".")
    return CheckpointError(
        f"Expected a readable checkpoint in '{path}'; got: {reason}. Delete the file to train from scratch."
    )
