"""The error for a device that is out of memory."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from ..errors import CausalgenError

__all__ = ["DeviceMemoryError", "in_memory"]


class DeviceMemoryError(CausalgenError, torch.OutOfMemoryError):
    """A batch does not fit into the memory of the device."""


@contextmanager
def in_memory(units: int, task: str, *, kept: bool = False, parts: int | None = None) -> Iterator[None]:
    """Run a block that computes on batches of `units`; if memory runs out, the error proposes a remedy.

    Args:
        units: Units of a batch.
        task: The task of the block, such as "train image".
        kept: Whether checkpoints were written.
        parts: Parts into which a batch is split (see `Stage.accumulate`); None where it cannot be.

    Raises:
        DeviceMemoryError: The device ran out of memory.
    """
    try:
        yield
    except torch.OutOfMemoryError:  # its message lists statistics of the allocator, and no remedy
        smaller = f"Set batch_size to {units // 2}" if units > 1 else "Choose a smaller width"
        if parts is not None and 2 * parts <= units:
            smaller = f"Set accumulate to {2 * parts}, which gives the same result with less memory"
        resumes = (
            "; the checkpoints are kept, and training resumes with these settings if more memory is free"
            if kept
            else ""
        )
        raise DeviceMemoryError(
            f"Expected enough memory to {task} in batches of {units} on this device; it ran out of memory. "
            f"{smaller}{resumes}."
        ) from None
