"""Invertible maps between natural units and an unbounded, standardised scale for networks."""

import math

import torch
from torch import Tensor, nn
from torch.distributions.transforms import (
    AffineTransform,
    ComposeTransform,
    ExpTransform,
    SigmoidTransform,
    Transform,
)

__all__ = ["Standardiser"]

MARGIN = 1e-3
"""Share of the support's width by which it is widened, so that its end points keep a finite logit."""


class Standardiser(nn.Module):
    """Maps one continuous variable to zero mean and unit variance on an unbounded scale, and back.

    A variable with two finite bounds goes through a logit, one with a finite lower bound through a logarithm, any
    other is only shifted and scaled. The bounds are widened by a thousandth so that the end points stay finite.

    Args:
        support: Bounds in natural units, or None.
    """

    must_be_positive = ("scale", "margin")
    loc: Tensor
    scale: Tensor
    margin: Tensor

    def __init__(self, support: tuple[float, float] | None = None) -> None:
        super().__init__()
        self.support = support
        low, high = support or (-math.inf, math.inf)
        self.link = (
            "logit" if math.isfinite(low) and math.isfinite(high) else "log" if math.isfinite(low) else "identity"
        )
        self.register_buffer("loc", torch.tensor(0.0))
        self.register_buffer("scale", torch.tensor(1.0))
        self.register_buffer("margin", torch.tensor(MARGIN * (high - low if self.link == "logit" else 1.0)))

    def fit(self, value: Tensor) -> None:
        """Fit shift and scale to training values `(N,)` in natural units."""
        if self.link == "log":
            self.margin.fill_(MARGIN * max(float(value.std()), 1e-12))
        unbounded = self._unbound(value.to(self.loc))
        self.loc.copy_(unbounded.mean())
        self.scale.copy_(unbounded.std(unbiased=False).clamp_min(1e-6))  # a constant must not divide by zero

    def transform(self) -> Transform:
        """The map from the standardised scale to natural units, as a fresh (never cached) transform."""
        affine = AffineTransform(self.loc, self.scale)
        if self.link == "identity" or self.support is None:
            return affine
        low, high = self.support
        if self.link == "log":
            return ComposeTransform([affine, ExpTransform(), AffineTransform(low - self.margin, 1.0)])
        width = high - low + 2 * self.margin
        return ComposeTransform([affine, SigmoidTransform(), AffineTransform(low - self.margin, width)])

    def forward(self, value: Tensor) -> Tensor:
        """Natural units to the standardised scale."""
        return (self._unbound(value) - self.loc) / self.scale

    def clamp(self, value: Tensor) -> Tensor:
        """Clip values to the support, without the widened margin."""
        return value if self.support is None else value.clamp(*self.support)

    def _unbound(self, value: Tensor) -> Tensor:
        if self.link == "identity" or self.support is None:
            return value
        low, high = self.support
        above = value - (low - self.margin)
        if self.link == "log":
            return above.clamp_min(1e-12).log()
        return torch.logit(above / (high - low + 2 * self.margin), eps=1e-7)
