"""Known image mechanisms for pictures that are grey, masked, blurred, small or noisy."""

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from ..graph import Variable
from .base import Abduction
from .known_image import KnownImage

__all__ = ["AddedNoise", "Blur", "Downsample", "Grey", "Mask"]

LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in grey (ITU-R BT.601)."""
STEPS_OF_FILLING = 4
"""Steps of diffusion, a side of the image, that fill hidden pixels from their neighbours."""


class Grey(KnownImage):
    """The grey version of a colour image, luma of ITU-R BT.601."""

    weights: Tensor

    def __init__(self, variable: Variable, parents: Mapping[str, Variable]) -> None:
        super().__init__(variable, parents)
        channels, *size = next(iter(parents.values())).shape
        if channels != 3:
            raise ValueError(f"Expected a colour image as the parent of '{variable.name}'; got a grey one.")
        self._expect_shape((1, *size))
        self.register_buffer("weights", torch.tensor(LUMA).view(3, 1, 1))

    def image(self, parent: Tensor) -> Tensor:
        return (self.weights * parent).sum(dim=1, keepdim=True)

    def variance(self, variance: Tensor) -> Tensor:
        return (self.weights.square() * variance).sum(dim=1, keepdim=True)

    def undo(self, image: Tensor) -> Tensor:
        return image.expand(-1, 3, -1, -1)


class Mask(KnownImage):
    """An image with a hidden rectangle, whose pixels have the lowest value of the support.

    Args:
        variable: The image that is made.
        parents: One image of the same shape.
        rows: First and last hidden row, counted from 1.
        columns: First and last hidden column, counted from 1.
    """

    hidden: Tensor

    def __init__(
        self,
        variable: Variable,
        parents: Mapping[str, Variable],
        *,
        rows: Sequence[int] = (1, 1),
        columns: Sequence[int] = (1, 1),
    ) -> None:
        super().__init__(variable, parents)
        _, height, width = next(iter(parents.values())).shape
        self._expect_shape(next(iter(parents.values())).shape)
        for name, span, most in (("rows", rows, height), ("columns", columns, width)):
            if len(span) != 2 or not 1 <= span[0] <= span[1] <= most:
                raise ValueError(f"Expected {name} as the first and last hidden one, in 1..{most}; got {list(span)}.")
        hidden = torch.zeros(height, width, dtype=torch.bool)
        hidden[rows[0] - 1 : rows[1], columns[0] - 1 : columns[1]] = True
        self.register_buffer("hidden", hidden)

    @classmethod
    def of_pixels(cls, variable: Variable, parents: Mapping[str, Variable], hidden: Tensor) -> "Mask":
        """A mask of any form: bool `(H, W)`, true where the image is hidden."""
        mask = cls(variable, parents)
        mask.hidden.copy_(hidden)
        return mask

    def image(self, parent: Tensor) -> Tensor:
        return torch.where(self.hidden, self.low, parent)

    def variance(self, variance: Tensor) -> Tensor:
        return torch.where(self.hidden, 0.0, variance)

    def undo(self, image: Tensor) -> Tensor:
        """Hidden pixels become the mean of their neighbours, again and again (harmonic inpainting)."""
        shown = (~self.hidden).to(image)
        mean = (image * shown).sum(dim=(2, 3), keepdim=True) / shown.sum()
        filled = torch.where(self.hidden, mean, image)
        for _ in range(STEPS_OF_FILLING * max(image.shape[2:])):
            near = F.avg_pool2d(F.pad(filled, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
            filled = torch.where(self.hidden, near, image)
        return filled


class Blur(KnownImage):
    """An image out of focus: a Gaussian blur, edges repeated.

    The pixels of a blurred picture share the noise of their neighbours, so that they carry less information than the
    same number of independent pixels: each counts as if its noise were not averaged out.

    Args:
        variable: The image that is made.
        parents: One image of the same shape.
        width: Standard deviation of the blur, pixels.
    """

    kernel: Tensor

    def __init__(self, variable: Variable, parents: Mapping[str, Variable], *, width: float = 1.0) -> None:
        super().__init__(variable, parents)
        shape = next(iter(parents.values())).shape
        self._expect_shape(shape)
        if not 0 < width <= max(shape):
            raise ValueError(f"Expected a blur of more than 0 and at most {max(shape)} pixels; got {width:g}.")
        places = torch.arange(-math.ceil(3 * width), math.ceil(3 * width) + 1)
        kernel = torch.exp(-0.5 * (places / width).square())
        self.register_buffer("kernel", kernel / kernel.sum())

    def image(self, parent: Tensor) -> Tensor:
        reach = len(self.kernel) // 2
        flat = F.pad(parent.flatten(0, 1)[:, None], (reach, reach, reach, reach), mode="replicate")
        kernel = self.kernel.to(flat)
        return F.conv2d(F.conv2d(flat, kernel.view(1, 1, -1, 1)), kernel.view(1, 1, 1, -1)).view_as(parent)


class Downsample(KnownImage):
    """A smaller image: every pixel is the mean of a square of pixels.

    Args:
        variable: The image that is made.
        parents: One image whose height and width are multiples of the factor.
        factor: Pixels of the parent along a side of the square.
    """

    def __init__(self, variable: Variable, parents: Mapping[str, Variable], *, factor: int = 2) -> None:
        super().__init__(variable, parents)
        channels, height, width = next(iter(parents.values())).shape
        if height % factor or width % factor:
            raise ValueError(f"Expected a factor that divides {height} and {width}; got {factor}.")
        self._expect_shape((channels, height // factor, width // factor))
        self.factor = factor

    def image(self, parent: Tensor) -> Tensor:
        return F.avg_pool2d(parent, self.factor)

    def variance(self, variance: Tensor) -> Tensor:
        return F.avg_pool2d(variance, self.factor) / self.factor**2

    def undo(self, image: Tensor) -> Tensor:
        larger = F.interpolate(image, scale_factor=self.factor, mode="bicubic", align_corners=False)
        return larger.clamp(self.low, self.high)


class AddedNoise(KnownImage):
    """An image with independent Gaussian noise on every pixel, clipped to the support.

    Args:
        variable: The image that is made.
        parents: One image of the same shape.
        sigma: Standard deviation of the noise, grey levels of 255.
    """

    abduction = Abduction.POSTERIOR

    def __init__(self, variable: Variable, parents: Mapping[str, Variable], *, sigma: float = 10.0) -> None:
        if not sigma:
            raise ValueError(f"Expected noise of more than 0 grey levels for '{variable.name}'; got 0. Leave it out.")
        super().__init__(variable, parents, sigma=sigma)
        self._expect_shape(next(iter(parents.values())).shape)

    def image(self, parent: Tensor) -> Tensor:
        return parent
