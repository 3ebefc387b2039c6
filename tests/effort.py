"""Limits on work that hold on every machine: a count of calls, a guard against hangs, and a wait for another process.

Seconds depend on the machine and on what else it does, so no test compares them with a number: `architecture/test_clocks.py`
checks that, and `tests/timings` prints speeds.
"""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import pytest

__all__ = ["calls_at_most", "no_hang", "wait_for"]


@contextmanager
def calls_at_most(most: int) -> Iterator[None]:
    """Fail as soon as the block makes more calls of Python functions than `most`.

    The count differs little between machines. Leave room for other versions of Python and of the libraries: a factor of two
    or three, where the fault to find multiplies the work by hundreds.
    """
    made = 0

    def count(frame: FrameType, event: str, arg: object) -> None:
        nonlocal made
        made += event == "call"
        if made > most:
            pytest.fail(f"more than {most:,} calls; now in {frame.f_code.co_qualname}")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        yield
    finally:
        sys.setprofile(before)


@contextmanager
def no_hang(seconds: float = 60.0) -> Iterator[None]:
    """Fail when the block uses so much processor time that it must have run into a blow-up or an endless loop.

    This guards the suite against hangs in compiled code, such as regular expressions, where `calls_at_most` counts nothing.
    It is no target for speed: what it guards takes less than a second. Windows has no such signal: the block runs unguarded.
    """
    if not hasattr(signal, "SIGPROF"):
        yield
        return
    before = signal.signal(
        signal.SIGPROF, lambda *_: pytest.fail(f"still at work after {seconds:g} s of processor time")
    )
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def wait_for(ready: Callable[[], bool], process: subprocess.Popen[str], seconds: float = 240.0) -> None:
    """Return when `ready()` is true, the process has ended, or the time is up: a busy machine needs a minute to start it."""
    deadline = time.monotonic() + seconds
    while not ready() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
