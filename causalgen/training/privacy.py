"""Settings of training with differential privacy, and the reasons why a model cannot be trained with it.

A randomised training M is :math:`(\\varepsilon, \\delta)`-private if for all training sets D and D' that differ by the rows of
one unit, and all sets S of fitted models,

.. math:: P\\bigl(M(D) \\in S\\bigr) \\le e^{\\varepsilon}\\, P\\bigl(M(D') \\in S\\bigr) + \\delta

(Dwork and Roth, The algorithmic foundations of differential privacy, 2014). Here D' lacks the unit, or has one more.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import PrivacyError

if TYPE_CHECKING:
    from ..graph import CausalGraph
    from ..mechanisms import Mechanism

__all__ = ["Privacy", "obstacles", "refuse_obstacles"]


@dataclass(frozen=True)
class Privacy:
    """Training with differential privacy by noisy clipped gradients (Abadi et al., Deep learning with differential privacy,
    2016); needs the extra `privacy`.

    Args:
        epsilon: Budget of the whole model, over all its mechanisms; smaller is more private.
        delta: Probability with which the bound may fail, less than one over the number of training units; None for a tenth of
            that.
        max_grad_norm: Maximum norm of the gradient of one unit, for each mechanism; longer gradients are clipped.

    Raises:
        ValueError: A number out of range.
    """

    epsilon: float
    delta: float | None = None
    max_grad_norm: float = 1.0

    def __post_init__(self) -> None:
        for name in ("epsilon", "max_grad_norm"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"Expected a positive, finite {name}; got {getattr(self, name)}.")
        if self.delta is not None and not 0 < self.delta < 1:
            raise ValueError(f"Expected delta between 0 and 1; got {self.delta}. Leave it out for 1 / (10 units).")

    def delta_for(self, units: int) -> float:
        """Delta for a number of training units.

        Raises:
            PrivacyError: It is not less than one over that number: revealing one random unit would be allowed.

        >>> Privacy(epsilon=8).delta_for(1000)
        0.0001
        """
        if self.delta is not None and self.delta >= 1 / units:
            raise PrivacyError(
                f"Expected delta below 1/{units}, one over the number of training units; got {self.delta:g}, which "
                "would allow revealing one of them. Leave it out, or choose a smaller one."
            )
        return 1 / (10 * units) if self.delta is None else self.delta


def obstacles(graph: "CausalGraph", mechanisms: "Mapping[str, Mechanism]") -> dict[str, str]:
    """Return, by node, why it cannot be trained with differential privacy; empty if all nodes can."""
    return {name: _obstacle(graph, mechanism) for name, mechanism in mechanisms.items()}


def refuse_obstacles(graph: "CausalGraph", mechanisms: "Mapping[str, Mechanism]") -> None:
    """Refuse a model with a node that cannot be trained with differential privacy.

    Raises:
        PrivacyError: One line for every such node.
    """
    found = {name: obstacle for name, obstacle in obstacles(graph, mechanisms).items() if obstacle}
    if found:
        lines = "; ".join(f"'{name}': {obstacle}" for name, obstacle in found.items())
        raise PrivacyError(
            f"Expected nodes that can be trained with differential privacy; got {lines}. Change them, or leave `privacy` out."
        )


def _obstacle(graph: "CausalGraph", mechanism: "Mechanism") -> str:
    from ..mechanisms.catalog import name_of

    variable = mechanism.variable
    if not mechanism.known:
        if mechanism.privacy_obstacle:
            return f"{name_of(mechanism)} cannot be trained privately: {mechanism.privacy_obstacle}"
        if len(mechanism.parameter_groups()) > 1 or mechanism.trained_before:
            return f"{name_of(mechanism)} has several objectives or parts, of which only one is covered"
        if mechanism.fitted:
            return "it is already fitted, to data that no budget covers; build a new model"
        if not all(parameter.requires_grad for parameter in mechanism.parameters()):
            return "some of its parameters are frozen, and no budget covers what they have learned"
    low, high = variable.support or (-math.inf, math.inf)
    if variable.kind == "continuous" and not math.isfinite(high - low):
        return "its scale would be estimated from the data; declare a finite support, such as support: [0, 100]"
    return ""
