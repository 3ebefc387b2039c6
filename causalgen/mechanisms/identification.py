"""The assumption of a mechanism's abduction, and the resulting status of its counterfactuals.

Two mechanisms can agree on all data, and on all experiments, and still disagree about a counterfactual: the data fix the
distribution of x given its parents, but not the noise behind an observed x. Three cases are known:

- a continuous scalar is identified if it is an increasing function of one scalar noise and no hidden cause confounds it
- an image (or any vector) is identified if it is the gradient of a convex function of its noise, and the model is Markovian
- a discrete variable is bounded by data and experiments, not identified

Everything else is a convention: a choice made by the mechanism that no data can confirm.

Source: Nasr-Esfahany, Alizadeh and Shah, Counterfactual identifiability of bijective causal models, 2023; De Sousa Ribeiro,
Santhirasekaram and Glocker, Counterfactual identifiability via dynamic optimal transport, 2025; Oberst and Sontag,
Counterfactual off-policy evaluation with Gumbel-max structural causal models, 2019.
"""

from enum import Enum
from typing import NamedTuple

__all__ = ["Identifiability", "Identification"]


class Identifiability(Enum):
    """Whether data determine the counterfactuals of a mechanism."""

    ASSUMED = "identified under assumptions"
    """The distribution of the data gives the answer, if the assumption holds."""
    BOUNDED = "bounded, not identified"
    """Data and experiments give bounds; the single answer within them is the mechanism's."""
    CONVENTION = "a convention"
    """The answer is the mechanism's; another mechanism that fits the data equally well may answer differently."""
    NONE = "no counterfactuals"
    """There is no abduction."""


class Identification(NamedTuple):
    """Whether data determine the counterfactuals of a mechanism, and under which assumption.

    Args:
        kind: How far the data determine them.
        assumption: The assumption of its abduction, as a clause without a capital or full stop.
    """

    kind: Identifiability
    assumption: str
