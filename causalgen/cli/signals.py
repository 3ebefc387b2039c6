"""SIGTERM ends a command as Ctrl-C does: finished work is kept, and the exit code names the signal."""

import signal
import time
from types import FrameType

__all__ = ["INTERRUPTED", "TERMINATED", "Terminated", "exit_code", "ignore_signals", "stop_on_signals", "stopped_by"]

INTERRUPTED, TERMINATED = 130, 143
GRACE = 5.0
"""Seconds after a signal in which further signals are ignored, so that they cannot interrupt saving."""


class Terminated(KeyboardInterrupt):
    """SIGTERM arrived, as from `docker stop`, SLURM or a shutdown."""


def stop_on_signals() -> None:
    """Let SIGINT and SIGTERM end this process by an exception, once: a second signal does not interrupt saving.

    A signal that this process was started to ignore stays ignored.
    """
    stopped: list[float] = []

    def stop(number: int, frame: FrameType | None) -> None:
        if stopped and time.monotonic() - stopped[-1] < GRACE:
            return
        stopped.append(time.monotonic())
        raise Terminated("SIGTERM") if number == signal.SIGTERM else KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, stop)


def ignore_signals() -> None:
    """Ignore SIGINT and SIGTERM from now on: the exit code is decided, and Python restores the handlers at its end."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def exit_code(error: BaseException | None) -> int:
    """128 plus the number of the signal, as shells report it."""
    return TERMINATED if isinstance(error, Terminated) else INTERRUPTED


def stopped_by(error: KeyboardInterrupt) -> str:
    """Return the message about the interruption."""
    return "Interrupted by SIGTERM." if isinstance(error, Terminated) else "Interrupted."
