"""Threads of a command: how many, and how they wait for one another. Both are settled before anything is imported."""

import os
import sys
from typing import Annotated

import typer

__all__ = ["Threads", "wait_asleep"]

NUMBERS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "LOKY_MAX_CPU_COUNT")
"""What the libraries read when they are imported: torch, linear algebra, and joblib's worker processes."""
WAITING = {"GOMP_SPINCOUNT": "2000", "KMP_BLOCKTIME": "0"}
"""Threads that wait for another look for it so many times, some microseconds long, and sleep then."""
POLICY = "OMP_WAIT_POLICY"


def wait_asleep() -> None:
    """Let threads wait asleep, unless the user has said how they wait.

    By default they look for one another in a busy loop for milliseconds, and keep the one that they wait for from the core
    that another process left.
    """
    if not any(name in os.environ for name in (POLICY, *WAITING)):
        os.environ.update(WAITING)


def _use(number: int | None) -> int | None:
    if number is not None:
        os.environ.update(dict.fromkeys(NUMBERS, str(number)))
        if torch := sys.modules.get("torch"):  # only where a program calls the command line
            torch.set_num_threads(number)
    return number


Threads = Annotated[
    int | None,
    typer.Option(
        min=1,
        callback=_use,
        expose_value=False,
        help="Threads and worker processes to compute with, as OMP_NUM_THREADS sets them.",
        show_default="measured in training, else all cores",
    ),
]
