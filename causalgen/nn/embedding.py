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
    """Sum of one embedding for each variable, `(B, width)`, or one token for each.

    An intervention can combine values that never occur together in training. A joint network of all values is
    unconstrained there; a sum is not.

    Args:
        variables: Variables by name.
        width: Width of the embedding.
        droppable: Learn a replacement for each absent variable, for `keep`.
        tokens: Return the embeddings as tokens instead of their sum: a constant one, then one for each variable.
    """

    def __init__(
        self, variables: Mapping[str, Variable], width: int, *, droppable: bool = False, tokens: bool = False
    ) -> None:
        super().__init__()
        self.tokens = tokens
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
        """Embedding of `batch` units, `(batch, width)`, or `(batch, 1 + variables, width)` with tokens.

        Args:
            values: Parents `(B, ...)`, natural units.
            batch: Number of units, for a mechanism without parents.
            keep: Bool `(B, variables)` or `(1, variables)`: which variables are not treated as absent.
        """
        parts = [self.constant]
        for i, (features, embedding) in enumerate(zip(self.features, self.embeddings)):
            part = embedding(features(values))
            if keep is not None:
                assert self.absent is not None
                part = torch.where(keep[:, i, None], part, self.absent[i])
            parts.append(part)
        if self.tokens:
            return torch.stack([part.expand(batch, -1) for part in parts], dim=1)
        return sum(parts[1:], parts[0]).expand(batch, -1)
