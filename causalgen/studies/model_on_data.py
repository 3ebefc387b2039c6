"""A fitted model together with its data: everything that the steps after the fit need."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..datasets import Dataset
from ..datasets.labels import RowLabels
from ..errors import DataError, InterventionWarning, SupportError, SupportWarning, warn
from ..graph import CausalGraph
from ..scm import Counterfactual, StructuralCausalModel

__all__ = ["ModelOnData", "true_counterfactual"]


@dataclass(frozen=True)
class ModelOnData:
    """A fitted model and its data.

    Args:
        scm: The model.
        data: The data, of the model's graph.
        seed: Seed of chosen units and drawn noise.
    """

    scm: StructuralCausalModel
    data: Dataset
    seed: int

    @property
    def graph(self) -> CausalGraph:
        """The graph of both."""
        return self.data.graph

    @property
    def image(self) -> str:
        """The first image of the graph, on which attributes are measured."""
        return self.graph.images[0]

    def test_rows(self, count: int) -> RowLabels:
        """At most `count` rows of the test split, drawn by the seed."""
        test = self.data.split["test"]
        order = torch.randperm(len(test), generator=torch.Generator().manual_seed(self.seed))
        return test[order[:count].numpy()]

    def counterfactual(self, rows: Any, do: Mapping[str, Any]) -> Counterfactual:
        """Counterfactuals of rows under `do`; units outside the joint support are flagged without a warning."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SupportWarning)
            return self.scm.counterfactual(self.data.rows(rows), do, seed=self.seed)

    def answerable(self, rows: RowLabels, do: Mapping[str, Any]) -> RowLabels:
        """The rows for which every shift and expression in `do` has a value; the others are left out with a warning."""
        if not any(callable(what) for what in do.values()):
            return rows
        kept: list[int] = []
        reason = ""
        for place, row in enumerate(rows.tolist()):
            try:
                self.counterfactual([row], do)
                kept.append(place)
            except (DataError, SupportError) as error:
                reason = str(error)
        if reason:
            missing = len(rows) - len(kept)
            warn(f"A grid leaves out {missing} of {len(rows)} units. {reason}", InterventionWarning)
        return rows[kept]


def true_counterfactual(data: Dataset, rows: Any, do: Mapping[str, Any]) -> dict[str, Tensor] | None:
    """The true counterfactual; None where the generator is unknown or has no answer.

    Shifts and expressions act on each unit's true value and parents under the generator.
    """
    if data.truth is None:
        return None
    values: dict[str, Any] = {}
    try:
        for name in (node for node in data.graph.nodes if node in do):
            values[name] = do[name]
            if callable(do[name]):
                world = data.truth.counterfactual(rows, {n: v for n, v in values.items() if n != name})
                values[name] = do[name](world[name], {parent: world[parent] for parent in data.graph.parents(name)})
        return data.truth.counterfactual(rows, values)
    except (DataError, SupportError):
        return None
