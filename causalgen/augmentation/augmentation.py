"""Which counterfactuals an augmentation makes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ..datasets import Dataset
from ..errors import DataError
from ..grammar import is_shuffle
from ..graph import CausalGraph
from ..mechanisms import Mechanism
from ..scm.interventions import check_interventions, describe
from ..scm.values import as_tensor

__all__ = ["SPLITS", "Augmentation"]

SPLITS = ("train", "validation")
"""Splits that are augmented by default: test images are not."""


@dataclass(frozen=True)
class Augmentation:
    """Which counterfactuals an augmentation makes.

    Args:
        do: Interventions by node, as for `Posterior.counterfactual`; "shuffle" sets the value of another unit of the same
            split, from another group where there are several. Nodes that are shuffled together come from one unit.
        per_unit: Counterfactuals of each unit; more than one only if shuffling or a stochastic intervention makes them
            differ.
        splits: Splits whose units are augmented.
        within_support: Whether counterfactuals outside the joint support of training are left out.
        originals: Whether the observed units are included.
        seed: Seed of the shuffling and of all noise.
    """

    do: Mapping[str, Any]
    per_unit: int = 1
    splits: tuple[str, ...] = SPLITS
    within_support: bool = False
    originals: bool = True
    seed: int = 0

    def shuffled(self, graph: CausalGraph) -> tuple[str, ...]:
        """Return the nodes that get the value of another unit, in the order of the graph."""
        return tuple(name for name in graph.nodes if name in self.do and is_shuffle(graph, name, self.do[name]))

    def fixed(self, graph: CausalGraph) -> dict[str, Any]:
        """Return the other interventions, with texts parsed.

        Raises:
            DataError, GraphError, SupportError, UnknownNameError: As `Posterior.counterfactual`.
        """
        shuffled = self.shuffled(graph)
        return check_interventions(graph, {name: what for name, what in self.do.items() if name not in shuffled})

    def describe(self, graph: CausalGraph) -> str:
        """The interventions as text, such as "do(thickness = shuffle, pen = felt-tip)"."""
        shuffled, fixed = self.shuffled(graph), self.fixed(graph)
        words = {name: f"{name} = shuffle" for name in shuffled}
        words |= {name: describe(graph[name], what) for name, what in fixed.items()}
        return f"do({', '.join(words[name] for name in graph.nodes if name in words)})"

    def check(self, data: Dataset) -> None:
        """Raise unless these counterfactuals of `data` can be made.

        Raises:
            DataError: No intervention, an image, an unknown label or one value per unit among them, fewer than one
                counterfactual per unit, several that would be equal, or a graph without images.
            SupportError: A value outside its variable's support.
            UnknownNameError: A node or split does not exist.
        """
        graph = data.graph
        for name in self.do:
            graph.require(name)
        if not self.do:
            raise DataError("Expected an intervention, such as thickness=shuffle; got none.")
        if not graph.images:
            raise DataError("Expected a graph with an image to augment; got attributes only.")
        fixed, shuffled = self.fixed(graph), self.shuffled(graph)
        for name, what in fixed.items():
            if graph[name].is_image:
                raise DataError(f"Expected attributes to set; got the image '{name}'. Intervene on its parents.")
            if not callable(what):
                if np.ndim(what):
                    raise DataError(
                        f"Expected one value of '{name}' for all units, a function or 'shuffle'; got one value per unit, "
                        "and splits differ in their units."
                    )
                as_tensor(graph[name], what, torch.zeros(()))
        if self.per_unit < 1:
            raise DataError(f"Expected at least one counterfactual per unit; got {self.per_unit}.")
        if self.per_unit > 1 and not shuffled and not any(isinstance(what, Mechanism) for what in fixed.values()):
            raise DataError(
                f"Expected one counterfactual per unit under {self.describe(graph)}, which gives the same one each time; got "
                f"{self.per_unit}. Shuffle an attribute, or ask for one."
            )
        if not self.splits or len(set(self.splits)) < len(self.splits):
            raise DataError(f"Expected splits, each once; got {', '.join(self.splits) or 'none'}.")
        for split in self.splits:
            data.part(split)
