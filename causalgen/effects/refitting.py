"""Attribute mechanisms refitted to resampled rows, starting from their fitted weights: a fitted model's bootstrap."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import DataError, DivergenceError
from ..mechanisms import Mechanism
from ..scm import StructuralCausalModel

__all__ = ["Refitting"]

SETTLING = 100
ROUNDING = 1e-5


class Refitting:
    """Refits the mechanisms between treatment and outcome any number of times; the end of the block restores them.

    A mechanism without trainable weights is refitted in closed form. Any other first converges on all rows, and every
    refit then takes a few L-BFGS iterations from there with the curvature learned while settling: refits differ by the
    resample, not by the randomness of training. A refit that diverges raises `DivergenceError`; the next one starts
    from scratch.

    Args:
        model: Attributes only.
        values: `(rows,)` of every node.
        treatment: Its mechanism is unused under do(treatment).
        outcome: Only its ancestors under do(treatment) are refitted.
        iterations: L-BFGS iterations of every refit; settling takes `SETTLING`.
    """

    def __init__(
        self, model: StructuralCausalModel, values: Mapping[str, Tensor], treatment: str, outcome: str, iterations: int
    ) -> None:
        self.model, self.values, self.iterations = model, dict(values), iterations
        acting = {outcome, *model.graph.do([treatment]).ancestors(outcome)} - {treatment}
        self.nodes = model.graph.select(acting)
        self._memories: dict[str, dict[str, Any]] = {}

    def __enter__(self) -> "Refitting":
        self._start = self._settled = self._weights()
        return self

    def __exit__(self, *_: object) -> None:
        self.model.load_state_dict(self._start)
        self.model.zero_grad(set_to_none=True)

    def settle(self, counts: NDArray[np.int64]) -> None:
        """Train the mechanisms to convergence on the rows, each counted `counts` times; refits start there.

        Raises:
            DataError: A mechanism diverges on these rows.
        """
        try:
            self._run(counts, SETTLING)
        except DivergenceError as error:
            raise DataError(
                f"Expected mechanisms that can be refitted to the rows they were fitted on; {error} Train it longer, or "
                "choose another mechanism."
            ) from None
        self._settled = self._weights()

    def __call__(self, counts: NDArray[np.int64]) -> None:
        """Refit to the rows, each counted `counts` times.

        Raises:
            DivergenceError: A mechanism diverges.
        """
        self.model.load_state_dict(self._settled)
        memories = self._memories
        self._run(counts, self.iterations)
        self._memories = memories

    def _weights(self) -> dict[str, Tensor]:
        return {key: value.clone() for key, value in self.model.state_dict().items()}

    def _run(self, counts: NDArray[np.int64], iterations: int) -> None:
        rows, weights = torch.from_numpy(np.flatnonzero(counts)), torch.from_numpy(counts[counts > 0])
        learned = {}
        for name in self.nodes:
            mechanism = self.model.mechanisms[name]
            value = self.values[name][rows]
            parents = {parent: self.values[parent][rows] for parent in mechanism.parents}
            if mechanism.parameter_groups():
                found = _descend(mechanism, value, parents, weights, iterations, self._memories.get(name))
                if found is None:
                    raise DivergenceError(f"the mechanism of '{name}' diverges.")
                learned[name] = found
            else:
                again = {parent: tensor.repeat_interleave(weights) for parent, tensor in parents.items()}
                with torch.no_grad():
                    mechanism.initialize(value.repeat_interleave(weights), again)
        self._memories = learned


def _descend(
    mechanism: Mechanism,
    value: Tensor,
    parents: Mapping[str, Tensor],
    weights: Tensor,
    iterations: int,
    memory: dict[str, Any] | None,
) -> dict[str, Any] | None:
    """Minimise the weighted losses; returns L-BFGS's memory of the curvature, from which another descent may start.

    If the losses do not fall, it returns None and restores the weights.
    """
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

    state = optimizer.state[parameters[0]]
    before = [parameter.detach().clone() for parameter in parameters]
    first = float(closure().detach())
    if memory is not None:  # the last gradient is this loss's own, so that no false curvature pair is added
        state.update({key: list(entry) if isinstance(entry, list) else entry for key, entry in memory.items()})
        state["prev_loss"] = first
        state["prev_flat_grad"] = torch.cat([p.grad.flatten() for p in parameters if p.grad is not None])
    try:
        optimizer.step(closure)
        last = float(closure().detach())
    except (ArithmeticError, RuntimeError, ValueError):  # non-finite weights, which distributions refuse
        last = np.nan
    if not last <= first + ROUNDING * max(1.0, abs(first)):
        with torch.no_grad():
            for parameter, weight in zip(parameters, before, strict=True):
                parameter.copy_(weight)
        # a step with another descent's curvature may leave the basin for good: repeat without it
        return None if memory is None else _descend(mechanism, value, parents, weights, iterations, None)
    return dict(state)
