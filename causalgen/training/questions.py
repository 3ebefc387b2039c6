"""The counterfactual queries of fine-tuning."""

import warnings
from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import SupportWarning
from ..scm import StructuralCausalModel, attribute_model
from ..typing import Values

__all__ = ["Questions", "ask_at_random"]


@dataclass(frozen=True)
class Questions:
    """One question for each unit.

    Args:
        image: Factual images `(B, C, H, W)`.
        factual: Attributes `(B,)` by name.
        asked: The attributes of the counterfactual world, including descendants of the intervened node.
        inside: Whether the image's parents stay within the joint support of training, bool `(B,)`.
    """

    image: Tensor
    factual: dict[str, Tensor]
    asked: dict[str, Tensor]
    inside: Tensor

    def __len__(self) -> int:
        return len(self.image)

    def __getitem__(self, units: Tensor) -> "Questions":
        factual, asked = ({name: value[units] for name, value in world.items()} for world in (self.factual, self.asked))
        return Questions(self.image[units], factual, asked, self.inside[units])


@torch.no_grad()
def ask_at_random(scm: StructuralCausalModel, values: Values, *, image: str, causes: list[str]) -> Questions:
    """For every unit, the attributes under do(a random cause = another unit's value).

    Args:
        scm: The model; its mechanisms give the counterfactual attributes.
        values: Observed units, `(B, ...)` by node.
        image: Name of the image node.
        causes: Nodes that are set, one a unit, equally often.
    """
    attributes = attribute_model(scm)
    count, device = len(values[image]), values[image].device
    factual = {name: values[name] for name in attributes.graph.nodes}
    posterior = attributes.abduct(factual)
    asked = {name: tensor.clone() for name, tensor in factual.items()}
    for units, node in zip(torch.randperm(count, device=device).chunk(len(causes)), causes):
        donors = values[node][torch.randperm(count, device=device)]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SupportWarning)
            world = posterior.counterfactual({node: donors})
        for name in factual:
            asked[name][units] = world[name][units].to(asked[name].dtype)
    inside = scm.supports[image]({name: asked[name] for name in scm.graph.parents(image)}, count)
    return Questions(values[image], factual, asked, inside)
