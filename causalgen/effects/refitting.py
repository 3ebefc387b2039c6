"""Attribute mechanisms refitted to resampled rows, from where they stand: the bootstrap of a fitted model."""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import DataError
from ..mechanisms import Mechanism
from ..scm import StructuralCausalModel

__all__ = ["Refitting", "ancestral_model"]


def ancestral_model(scm: StructuralCausalModel, treatment: str, outcome: str) -> StructuralCausalModel:
    """The part of a model that decides treatment and outcome; mechanisms are shared.

    Raises:
        DataError: An image is part of it.
    """
    graph = scm.graph
    kept = graph.select({treatment, outcome, *graph.ancestors(treatment), *graph.ancestors(outcome)})
    images = [name for name in kept if graph[name].is_image]
    if images:
        raise DataError(
            f"Expected treatment and outcome that depend on attributes only; got the image {', '.join(images)} among "
            "their causes, whose mechanism is not refitted here."
        )
    return StructuralCausalModel(graph.project(kept), {name: scm.mechanisms[name] for name in kept})


class Refitting:
    """Refits the mechanisms between treatment and outcome, any number of times; leaving the block undoes it.

    A mechanism without trainable weights is fitted anew in closed form. Any other takes a few L-BFGS iterations on all
    resampled rows from its present weights, so that refits differ by the resample and not by the luck of training.

    Args:
        model: Attributes only.
        values: `(rows,)` of every node.
        treatment: Its mechanism plays no part under do(treatment).
        outcome: Only its ancestors under do(treatment) are refitted.
        iterations: L-BFGS iterations.
    """

    def __init__(
        self, model: StructuralCausalModel, values: Mapping[str, Tensor], treatment: str, outcome: str, iterations: int
    ) -> None:
        self.model, self.values, self.iterations = model, dict(values), iterations
        acting = {outcome, *model.graph.do([treatment]).ancestors(outcome)} - {treatment}
        self.nodes = model.graph.select(acting)

    def __enter__(self) -> "Refitting":
        self._start = {key: value.clone() for key, value in self.model.state_dict().items()}
        return self

    def __exit__(self, *_: object) -> None:
        self.model.load_state_dict(self._start)
        self.model.zero_grad(set_to_none=True)

    def __call__(self, counts: NDArray[np.int64]) -> None:
        """Refit to the rows, each counted `counts` times."""
        self.model.load_state_dict(self._start)
        rows = torch.from_numpy(np.flatnonzero(counts))
        weights = torch.from_numpy(counts[counts > 0])
        for name in self.nodes:
            mechanism = self.model.mechanisms[name]
            value = self.values[name][rows]
            parents = {parent: self.values[parent][rows] for parent in mechanism.parents}
            if mechanism.parameter_groups():
                _descend(mechanism, value, parents, weights, self.iterations)
            else:
                again = {parent: tensor.repeat_interleave(weights) for parent, tensor in parents.items()}
                with torch.no_grad():
                    mechanism.initialize(value.repeat_interleave(weights), again)


def _descend(
    mechanism: Mechanism, value: Tensor, parents: Mapping[str, Tensor], weights: Tensor, iterations: int
) -> None:
    groups = mechanism.parameter_groups()
    parameters = list({id(p): p for group in groups.values() for p in group}.values())
    optimizer = torch.optim.LBFGS(parameters, max_iter=iterations, line_search_fn="strong_wolfe")
    shares = weights.to(mechanism.device_and_dtype()[1]) / weights.sum()

    def closure() -> Tensor:
        optimizer.zero_grad()
        losses = mechanism.objectives(value, dict(parents), 1.0)
        loss = torch.stack([shares @ losses[name] for name in groups]).sum()
        loss.backward()
        return loss

    optimizer.step(closure)
