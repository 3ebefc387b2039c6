"""Threads of a command: their number, and how they wait. Both are set before the libraries are imported."""

import os
import sys
from typing import Annotated

import typer

__all__ = ["Threads", "cap_threads", "wait_asleep"]

NUMBERS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "LOKY_MAX_CPU_COUNT")
"""Variables that torch, the linear algebra libraries and joblib's worker processes read on import."""
WAITING = {"GOMP_SPINCOUNT": "2000", "KMP_BLOCKTIME": "0"}
"""Number of times, microseconds in total, that a waiting thread spins before it sleeps."""
POLICY = "OMP_WAIT_POLICY"


def wait_asleep() -> None:
    """Let waiting threads sleep, unless the user has set how they wait.

    By default they spin for milliseconds, which can keep the thread that they wait for from getting a core.
    """
    if not any(name in os.environ for name in (POLICY, *WAITING)):
        os.environ.update(WAITING)


def _use(number: int | None) -> int | None:
    if number is not None:
        os.environ.update(dict.fromkeys(NUMBERS, str(number)))
        if torch := sys.modules.get("torch"):  # happens only if a program calls the command line
            torch.set_num_threads(number)
    return number


def cap_threads() -> None:
    """Compute with no more threads than the affinity of this process and the quota of its container allow.

    The user's own settings are kept. Call this after the libraries have been imported: by default, they only count
    cores.
    """
    if any(name in os.environ for name in NUMBERS):
        return
    from joblib import cpu_count
    from threadpoolctl import threadpool_limits

    usable = max(1, cpu_count())
    threadpool_limits(usable, user_api="blas")
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(min(torch.get_num_threads(), usable))


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
