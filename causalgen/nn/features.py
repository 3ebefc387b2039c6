"""Turns the values of any mix of variables into one feature vector for a network."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ..graph import Variable
from ..typing import Values
from .conv import CONVOLUTIONS
from .mlp import mlp
from .scaling import Standardiser

__all__ = ["Features"]

IMAGE_FEATURES = 32


class Features(nn.Module):
    """Features `(B, width)` of the variables in `variables`, in their order.

    Continuous variables are standardised, discrete ones one-hot encoded, ordinal ones given as equally spaced scores
    in addition to the one-hot code, and images summarised by a small convolutional network that trains with its user.

    Args:
        variables: Variables by name.
    """

    constant: Tensor

    def __init__(self, variables: Mapping[str, Variable]) -> None:
        super().__init__()
        self.variables = dict(variables)
        self.scalers = nn.ModuleDict(
            {_key(i): Standardiser() for i, v in enumerate(self.variables.values()) if v.kind == "continuous"}
        )
        self.summaries = nn.ModuleDict(
            {
                _key(i): _summary(v.shape[0], len(v.shape) - 1)
                for i, v in enumerate(self.variables.values())
                if v.is_image
            }
        )
        self.width = sum(_width(v) for v in self.variables.values()) or 1
        self.register_buffer("constant", torch.ones(1, 1))

    def fit(self, values: Values) -> None:
        """Fit the scalers to training values."""
        for i, name in enumerate(self.variables):
            if _key(i) in self.scalers:
                scaler = self.scalers[_key(i)]
                assert isinstance(scaler, Standardiser)
                scaler.fit(values[name])

    def forward(self, values: Values) -> Tensor:
        """Features `(B, width)`; without variables a single one, `(1, 1)`, that broadcasts."""
        parts = [self._one(i, v, values[v.name]) for i, v in enumerate(self.variables.values())]
        return torch.cat(parts, dim=-1) if parts else self.constant

    def _one(self, i: int, variable: Variable, value: Tensor) -> Tensor:
        if variable.is_image:
            low, high = variable.support or (0.0, 255.0)
            return self.summaries[_key(i)]((value - low) / (high - low))
        if variable.kind == "continuous":
            return self.scalers[_key(i)](value)[:, None]
        count = len(variable.labels or ())
        dtype = self.constant.dtype
        if variable.kind == "binary":
            return value.to(dtype)[:, None] * 2 - 1
        code = torch.eye(count, dtype=dtype, device=value.device)[
            value.long()
        ]  # one_hot looks at values, so vmap lacks it
        if variable.kind == "ordinal":
            score = value.to(dtype)[:, None] / (count - 1) * 2 - 1
            code = torch.cat([code, score], dim=-1)
        return code


def _key(i: int) -> str:
    return f"parent{i}"  # a module name must not contain a dot, the name of a variable may


def _width(variable: Variable) -> int:
    if variable.is_image:
        return IMAGE_FEATURES
    if variable.kind in ("continuous", "binary"):
        return 1
    return len(variable.labels or ()) + (variable.kind == "ordinal")


def _summary(channels: int, dimensions: int) -> nn.Module:
    conv, pool = CONVOLUTIONS[dimensions], {2: nn.AdaptiveAvgPool2d, 3: nn.AdaptiveAvgPool3d}[dimensions]
    return nn.Sequential(
        conv(channels, 16, 3, stride=2, padding=1),
        nn.SiLU(),
        conv(16, 32, 3, stride=2, padding=1),
        nn.SiLU(),
        pool(4),
        nn.Flatten(),
        mlp(32 * 4**dimensions, IMAGE_FEATURES, ()),
    )
