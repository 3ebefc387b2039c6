"""The interventions that give units the style of others: their attributes, or named parts of their noise.

do(a := the style's value) for an attribute a. For a part of the noise u = (u_1, u_2) of a node x,
do(x := f(u_1 of the style, u_2, pa)): what no attribute records, such as the vector of latents of a VAE.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd
from torch import Tensor

from ..columns import check_rows
from ..errors import DataError, UnknownNameError, nearest
from ..graph import Variable
from ..typing import Noise, Values

if TYPE_CHECKING:
    from .model import StructuralCausalModel
    from .posterior import Posterior

__all__ = ["WithNoise", "find_noise_part", "style_interventions"]


def find_noise_part(scm: "StructuralCausalModel", name: str) -> tuple[str, str] | None:
    """Node and key of a part of the noise, such as "image.z"; None for the name of a node.

    Raises:
        UnknownNameError: There is neither a node nor a part of that name.
    """
    if name in scm.graph:
        return None
    node, _, key = name.rpartition(".")
    if node in scm.graph and key in scm.mechanisms[node].noise((1,)):
        return node, key
    known = _known(scm)
    raise UnknownNameError(
        f"Expected an attribute or a part of the noise among {', '.join(known)}; got '{name}'." + nearest(name, known)
    )


def _known(scm: "StructuralCausalModel") -> list[str]:
    """The attributes, and the parts of the images' noise."""
    parts = [f"{image}.{key}" for image in scm.graph.images for key in scm.mechanisms[image].noise((1,))]
    return [*scm.graph.attributes, *parts]


def style_interventions(
    content: "Posterior", style: "Posterior | Mapping[str, Any] | pd.DataFrame", take: Sequence[str] | str, held: Values
) -> dict[str, Any]:
    """The interventions of `Posterior.transfer`; attributes in `held`, `(k * B,)`, keep these values."""
    scm, graph = content.scm, content.scm.graph
    take = [take] if isinstance(take, str) else take
    parts = {name: find_noise_part(scm, name) for name in take}
    values = _values_of(style)
    taken = [graph[name] for name, part in parts.items() if part is None]
    if not parts or any(variable.is_image for variable in taken):
        raise DataError(
            f"Expected attributes to take; got {', '.join(take) or 'none'}. Choose among {', '.join(_known(scm))}."
        )
    if absent := [variable.name for variable in taken if variable.name not in values]:
        raise UnknownNameError(f"Expected the style to have a value of {', '.join(absent)}; got none. Give it.")
    do: dict[str, Any] = {v.name: _one_or_each(v, scm.tensor(v.name, values[v.name])) for v in taken}
    noise: dict[str, Noise] = {}
    for node, key in filter(None, parts.values()):
        noise.setdefault(node, {})[key] = _noise_of(style, content, node, key)
    moved = set().union(*(graph.descendants(name) for name in (*do, *noise)))
    if clash := [node for node in noise if node in do]:
        raise DataError(f"Expected either '{clash[0]}' or parts of its noise to take; got both. Leave one out.")
    for name in graph.attributes:
        if name in held and name in moved and name not in (*do, *noise):
            do[name] = _Held(name, held[name])
    changed = moved | set(do) | set(noise)
    for node, given in noise.items():
        parents = frozenset(changed.intersection(graph.parents(node)))
        do[node] = WithNoise(scm, node, {**content.noise[node], **given}, tuple(given), parents)
    return do


class WithNoise:
    """An intervention that computes a node from its parents in this world and from partly other noise.

    Args:
        scm: The model.
        node: The node.
        noise: Its noise, `(k * B, ...)`.
        keys: The parts that differ from the units' own noise.
        changed: Parents that differ from the factual.
    """

    def __init__(
        self, scm: "StructuralCausalModel", node: str, noise: Noise, keys: tuple[str, ...], changed: frozenset[str]
    ) -> None:
        self.scm, self.node, self.noise, self.changed = scm, node, noise, changed
        self.words = ", ".join(f"{node}.{key} of the style" for key in keys)

    def __call__(self, value: Tensor, parents: Values) -> Tensor:
        return self.scm.assign(self.node, self.noise, parents, changed=self.changed)


class _Held:
    """An intervention that keeps the factual value of every particle."""

    def __init__(self, name: str, values: Tensor) -> None:
        self.words, self.values = f"{name} as it was", values

    def __call__(self, value: Tensor, parents: Values) -> Tensor:
        return self.values


def _values_of(style: "Posterior | Mapping[str, Any] | pd.DataFrame") -> Any:
    """The values of the style by node."""
    if not isinstance(style, Mapping | pd.DataFrame):
        return style.factual
    check_rows(style)
    return style


def _noise_of(
    style: "Posterior | Mapping[str, Any] | pd.DataFrame", content: "Posterior", node: str, key: str
) -> Tensor:
    """One part of the style's noise, `(k * B, ...)` for the particles and units of the content."""
    name = f"{node}.{key}"
    if isinstance(style, Mapping | pd.DataFrame) or node not in style.noise or node not in content.noise:
        raise DataError(
            f"Expected units whose noise is known, to take {name}; got values, or a mechanism without abduction. "
            "Abduct the style with the same model."
        )
    if style.scm.mechanisms[node] is not content.scm.mechanisms[node]:
        raise DataError(f"Expected content and style to be abducted by the same model, to take {name}; got two models.")
    if style.units not in (1, content.units):
        raise DataError(f"Expected 1 or {content.units} units as the style; got {style.units}.")
    drawn = style.noise[node][key].unflatten(0, (-1, style.units))
    particles = content.particles or 1
    if len(drawn) != particles:
        drawn = drawn.mean(0, keepdim=True)
    return drawn.expand(particles, content.units, *drawn.shape[2:]).flatten(0, 1)


def _one_or_each(variable: Variable, values: Tensor) -> Any:
    """The label or number of a single unit, which titles can show; else the values."""
    if len(values) > 1:
        return values
    return variable.decode(int(values)) if variable.is_discrete else float(values)
