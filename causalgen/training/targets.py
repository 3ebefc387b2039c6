"""Targets of fine-tuning for counterfactual images: one random intervention for each unit."""

import warnings
from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import SupportWarning
from ..scm import StructuralCausalModel, attribute_model
from ..typing import Values

__all__ = ["Targets", "random_targets"]


@dataclass(frozen=True)
class Targets:
    """Units, and the attributes that their counterfactual images should show.

    Args:
        image: Factual images `(B, C, H, W)`.
        factual: Attributes `(B,)` by name.
        wanted: The attributes of the counterfactual world, including descendants of the intervened node.
        inside: Whether the image's parents stay within the joint support of training, bool `(B,)`.
    """

    image: Tensor
    factual: dict[str, Tensor]
    wanted: dict[str, Tensor]
    inside: Tensor

    def __len__(self) -> int:
        return len(self.image)

    def __getitem__(self, units: Tensor) -> "Targets":
        factual, wanted = (
            {name: value[units] for name, value in world.items()} for world in (self.factual, self.wanted)
        )
        return Targets(self.image[units], factual, wanted, self.inside[units])


@torch.no_grad()
def random_targets(scm: StructuralCausalModel, values: Values, *, image: str, causes: list[str]) -> Targets:
    """Compute, for every unit, the attributes under do(a random cause = another unit's value).

    Args:
        scm: The model; its mechanisms give the counterfactual attributes.
        values: Observed units, `(B, ...)` by node.
        image: Name of the image node.
        causes: Nodes that are set, one per unit, equally often.
    """
    attributes = attribute_model(scm)
    count, device = len(values[image]), values[image].device
    factual = {name: values[name] for name in attributes.graph.nodes}
    posterior = attributes.abduct(factual)
    wanted = {name: tensor.clone() for name, tensor in factual.items()}
    for units, node in zip(torch.randperm(count, device=device).chunk(len(causes)), causes):
        donors = values[node][torch.randperm(count, device=device)]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SupportWarning)
            world = posterior.counterfactual({node: donors})
        for name in factual:
            wanted[name][units] = world[name][units].to(wanted[name].dtype)
    inside = scm.supports[image]({name: wanted[name] for name in scm.graph.parents(image)}, count)
    return Targets(values[image], factual, wanted, inside)
