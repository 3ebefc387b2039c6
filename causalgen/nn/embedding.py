"""Compositional embedding of parents: unseen combinations consist of parts that were seen."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ..graph import Variable
from ..typing import Values
from .features import Features
from .mlp import mlp

__all__ = ["ParentEmbedding"]


class ParentEmbedding(nn.Module):
    """Sum of one embedding for each variable, `(B, width)`.

    An intervention can combine values that never occur together in training. A joint network of all values is
    unconstrained there; a sum is not.

    Args:
        variables: Variables by name.
        width: Width of the embedding.
        droppable: Learn a replacement for each absent variable, for `keep`.
    """

    def __init__(self, variables: Mapping[str, Variable], width: int, *, droppable: bool = False) -> None:
        super().__init__()
        self.names = tuple(variables)
        parts = [Features({name: variable}) for name, variable in variables.items()]
        self.features = nn.ModuleList(parts)
        self.embeddings = nn.ModuleList(mlp(part.width, width, (width,)) for part in parts)
        # Without parents the constant is the whole embedding; zero would leave modulated layers without a gradient.
        self.constant = nn.Parameter(0.1 * torch.randn(1, width))
        self.absent = nn.Parameter(torch.zeros(len(self.names), width)) if droppable and self.names else None

    def fit(self, values: Values) -> None:
        """Fit the scalers to training values."""
        for part in self.features:
            part.fit(values)  # type: ignore[operator]

    def forward(self, values: Values, batch: int, *, keep: Tensor | None = None) -> Tensor:
        """Embedding of `batch` units.

        Args:
            values: Parents `(B, ...)`, natural units.
            batch: Number of units, for a mechanism without parents.
            keep: Bool `(B, variables)` or `(1, variables)`: which variables are not treated as absent.
        """
        total = self.constant
        for i, (features, embedding) in enumerate(zip(self.features, self.embeddings)):
            part = embedding(features(values))
            if keep is not None:
                assert self.absent is not None
                part = torch.where(keep[:, i, None], part, self.absent[i])
            total = total + part
        return total.expand(batch, -1)
