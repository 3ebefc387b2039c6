"""Draws units given evidence: observationally as completions of one unit, under `do` by importance weighting."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import networkx as nx
import torch
from torch import Tensor

from ..errors import EvidenceWarning, SupportError, warn
from ..mechanisms import Density
from .completion import HiddenGroup, complete, heat_of
from .evidence import read_evidence
from .interventions import world_graph
from .tempering import tempered_images

if TYPE_CHECKING:
    from .model import StructuralCausalModel

__all__ = ["sample_given"]


def sample_given(
    scm: "StructuralCausalModel", n: int, do: Mapping[str, Any], evidence: Mapping[str, Any]
) -> tuple[dict[str, Tensor], float]:
    """Values `(n, ...)` of the evidence and at least its ancestors in the world under `do`, and the effective sample size.

    Raises:
        NotObservableError: Evidence on a node whose mechanism has no likelihood.
        SupportError: The model cannot produce the evidence.
    """
    return _weighted(scm, n, do, evidence) if do else _completed(scm, n, evidence)


def _completed(scm: "StructuralCausalModel", n: int, evidence: Mapping[str, Any]) -> tuple[dict[str, Tensor], float]:
    """Draws of all other values of one unit for which the evidence is known."""
    known = {name: scm.tensor(name, observed) for name, observed in evidence.items()}
    for name, observed in known.items():  # weights are needed only if something is missing
        mechanism, parents = scm.mechanisms[name], scm.graph.parents(name)
        if isinstance(mechanism, Density) and all(parent in known for parent in parents):
            density = scm.log_likelihood(name, observed, {parent: known[parent] for parent in parents})
            if not torch.isfinite(density).all():
                raise SupportError(
                    f"Expected evidence that the model can produce; got a value of {name} that has probability 0. "
                    "Check the value."
                )
    done = complete(scm, read_evidence(scm.graph, known, scm.like), n)
    return done.values, float(done.effective[0])


def _weighted(
    scm: "StructuralCausalModel", n: int, do: Mapping[str, Any], evidence: Mapping[str, Any]
) -> tuple[dict[str, Tensor], float]:
    """Draws of the evidence and its ancestors, resampled by likelihood, and the effective sample size."""
    world = world_graph(scm.graph, do)
    proposals = 10 * n
    values: dict[str, Tensor] = {}
    log_weight = scm.like.new_zeros(proposals)
    ancestors = set(evidence).union(*(nx.ancestors(world, name) for name in evidence))
    drawn = tuple(name for name in world if name in ancestors and name not in evidence and name not in do)
    heat, images = heat_of(scm, HiddenGroup(drawn, tuple(evidence))), tempered_images(scm)
    for name in world:
        if name in evidence:
            values[name] = scm.tensor(name, evidence[name], count=proposals).expand(proposals, *scm.graph[name].shape)
            parents = {p: values[p] for p in scm.graph.parents(name)}
            found = scm.log_likelihood(name, values[name], parents)
            log_weight = log_weight + (found / heat.continuous if name in images else found)
        elif name in ancestors:
            values[name] = scm.draw(name, proposals, do, values)
    if not torch.isfinite(log_weight).any():
        raise SupportError(
            f"Expected evidence that the model can produce; got {', '.join(evidence)}, which none of {proposals} "
            "proposals makes possible. Check the values, or sample more units."
        )
    weight = torch.softmax(log_weight, dim=0)  # normalised in logs: likelihoods of images underflow
    size = float(1 / weight.square().sum())
    if size < n / 10:
        warn(
            f"The evidence {', '.join(evidence)} is rare under the model: {proposals} proposals have an effective "
            f"sample size of {size:.0f}. Sample more units.",
            EvidenceWarning,
        )
    chosen = torch.multinomial(weight, n, replacement=True)
    return {name: tensor[chosen] for name, tensor in values.items()}, size
