"""Images rounded to bytes and compared pixel by pixel or by structure."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchmetrics.functional.image import structural_similarity_index_measure

from ..errors import DivergenceError

__all__ = ["l1", "ssim", "to_bytes"]


def to_bytes(images: Tensor) -> Tensor:
    """Images `(N, C, H, W)` rounded and clipped to uint8, on the CPU.

    Raises:
        DivergenceError: A pixel is NaN, which would be rounded to black.

    >>> to_bytes(torch.tensor([-3.0, 1.6, 300.0]))
    tensor([  0,   2, 255], dtype=torch.uint8)
    """
    if images.dtype == torch.uint8:
        return images.cpu()
    if images.isnan().any():
        raise DivergenceError("Expected images of numbers; got NaN. Train the model again at a lower learning rate.")
    return images.detach().round().clamp(0, 255).to("cpu", torch.uint8)


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
