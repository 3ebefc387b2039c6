"""Abduction of complete units from given random numbers, in place of new draws from an exact posterior."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from torch import Tensor

from ..mechanisms import Abductive
from ..typing import Noise

if TYPE_CHECKING:
    from .model import StructuralCausalModel

__all__ = ["noise_from"]


def noise_from(
    scm: "StructuralCausalModel", factual: Mapping[str, Tensor], given: Mapping[str, Tensor]
) -> dict[str, Noise]:
    """Noise of every node that abducts, `(B, ...)`; nothing is drawn.

    Args:
        scm: A fitted model.
        factual: Values `(B, ...)` by node.
        given: Numbers `(B, ...)` by node, of every mechanism with `draws_from` (see `Abductive.fresh`).
    """
    noise: dict[str, Noise] = {}
    for name, mechanism in scm.mechanisms.items():
        if isinstance(mechanism, Abductive):
            parents = {parent: factual[parent] for parent in mechanism.parents}
            if name in given:
                noise[name] = mechanism.abduct_from(given[name], factual[name], parents)
            else:
                noise[name] = mechanism.abduct(factual[name], parents, draw=False)
    return noise
