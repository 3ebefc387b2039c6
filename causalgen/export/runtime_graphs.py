r"""The two graphs that are exported: noise from observed units, and counterfactuals from that noise.

.. math:: u = \mathrm{abduct}(x, pa; r), \qquad x' = \mathrm{predict}(u, x, do)

Both map tensors with fixed names to tensors with fixed names, one row per unit. The random draws of abduction are an
input `r`, so that equal inputs give equal outputs in every runtime.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import ExportError
from ..graph import Variable
from ..mechanisms import Abduction, Abductive, Mechanism
from ..mechanisms.catalog import name_of
from ..scm import StructuralCausalModel
from ..scm.support import JointSupport
from ..typing import Values

__all__ = ["SUPPORTED", "AbductGraph", "Port", "PredictGraph", "check_exportable"]

SUPPORTED = "supported"


@dataclass(frozen=True)
class Port:
    """One input or output of an exported graph.

    Args:
        role: "factual", "random", "noise", "do", "set", "counterfactual" or "supported".
        node: The node; empty for `supported`.
        part: Name of a part of the noise.
        shape: Shape of one unit.
        dtype: Element type.
        law: For a random input, the distribution from which its numbers are drawn.
    """

    role: str
    node: str
    shape: tuple[int, ...] = ()
    dtype: torch.dtype = torch.float32
    part: str = ""
    law: str | None = None

    @property
    def name(self) -> str:
        """The fixed name, such as "factual.thickness" or "noise.image.z"."""
        return ".".join(filter(None, (self.role, self.node, self.part)))


def check_exportable(scm: StructuralCausalModel) -> None:
    """Raise an error for a model with a node that cannot be recomputed under an intervention in another runtime.

    Raises:
        ExportError: The message names the node, its mechanism, and one that exports.
    """
    if not _computed(scm):
        raise ExportError(
            f"Expected a graph with an arrow; got {scm.graph}, in which no intervention affects another node."
        )
    for name, mechanism in _computed(scm).items():
        reason = ""
        if not isinstance(mechanism, Abductive):
            reason = "which abducts no noise, so that it has no counterfactual to export"
        elif mechanism.guided:
            reason = "whose guidance depends on which parents differ, which a fixed graph cannot represent"
        elif mechanism.abduction is Abduction.POSTERIOR and mechanism.draws_from is None:
            reason = "which draws random noise without declaring its distribution (`draws_from`)"
        if reason:
            raise ExportError(
                f"Expected mechanisms that can be exported; '{name}' has '{name_of(mechanism)}', {reason}. {_remedy(mechanism)}"
            )


def _remedy(mechanism: Mechanism) -> str:
    word = {"image": "conv-vae", "continuous": "spline-flow", "ordinal": "ordinal"}.get(str(mechanism.variable.kind))
    word = word or "categorical"
    return f"Fit '{mechanism.variable.name}' with '{word}', which exports, or serve the model with causalgen itself."


class AbductGraph(nn.Module):
    """Noise of every node with parents, from observed units.

    Args:
        scm: A fitted model; the graph holds a copy in single precision on the CPU.
    """

    inputs: list[Port]
    outputs: list[Port]
    mechanisms: Any

    def __init__(self, scm: StructuralCausalModel) -> None:
        super().__init__()
        self.nodes = tuple(_computed(scm))
        self.mechanisms = _copies(scm, self.nodes)
        seen = {*self.nodes, *(parent for node in self.nodes for parent in scm.graph.parents(node))}
        self.observed = tuple(name for name in scm.graph.nodes if name in seen)
        self.random = tuple(n for n, m in zip(self.nodes, self.mechanisms) if m.draws_from is not None)
        self.inputs = [_port("factual", scm.graph[name]) for name in self.observed]
        for name in self.random:
            mechanism = scm.mechanisms[name]
            assert isinstance(mechanism, Abductive)
            self.inputs.append(Port("random", name, tuple(mechanism.fresh(1).shape[1:]), law=mechanism.draws_from))
        self.outputs = _noise_ports(scm, self.nodes)
        self.parts = _parts(self.outputs)

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """The tensors of `inputs`, `(B, ...)` each, to those of `outputs`."""
        values = dict(zip(self.observed, tensors))
        random = dict(zip(self.random, tensors[len(self.observed) :]))
        outputs: list[Tensor] = []
        for name, mechanism in zip(self.nodes, self.mechanisms):
            parents = {parent: values[parent] for parent in mechanism.parents}
            if name in random:
                noise = mechanism.abduct_from(random[name], values[name], parents)
            else:
                noise = mechanism.abduct(values[name], parents, draw=False)
            outputs += [noise[part] for part in self.parts[name]]
        return tuple(outputs)


class PredictGraph(nn.Module):
    """Counterfactual values of every node and their support flags, from factual values, noise and interventions.

    A node takes its `do` value if its `set` is true. Otherwise it is recomputed if an intervention changes a parent,
    and keeps its factual value bit for bit if not. Images cannot be set.

    Args:
        scm: A fitted model; the graph holds a copy in single precision on the CPU.
    """

    inputs: list[Port]
    outputs: list[Port]
    mechanisms: Any
    supports: Any

    def __init__(self, scm: StructuralCausalModel) -> None:
        super().__init__()
        self.names = scm.graph.nodes
        self.nodes = tuple(_computed(scm))
        self.mechanisms = _copies(scm, self.nodes)
        self.supports = nn.ModuleList(_FixedSupport(scm.supports[name]) for name in self.nodes)
        self.parents = {name: scm.graph.parents(name) for name in self.names}
        self.settable = tuple(name for name in self.names if not scm.graph[name].is_image)
        self.inputs = [_port("factual", scm.graph[name]) for name in self.names]
        noise = _noise_ports(scm, self.nodes)
        self.parts = _parts(noise)
        self.inputs += noise
        self.inputs += [_port("do", scm.graph[name]) for name in self.settable]
        self.inputs += [Port("set", name, dtype=torch.bool) for name in self.settable]
        self.outputs = [_port("counterfactual", scm.graph[name]) for name in self.names]
        self.outputs.append(Port(SUPPORTED, "", dtype=torch.bool))

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """The tensors of `inputs`, `(B, ...)` each, to those of `outputs`."""
        given = iter(tensors)
        factual = {name: next(given) for name in self.names}
        noise = {name: {part: next(given) for part in self.parts[name]} for name in self.nodes}
        do = {name: next(given) for name in self.settable}
        fixed = {name: next(given) for name in self.settable}
        computed = dict(zip(self.nodes, zip(self.mechanisms, self.supports)))
        world: dict[str, Tensor] = {}
        changed: dict[str, Tensor] = {}
        supported = _true(tensors[0])
        for name in self.names:
            value = factual[name]
            moved = torch.zeros_like(supported)
            if name in computed:
                mechanism, support = computed[name]
                for parent in self.parents[name]:
                    moved = moved | changed[parent]
                own = {parent: world[parent] for parent in self.parents[name]}
                value = torch.where(_like(moved, value), mechanism(noise[name], own).to(value.dtype), value)
                recomputed = moved & ~fixed[name] if name in fixed else moved
                supported = supported & (support(own) | ~recomputed)
            if name in fixed:
                value = torch.where(fixed[name], do[name], value)
                moved = moved | fixed[name]
            world[name], changed[name] = value, moved
        return (*(world[name] for name in self.names), supported)


class _FixedSupport(nn.Module):
    """A fitted `JointSupport` whose reference units and reaches are constants."""

    scale: Tensor
    reference: Tensor
    reach: Tensor
    low: Tensor
    high: Tensor

    def __init__(self, support: JointSupport) -> None:
        super().__init__()
        self.limited = bool(support.parents) and support.fitted
        if self.limited:
            reference, reach = support.reach()
            self.features = copy.deepcopy(support.features).float().cpu()
            self.register_buffer("scale", support.scale().float().cpu())
            self.register_buffer("reference", reference.float().cpu())
            self.register_buffer("reach", reach.float().cpu())
            for name, limit in zip(("low", "high"), support.limits(), strict=True):
                self.register_buffer(name, limit.float().cpu())

    def forward(self, values: Values) -> Tensor:
        if not self.limited:
            return _true(next(iter(values.values())))
        points = self.features(values) * self.scale
        squares = (points[:, None, :] - self.reference[None]).square().sum(-1)
        nearest = squares.argmin(dim=1)
        near = squares.gather(1, nearest[:, None])[:, 0].sqrt() <= self.reach[nearest]
        return near & ((points >= self.low) & (points <= self.high)).all(dim=1)


def _computed(scm: StructuralCausalModel) -> dict[str, Mechanism]:
    """Return the nodes that an intervention can affect: those with parents."""
    return {name: mechanism for name, mechanism in scm.mechanisms.items() if scm.graph.parents(name)}


def _copies(scm: StructuralCausalModel, nodes: Sequence[str]) -> nn.ModuleList:
    return nn.ModuleList(copy.deepcopy(scm.mechanisms[name]).float().cpu().eval() for name in nodes)


def _noise_ports(scm: StructuralCausalModel, nodes: Sequence[str]) -> list[Port]:
    return [
        Port("noise", name, tuple(law.event_shape), part=part)
        for name in nodes
        for part, law in scm.mechanisms[name].noise((1,)).items()
    ]


def _port(role: str, variable: Variable) -> Port:
    return Port(role, variable.name, variable.shape, torch.int64 if variable.is_discrete else torch.float32)


def _parts(ports: Sequence[Port]) -> dict[str, list[str]]:
    """Names of the parts of the noise, by node."""
    parts: dict[str, list[str]] = {}
    for port in ports:
        parts.setdefault(port.node, []).append(port.part)
    return parts


def _true(like: Tensor) -> Tensor:
    """Return true for every unit of a tensor `(B, ...)`."""
    return torch.ones_like(like.flatten(1)[:, 0] if like.dim() > 1 else like, dtype=torch.bool)


def _like(mask: Tensor, value: Tensor) -> Tensor:
    """Reshape the mask `(B,)` to the rank of `value`."""
    return mask.reshape(-1, *[1] * (value.dim() - 1))
