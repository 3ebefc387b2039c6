"""The error for a device that is out of memory."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from ..errors import CausalgenError

__all__ = ["DeviceMemoryError", "in_memory"]


class DeviceMemoryError(CausalgenError, torch.OutOfMemoryError):
    """A batch does not fit into the memory of the device."""


@contextmanager
def in_memory(units: int, task: str, *, kept: bool = False) -> Iterator[None]:
    """Run a block that computes on `units` at once; if memory runs out, the error proposes a batch size.

    Args:
        units: Units of a batch.
        task: The task of the block, such as "train image".
        kept: Whether checkpoints were written.

    Raises:
        DeviceMemoryError: The device ran out of memory.
    """
    try:
        yield
    except torch.OutOfMemoryError:  # its message lists statistics of the allocator, and no remedy
        smaller = f"Set batch_size to {units // 2}" if units > 1 else "Choose a smaller width"
        resumes = "; the checkpoints are kept, and resume with these settings where more memory is free" if kept else ""
        raise DeviceMemoryError(
            f"Expected memory to {task} in batches of {units} on this device; got out of memory. {smaller}{resumes}."
        ) from None
