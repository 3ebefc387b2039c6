"""One seed per public function, random state forked inside (Pyro and zuko accept no generator).

The state belongs to the process, so blocks of several threads run one after the other: draws of one would otherwise move
the state of another.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock

import torch

__all__ = ["seeded"]

ONE_AT_A_TIME = RLock()


@contextmanager
def seeded(seed: int | None, device: torch.device | str = "cpu") -> Iterator[None]:
    """Run a block under `seed` and restore torch's random state; None uses the global state. Other threads wait.

    >>> with seeded(3): a = torch.rand(2)
    >>> with seeded(3): b = torch.rand(2)
    >>> torch.equal(a, b)
    True
    """
    if seed is None:
        with ONE_AT_A_TIME:
            yield
        return
    device = torch.device(device)
    devices = [device] if device.type != "cpu" else []
    kind = device.type if devices else "cuda"  # without devices, torch only needs a type that it knows
    with ONE_AT_A_TIME, torch.random.fork_rng(devices=devices, device_type=kind):
        if devices:
            torch.manual_seed(seed)
        else:  # torch.manual_seed would format a stack trace for each kind of device that is not in use
            torch.default_generator.manual_seed(seed)
        yield
