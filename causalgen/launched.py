"""Processes that a launcher started to train one model: torchrun, srun, or the command line for `--devices`."""

import os
from dataclasses import dataclass

from .errors import DataError

__all__ = ["Launch", "launch"]

INTERACTIVE = ("bash", "interactive")
"""Names of interactive SLURM jobs: their processes do not belong together."""


@dataclass(frozen=True)
class Launch:
    """The place of this process among those that were started together.

    Args:
        rank: Number of the process, from 0.
        local_rank: Its number on this machine.
        devices: Number of processes on this machine, each with one device.
        num_nodes: Number of machines.
    """

    rank: int
    local_rank: int
    devices: int
    num_nodes: int

    @property
    def processes(self) -> int:
        """Number of processes on all machines."""
        return self.devices * self.num_nodes


def launch() -> Launch | None:
    """Return the launch described by the environment variables; None for a process that was started alone.

    Raises:
        DataError: A variable of a launcher is not a whole number.
    """
    given = os.environ
    processes = _number("WORLD_SIZE") if given.keys() >= {"RANK", "LOCAL_RANK", "WORLD_SIZE"} else 0
    if processes > 1 or (processes and "TORCHELASTIC_RUN_ID" in given):  # a single one may come from a shell's profile
        devices = _number("LOCAL_WORLD_SIZE", processes)
        return Launch(_number("RANK"), _number("LOCAL_RANK"), devices, processes // devices)
    # Of a job step alone: in a batch script without srun, the numbers of the job describe processes that nobody starts.
    tasks = _number("SLURM_STEP_NUM_TASKS", 1)
    if tasks > 1 and given.get("SLURM_JOB_NAME") not in INTERACTIVE:
        num_nodes = _number("SLURM_STEP_NUM_NODES", 1)
        return Launch(_number("SLURM_PROCID"), _number("SLURM_LOCALID"), tasks // num_nodes, num_nodes)
    return None


def _number(name: str, default: int | None = None) -> int:
    """Read a whole number from the environment."""
    text = os.environ.get(name, "" if default is None else str(default))
    if not text.isascii() or not text.isdigit():
        raise DataError(
            f"Expected a whole number in the environment variable {name}, which a launcher sets; got '{text}'. Start with "
            "torchrun or srun, or remove the variable."
        )
    return int(text)
