"""Stored images, in memory or mapped from a file: a few at a time are read and moved to the device."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ..datasets.depth import as_levels, levels
from ..scm.chunks import units_at_once

__all__ = ["StoredImages", "channel_moments"]


@dataclass(frozen=True)
class StoredImages:
    """Rows whose images need not fit in memory.

    Args:
        columns: Columns `(N, ...)` by name; images of 8 or 16 bits as stored.
        device: Where batches go.
    """

    columns: Mapping[str, Tensor]
    device: torch.device

    @classmethod
    def on(cls, device: torch.device, columns: Mapping[str, Tensor]) -> "StoredImages":
        """Return the rows, moved to the device as a whole if they take less than half of its free memory."""
        if device.type == "cuda" and sum(c.nbytes for c in columns.values()) < torch.cuda.mem_get_info(device)[0] / 2:
            columns = {name: column.to(device) for name, column in columns.items()}
        return cls(columns, device)

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def batch(self, index: Tensor) -> dict[str, Tensor]:
        """Return the rows at some positions, on the device, with images on 0 to 255."""
        return as_levels({n: column[index.to(column.device)].to(self.device) for n, column in self.columns.items()})


def channel_moments(images: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each channel of images `(N, C, ...)`, float64 `(C,)`; a few are read at a time."""
    pieces = images.split(units_at_once(images.shape[1:]))
    count, nothing = images.numel() // images.shape[1], torch.zeros(1, device=images.device)
    mean = sum((_channels(piece).sum(1) for piece in pieces), start=nothing) / count
    square = sum(((_channels(piece) - mean[:, None]).square().sum(1) for piece in pieces), start=nothing)
    return mean, (square / max(1, count - 1)).sqrt()


def _channels(piece: Tensor) -> Tensor:
    """The pixels of each channel, float64 `(C, pixels)`."""
    return levels(piece).double().transpose(0, 1).flatten(1)
