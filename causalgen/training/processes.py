"""Processes that train one model together: each learns from its slice of every batch, and gradients are summed.

Each process has all weights, takes the same steps, and draws the order of the units from the same random stream. A loss
is the mean over the whole batch, so that the number of processes changes neither the number of steps nor the learning
rate.
"""

import os
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar

import numpy as np
import torch
import torch.distributed as dist
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments import (
    ClusterEnvironment,
    LightningEnvironment,
    SLURMEnvironment,
    TorchElasticEnvironment,
)
from lightning_fabric.strategies import DDPStrategy
from torch import Tensor, nn

from ..errors import CausalgenError, DataError, LostProcessError
from ..launched import launch
from ..nn import seeded
from .config import FitConfig

__all__ = ["Processes", "joined", "on_cpu"]

Thing = TypeVar("Thing")
GRACE = 2.0
"""Seconds to wait for the signal that ended another process; if it arrives here too, it is what ended the run."""
WAIT = timedelta(hours=6)
"""Maximum wait for other processes: the first one may have to read large data before they connect."""
THREADS = "OMP_NUM_THREADS"


def joined(config: FitConfig, precision: str) -> Fabric:
    """Return a fabric whose processes are connected; the call waits for all of them.

    Raises:
        DataError: The number of started processes differs from the settings.
        LostProcessError: The other processes did not connect.
    """
    started = launch()
    if started is None or (started.devices, started.num_nodes) != (config.devices, config.num_nodes):
        found = f"{started.devices} on {started.num_nodes} machines" if started else "one"
        raise DataError(
            f"Expected {config.devices} processes on {config.num_nodes} machines, by devices and num_nodes; got "
            f"{found}. "
            f"Start the program with torchrun --nnodes {config.num_nodes} --nproc-per-node {config.devices}, or with srun."
        )
    given = THREADS in os.environ
    os.environ.setdefault(THREADS, str(torch.get_num_threads()))  # which fabric would set for the rest of the program
    try:
        fabric = Fabric(
            accelerator=config.device,
            devices=config.devices,
            num_nodes=config.num_nodes,
            # Only its group of processes is used: the hooks on a wrapped module take one backward pass over all parameters.
            strategy=DDPStrategy(timeout=WAIT),
            precision=precision,  # type: ignore[arg-type]
            plugins=_environment(),
        )
        with _nobody_lost(config.processes):
            fabric.launch()
    except (ValueError, RuntimeError) as error:
        if isinstance(error, CausalgenError):
            raise
        raise DataError(f"Expected processes that lightning-fabric can join; it refuses these: {error}") from error
    finally:
        if not given:
            del os.environ[THREADS]
    return fabric


def _environment() -> ClusterEnvironment:
    if TorchElasticEnvironment.detect():
        return TorchElasticEnvironment()
    if "RANK" not in os.environ:
        return SLURMEnvironment(auto_requeue=False)
    return LightningEnvironment()


class Processes:
    """The processes of a fabric; a single one exchanges nothing.

    Args:
        fabric: The fabric.
    """

    def __init__(self, fabric: Fabric) -> None:
        self.fabric = fabric
        self.count: int = fabric.world_size
        self.rank: int = fabric.global_rank

    def slice(self, count: int) -> range:
        """Return the positions, out of `count`, that this process handles."""
        return range(count * self.rank // self.count, count * (self.rank + 1) // self.count)

    @contextmanager
    def own_draws(self, seed: int, label: str, epoch: int) -> Iterator[None]:
        """Draw noise that differs between processes; a single one draws from the stream of the fit."""
        if self.count == 1:
            yield
            return
        words = np.random.SeedSequence([seed, zlib.crc32(label.encode()), epoch, self.rank]).generate_state(1)
        with seeded(int(words[0]), self.fabric.device):
            yield

    def sum_gradients(self, parameters: Sequence[nn.Parameter]) -> None:
        """Sum the gradients of all processes in one exchange; a parameter without a gradient keeps none."""
        if self.count == 1:
            return
        parts = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
        known = parts[0].new_tensor([p.grad is not None for p in parameters])
        bucket = torch.cat([*(part.flatten() for part in parts), known])
        with _nobody_lost(self.count):
            dist.all_reduce(bucket)
        *sums, known = bucket.split([*(p.numel() for p in parameters), len(parameters)])
        for parameter, part, total, anywhere in zip(parameters, parts, sums, known):
            if parameter.grad is not None or anywhere:
                parameter.grad = part.copy_(total.view_as(part))

    def sum(self, numbers: Mapping[str, float]) -> dict[str, float]:
        """Return the sums over all processes, which pass the same names in the same order."""
        if self.count == 1:
            return dict(numbers)
        sums = torch.tensor(list(numbers.values()), dtype=torch.float64, device=self.fabric.device)
        with _nobody_lost(self.count):
            dist.all_reduce(sums)
        return dict(zip(numbers, sums.tolist()))

    def from_first(self, thing: Thing) -> Thing:
        """Return the value of the first process; tensors have to be on the CPU."""
        if self.count == 1:
            return thing
        with _nobody_lost(self.count):
            return self.fabric.broadcast(thing)

    def share_state(self, module: nn.Module) -> None:
        """Give the module the weights and buffers that it has in the first process."""
        if self.count > 1:
            module.load_state_dict(self.from_first(on_cpu(module.state_dict())))

    def require_same(self, what: str, found: Thing) -> None:
        """Raise `DataError` if a process has another value than the first one."""
        expected = self.from_first(found)
        if found != expected:
            raise DataError(f"Expected {what} of the first process, {expected}; got {found} in process {self.rank}.")

    def wait(self) -> None:
        """Wait until all processes have reached this point."""
        if self.count > 1:
            with _nobody_lost(self.count):
                self.fabric.barrier()

    def close(self) -> None:
        """End the exchange, after `wait`."""
        if self.count > 1 and dist.is_initialized():
            dist.destroy_process_group()


@contextmanager
def _nobody_lost(count: int) -> Iterator[None]:
    """Turn the error of an exchange with a process that has ended into `LostProcessError`."""
    try:
        yield
    except RuntimeError as error:
        time.sleep(GRACE)
        raise LostProcessError(
            f"Expected all {count} processes to train until the end; got one that has ended or cannot be reached. Checkpoints "
            "are kept: the same command continues from there, with any number of processes."
        ) from error


def on_cpu(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors, where `Processes.from_first` can send them."""
    return {name: tensor.cpu() for name, tensor in tensors.items()}
