"""Starts this command in further processes of this machine, which train together with this one, and ends them with it.

lightning-fabric's launcher is not used: it kills this process five seconds after another one has ended, even while it
saves, and without a message. The variables are those of torchrun, so that all processes find one another in the same
way, whatever started them.
"""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import typer

from ..launched import launch

__all__ = ["end_with_starter", "other_processes"]

STARTER = "CAUSALGEN_STARTER"
"""Environment variable with the number of the process that started this one."""
GRACE = 20.0
"""Seconds within which this process has to notice that another one has ended."""
LAST = 3.0
"""Seconds that the others get to end after a signal; they have nothing to save, and may wait in an exchange."""
POLL = 0.5


@contextmanager
def other_processes(count: int) -> Iterator[None]:
    """Run this command in `count` processes, this one included, while the context lasts.

    Args:
        count: Number of processes; with 1, or where a launcher started this process, none is started.
    """
    if count == 1 or launch() is not None:
        yield
        return
    before = dict(os.environ)
    os.environ |= {
        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(_free_port()), "WORLD_SIZE": str(count), "LOCAL_WORLD_SIZE": str(count),
        "RANK": "0", "LOCAL_RANK": "0", "NODE_RANK": "0",
    }  # fmt: skip
    others = [_started(rank) for rank in range(1, count)]
    threading.Thread(target=_watch, args=(others,), daemon=True).start()
    try:
        yield
    finally:
        _report(others)
        _end(others)
        os.environ.clear()
        os.environ |= before


def end_with_starter() -> None:
    """End this process when the one that started it is gone: it may wait in an exchange that would never end."""
    if starter := os.environ.get(STARTER):
        threading.Thread(target=_follow, args=(int(starter),), daemon=True).start()


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _started(rank: int) -> subprocess.Popen:
    environment = os.environ | {"RANK": str(rank), "LOCAL_RANK": str(rank), STARTER: str(os.getpid())}
    command = [sys.executable, "-m", "causalgen", *sys.argv[1:]]
    return subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL)


def _watch(others: Sequence[subprocess.Popen]) -> None:
    """End this process if another one failed during training and this one does not notice within the grace period.

    On a CPU, an exchange with a process that has ended fails at once; on an accelerator it may wait for half an hour.
    """
    from torch import distributed

    trained = False
    while not trained or distributed.is_initialized():
        trained = trained or distributed.is_initialized()
        if any(other.poll() for other in others):
            time.sleep(GRACE)
            if not trained or distributed.is_initialized():
                _report(others)
                typer.echo("Checkpoints are kept: the same command continues from there.", err=True)
                for other in others:
                    other.kill()
                os._exit(1)
            return
        time.sleep(POLL)


def _follow(starter: int) -> None:
    while os.getppid() == starter:
        time.sleep(POLL)
    os._exit(1)


def _report(others: Sequence[subprocess.Popen]) -> None:
    """Print which processes have failed."""
    for number, other in enumerate(others, start=2):
        if code := other.poll():
            how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
            typer.echo(f"Process {number} of {len(others) + 1} ({other.pid}) {how}.", err=True)


def _end(others: Sequence[subprocess.Popen]) -> None:
    """End the processes that are still running: by SIGTERM, then by SIGKILL if that does not help."""
    for other in others:
        if other.poll() is None:
            other.terminate()
    deadline = time.monotonic() + LAST
    for other in others:
        try:
            other.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            other.kill()
            other.wait()
