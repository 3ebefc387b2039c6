r"""Tempered evidence: how much a known image tells about its missing causes, fitted on validation units.

The likelihood of a VAE takes pixels for independent given its latents. They are not, so that the same evidence is counted
many times and posteriors are too narrow. The remedy is a power posterior,

.. math:: p_T(h \mid x) \propto p(h, x_{\text{other}}) \; p(x_{\text{image}} \mid pa)^{1/T},

with a temperature T >= 1 at which held-out values are predicted best (`causalgen.training.calibrate_evidence`). Exact
densities, such as those of flows, keep T = 1.

Sources: Bissiri, Holmes and Walker, A general framework for updating belief distributions, 2016; Grünwald and van Ommen,
Inconsistency of Bayesian inference for misspecified linear models, and a proposal for repairing it, 2017; Miller and
Dunson, Robust Bayesian inference via coarsening, 2019; Syring and Martin, Calibrating general posterior credible regions,
2019.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

from ..mechanisms import Density, Observable

if TYPE_CHECKING:
    from .model import StructuralCausalModel

__all__ = ["NOT_TEMPERED", "FittedTemperature", "Heat", "Kind", "Known", "Tempering", "divided", "tempered_images"]

Kind = Literal["continuous", "discrete"]
Known = Literal["rest", "images"]


class Heat(NamedTuple):
    """Temperatures of the images' evidence in one inference.

    Attributes:
        continuous: For continuous attributes, given the labels.
        discrete: For labels.
    """

    continuous: float = 1.0
    discrete: float = 1.0


NOT_TEMPERED = Heat()


@dataclass(frozen=True)
class FittedTemperature:
    """The temperature for one kind of attribute and what else is known, and how it did on units that did not fit it.

    Args:
        kind: "continuous" or "discrete".
        known: "rest" if all other attributes are known, "images" if none is.
        temperature: T; 1 if no other did better on the checking units.
        proposed: The temperature with the lowest mean score on the fitting units.
        score: Mean score of the checking units at T = 1 and at the proposed temperature; smaller is better. Continuous:
            interval score of 80, 90 and 95 % intervals, in standard deviations of the attribute; discrete: negative log
            probability of the true label.
        held: Share of checking units at T = 1 and at the proposed temperature. Continuous: whose 95 % interval holds the
            true value; discrete: whose most probable label is right.
        sure: Discrete: mean probability of the most probable label at T = 1 and at the proposed temperature; continuous:
            mean length of the 95 % interval, in standard deviations.
    """

    kind: Kind
    known: Known
    temperature: float
    proposed: float
    score: tuple[float, float]
    held: tuple[float, float]
    sure: tuple[float, float]

    def __post_init__(self) -> None:
        known = self.kind in get_args(Kind) and self.known in get_args(Known)
        if not (known and 1 <= self.temperature < math.inf and self.temperature in (1, self.proposed)):
            raise ValueError(f"{self.temperature} is not a temperature of {self.kind} attributes, {self.known} known")


@dataclass(frozen=True)
class Tempering:
    """The temperatures of a model's image evidence.

    Args:
        fits: One for each kind of attribute and what else is known.
        fitted_on: Number of validation units that fitted them.
        checked_on: Number of other validation units that checked them.
    """

    fits: tuple[FittedTemperature, ...]
    fitted_on: int
    checked_on: int

    def temperature(self, kind: Kind, share: float) -> float:
        """T for attributes of a kind, given the share of the other attributes that is missing, from 0 to 1.

        The temperature was fitted at both ends; between them its logarithm is interpolated.
        """
        ends = {fit.known: fit.temperature for fit in self.fits if fit.kind == kind}
        rest = ends.get("rest", ends.get("images", 1.0))
        return math.exp((1 - share) * math.log(rest) + share * math.log(ends.get("images", rest)))

    @property
    def sentence(self) -> str:
        """The temperatures, in a sentence."""
        words = {
            "continuous": "numbers",
            "discrete": "labels",
            "rest": "one attribute is missing",
            "images": "all are missing",
        }
        parts = [f"{divided(fit.temperature)} for {words[fit.kind]} if {words[fit.known]}" for fit in self.fits]
        return (
            f"The evidence of images about missing attributes is tempered: {', '.join(parts)}; fitted on {self.fitted_on:,} "
            f"validation units and checked on {self.checked_on:,} others."
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form, which `from_dict` reads."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Tempering":
        """The tempering that `to_dict` wrote.

        Raises:
            TypeError, ValueError, KeyError: An entry is missing, unknown, or no temperature.
        """
        pairs = ("score", "held", "sure")
        fits = [FittedTemperature(**(fit | {name: tuple(fit[name]) for name in pairs})) for fit in data["fits"]]
        return cls(**{**data, "fits": tuple(fits)})


def divided(*temperatures: float) -> str:
    """What temperatures do, as text.

    >>> divided(4.0), divided(2.0, 5.7), divided(1.0)
    ('by 1/4', 'by 1/2 to 1/5.7', 'not')
    """
    ends = dict.fromkeys(f"{one:.2g}" for one in (min(temperatures), max(temperatures)))
    return "not" if [*ends] == ["1"] else "by " + " to ".join(f"1/{end}" for end in ends)


def tempered_images(scm: "StructuralCausalModel") -> tuple[str, ...]:
    """Images with a likelihood that is a bound or an estimate, as that of a VAE, not an exact density."""
    known = scm.mechanisms
    return tuple(n for n in scm.graph.images if isinstance(known[n], Observable) and not isinstance(known[n], Density))
