"""One seed per public function, random state forked inside (Pyro and zuko accept no generator)."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

__all__ = ["seeded"]


@contextmanager
def seeded(seed: int | None, device: torch.device | str = "cpu") -> Iterator[None]:
    """Run a block under `seed` and restore torch's random state; None uses the global state.

    >>> with seeded(3): a = torch.rand(2)
    >>> with seeded(3): b = torch.rand(2)
    >>> torch.equal(a, b)
    True
    """
    if seed is None:
        yield
        return
    device = torch.device(device)
    devices = [device] if device.type != "cpu" else []
    kind = device.type if devices else "cuda"  # without devices, torch only needs a type that it knows
    with torch.random.fork_rng(devices=devices, device_type=kind):
        torch.manual_seed(seed)
        yield
