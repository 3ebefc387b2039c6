"""A model in which one node of labels is binary: it has one of some labels, or not."""

import torch
from torch import Tensor
from torch.distributions import Distribution

from ..grammar.outcome_labels import OutcomeLabels
from ..graph import CausalGraph
from ..mechanisms import Mechanism
from ..typing import Noise, Values
from .model import StructuralCausalModel

__all__ = ["label_model"]


def label_model(scm: StructuralCausalModel, asked: OutcomeLabels) -> StructuralCausalModel:
    """The same mechanisms, with the node as 1 where its mechanism assigns one of the labels; without what it acts on.

    The result samples and intervenes. It abducts no noise of the node, since several labels are one value now.
    """
    graph = asked.graph(scm.graph)
    mechanisms: dict[str, Mechanism] = {node: scm.mechanisms[node] for node in graph.nodes}
    mechanisms[asked.name] = _HasLabel(mechanisms[asked.name], graph, asked)
    model = StructuralCausalModel(graph, mechanisms)
    for node, support in model.supports.items():
        support.load_state_dict(scm.supports[node].state_dict())
    return model


class _HasLabel(Mechanism):
    """Whether another mechanism assigns one of some labels; the noise is that mechanism's."""

    kinds = ("binary",)

    codes: Tensor

    def __init__(self, assigned: Mechanism, graph: CausalGraph, asked: OutcomeLabels) -> None:
        super().__init__(graph[asked.name], {parent: graph[parent] for parent in graph.parents(asked.name)})
        self.assigned = assigned
        self.register_buffer("codes", torch.tensor(sorted(asked.codes)))

    @property
    def fitted(self) -> bool:
        return self.assigned.fitted

    def noise(self, batch_shape: tuple[int, ...] = ()) -> dict[str, Distribution]:
        return self.assigned.noise(batch_shape)

    def forward(self, noise: Noise, parents: Values, *, changed: frozenset[str] = frozenset()) -> Tensor:
        return torch.isin(self.assigned(noise, parents, changed=changed), self.codes).long()
