"""Checks that exported graphs give the model's answers."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import ExportError, SupportWarning
from ..graph import Variable
from ..mechanisms import Abductive
from ..nn import seeded
from ..scm import Posterior, StructuralCausalModel
from ..scm.given_draws import noise_from
from ..scm.values import as_values
from .graph_files import Runner
from .runtime_graphs import SUPPORTED, AbductGraph, PredictGraph

__all__ = ["MOST", "ExportAgreement", "Graphs", "agreement", "check_units", "random_numbers"]

MOST = 1e-4
"""Maximum difference between an export and the model, as a share of the variable's range."""
UNITS = 16
"""Number of units that the model draws for the check."""
LEAST_AGREEING = 0.99
"""Minimum share of equal support flags: a unit exactly at the edge of the support may round to either side."""


@dataclass(frozen=True)
class Graphs:
    """The two written graphs.

    Args:
        abduct: The graph of abduction.
        predict: The graph of prediction.
        run_abduct: Runs the file of abduction.
        run_predict: Runs the file of prediction.
        files: The files, "abduct" and "predict".
    """

    abduct: AbductGraph
    predict: PredictGraph
    run_abduct: Runner
    run_predict: Runner
    files: dict[str, Path]

    def counterfactual(
        self,
        factual: Mapping[str, Tensor],
        do: Mapping[str, Tensor],
        random: Mapping[str, Tensor],
        *,
        chosen: Tensor | None = None,
    ) -> dict[str, NDArray]:
        """Return counterfactuals from the files, by node, and `supported`.

        Args:
            factual: Observed values `(B, ...)` by node.
            do: Values `(B,)` by node.
            random: What abduction draws from, by node.
            chosen: Units `(B,)` on which the interventions act; None for all.
        """
        arrays = self.arrays(factual, do, random, chosen=chosen)
        return {name.removeprefix("counterfactual."): array for name, array in self.run_predict(arrays).items()}

    def arrays(
        self,
        factual: Mapping[str, Tensor],
        do: Mapping[str, Tensor],
        random: Mapping[str, Tensor],
        *,
        chosen: Tensor | None = None,
    ) -> dict[str, NDArray]:
        """Return the inputs of both graphs, with noise from the abduction file; arguments as in `counterfactual`."""
        units = len(next(iter(factual.values())))
        chosen = torch.ones(units, dtype=torch.bool) if chosen is None else chosen
        given = {f"factual.{name}": value for name, value in factual.items()}
        given |= {f"random.{name}": value for name, value in random.items()}
        given |= {f"do.{name}": do.get(name, factual[name]) for name in self.predict.settable}
        given |= {f"set.{name}": chosen & (name in do) for name in self.predict.settable}
        arrays = {name: _array(value) for name, value in given.items()}
        return arrays | self.run_abduct(arrays)


@dataclass(frozen=True)
class ExportAgreement:
    """Largest differences between the answers of an export and the model's.

    Args:
        difference: By node, as a share of its range; of discrete nodes, the share of other labels.
        same_support: Share of units with the model's support flag.
        units: Number of units compared.
        queries: Number of interventions compared.
    """

    difference: dict[str, float]
    same_support: float
    units: int
    queries: int

    def refuse_difference(self) -> None:
        """Raise `ExportError` if an answer differs by more than `MOST`."""
        wrong = {name: value for name, value in self.difference.items() if not value <= MOST}
        if wrong:
            shown = ", ".join(f"'{name}' by {value:.2g} of its range" for name, value in wrong.items())
            raise ExportError(
                f"Expected an export within {MOST:g} of the range of every variable; it differs from the model in {shown}. "
                "Nothing was written. Try the other format, and report this."
            )
        if self.same_support < LEAST_AGREEING:
            raise ExportError(
                f"Expected the support flags of the model; the export has others for {1 - self.same_support:.1%} of the units. "
                "Nothing was written. Report this."
            )


def check_units(scm: StructuralCausalModel, factual: Mapping[str, Any] | None, seed: int) -> dict[str, Tensor]:
    """Return complete units on the CPU: the given ones, or units that the model draws."""
    units: Mapping[str, Any] = scm.sample(UNITS, seed=seed) if factual is None else factual
    return {name: value.cpu() for name, value in as_values(scm.graph, dict(units), scm.like).items()}


@torch.no_grad()
def agreement(scm: StructuralCausalModel, graphs: Graphs, factual: Mapping[str, Tensor], seed: int) -> ExportAgreement:
    """Compare an export with the model: every attribute is set to the value of another unit, alone and all together."""
    units = len(next(iter(factual.values())))
    posterior, random = _abducted(scm, factual, graphs.abduct.random, seed)
    chosen = torch.arange(units) % 4 != 3  # the other nodes have to keep their factual values
    moved = {name: factual[name].roll(1) for name in graphs.predict.settable}
    queries = [{name: value} for name, value in moved.items()] + ([moved] if len(moved) > 1 else [])
    largest = dict.fromkeys(scm.graph.nodes, 0.0)
    same = []
    for do in queries:
        expected = _quietly(posterior, do)
        found = graphs.counterfactual(factual, do, random, chosen=chosen)
        for name in scm.graph.nodes:
            wanted = expected[name].cpu()
            wanted[~chosen] = factual[name][~chosen]
            largest[name] = max(largest[name], _difference(scm.graph[name], found[name], wanted, factual[name]))
        same.append(found[SUPPORTED] == _array(expected.supported.cpu() | ~chosen))
    return ExportAgreement(largest, float(np.mean(same)) if same else 1.0, units, len(queries))


def random_numbers(scm: StructuralCausalModel, names: tuple[str, ...], units: int) -> dict[str, Tensor]:
    """What abduction draws from, by node."""
    drawn = {}
    for name in names:
        mechanism = scm.mechanisms[name]
        assert isinstance(mechanism, Abductive)
        drawn[name] = mechanism.fresh(units)
    return drawn


def _abducted(
    scm: StructuralCausalModel, factual: Mapping[str, Tensor], drawing: tuple[str, ...], seed: int
) -> tuple[Posterior, dict[str, Tensor]]:
    """Return the model's posterior, and the random numbers from which it was drawn."""
    own = {name: value.to(scm.like.device) for name, value in factual.items()}
    units = len(next(iter(factual.values())))
    with seeded(seed, scm.like.device):
        random = random_numbers(scm, drawing, units)
        return Posterior(scm, own, noise_from(scm, own, random), None), random


def _quietly(posterior: Posterior, do: Mapping[str, Any]) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SupportWarning)
        return posterior.counterfactual(do)


def _difference(variable: Variable, found: NDArray, wanted: Tensor, factual: Tensor) -> float:
    expected = _array(wanted)
    if variable.is_discrete:
        return float((found != expected).mean())
    low, high = variable.support or (-np.inf, np.inf)
    if not np.isfinite(high - low):
        both = np.concatenate([expected.ravel(), _array(factual).ravel()])
        low, high = float(both.min()), float(both.max())
    return float(np.abs(found - expected).max() / max(high - low, 1e-12))


def _array(tensor: Tensor) -> NDArray:
    return np.ascontiguousarray((tensor.float() if tensor.is_floating_point() else tensor).detach().cpu().numpy())
