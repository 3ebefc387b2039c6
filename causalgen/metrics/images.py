"""Images rounded to the values that files hold, and compared pixel by pixel or by structure."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchmetrics.functional.image import structural_similarity_index_measure

from ..datasets.depth import DEPTHS
from ..errors import DivergenceError

__all__ = ["as_stored", "bits_of", "l1", "ssim", "to_bytes"]


def to_bytes(images: Tensor) -> Tensor:
    """Images `(N, C, H, W)` rounded and clipped to uint8, on the CPU.

    Raises:
        DivergenceError: A pixel is NaN, which would be rounded to black.

    >>> to_bytes(torch.tensor([-3.0, 1.6, 300.0]))
    tensor([  0,   2, 255], dtype=torch.uint8)
    """
    return as_stored(images, 8)


def as_stored(images: Tensor, bits: int) -> Tensor:
    """Images `(N, C, H, W)` rounded to what files of 8 or 16 bits hold, on the CPU: uint8, or float32 in steps of 1 / 257.

    Raises:
        DivergenceError: A pixel is NaN, which would be rounded to black.

    >>> as_stored(torch.tensor([-3.0, 1.6, 300.0]), 16)
    tensor([  0.0000,   1.5992, 255.0000])
    """
    if images.dtype == torch.uint8:
        return images.cpu() if bits == 8 else images.cpu().float()
    if images.isnan().any():
        raise DivergenceError("Expected images of numbers; got NaN. Train the model again at a lower learning rate.")
    steps = DEPTHS[bits][1]
    levels = (images.detach().cpu().clamp(0, 255) * steps).round()
    return levels.to(torch.uint8) if bits == 8 else levels.float() / steps


def bits_of(images: Tensor) -> int:
    """Return the bits of observed images: 8 if every pixel is a whole number, else 16."""
    return 8 if not images.is_floating_point() or bool((images == images.round()).all()) else 16


def l1(images: Tensor, targets: Tensor) -> NDArray[np.float64]:
    """Mean absolute pixel difference of each pair, `(N,)`, in grey levels 0 to 255."""
    return (images.float() - targets.float()).abs().flatten(1).mean(1).double().numpy()


def ssim(images: Tensor, targets: Tensor) -> NDArray[np.float64]:
    """Structural similarity of each pair, `(N,)`, 1 for equal images.

    Gaussian window of standard deviation 1.5 px.

    Source: Wang, Bovik, Sheikh and Simoncelli, Image quality assessment: from error visibility to structural
    similarity, 2004.
    """
    scores = structural_similarity_index_measure(images.float(), targets.float(), data_range=255.0, reduction="none")
    return torch.as_tensor(scores).double().numpy()
