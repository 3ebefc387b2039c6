"""Protocols: sampling of queries, normalisation of predictors, share of the residual carried over, and area of L1.

- causalgen: the default. Values of other units, predictors in evaluation mode, no residual, L1 over the image.
- published: gives numbers comparable to those of Melistas et al., Benchmarking counterfactual image generation (NeurIPS 2024
  Datasets and Benchmarks). Values from another bin, predictors with batch statistics, a residual, L1 over the padded image.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from ..errors import UnknownNameError, nearest
from ..scm import StructuralCausalModel
from .result import MetricResult

__all__ = ["AS_FITTED", "CAUSALGEN", "PROTOCOLS", "PUBLISHED", "Protocol", "protocol_named", "with_residual"]


@dataclass(frozen=True)
class Protocol:
    """A way to evaluate.

    Args:
        name: Its name.
        values: Where the value of an intervention comes from: "another unit" of the evaluated ones, or "another bin" of the
            test split, nine of equal width over a continuous attribute.
        batch_statistics: Whether attribute predictors normalise by the statistics of the current images.
        published_residual: Whether an image carries the share of the pixel residual that its mechanism carries in the published
            benchmark (`Mechanism.published_residual`), or none; None for the share that the model itself carries.
        side: Height and width to which images are padded with zeros before L1 is taken; None for no padding.
        rows: Number of test units, drawn at random; None for all.
        cycle_rows: Number of those units on which composition is evaluated; None for all.
        particles: Draws of each unit's noise for calibration; None leaves it out.
    """

    name: str
    values: Literal["another unit", "another bin"] = "another unit"
    batch_statistics: bool = False
    published_residual: bool | None = False
    side: int | None = None
    rows: int | None = 1000
    cycle_rows: int | None = None
    particles: int | None = None

    def scaled(self, results: Iterable[MetricResult], shape: Sequence[int]) -> list[MetricResult]:
        """Return results with every L1 between images taken over the padded image; a larger side is not padded.

        >>> result = MetricResult("reversibility L1", "", "model", "all units", 1.0, 0.9, 1.1, 9, "grey levels")
        >>> round(PUBLISHED.scaled([result], (1, 28, 28))[0].value, 3)
        0.766
        """
        if self.side is None:
            return list(results)
        factor = math.prod(length / max(length, self.side) for length in shape[-2:])
        return [_times(r, factor) if r.unit == "grey levels" and "L1" in r.metric.split() else r for r in results]


def _times(result: MetricResult, factor: float) -> MetricResult:
    floor = None if result.floor is None else result.floor * factor
    return replace(result, value=result.value * factor, low=result.low * factor, high=result.high * factor, floor=floor)


CAUSALGEN = Protocol("causalgen")
"""The protocol of this library."""
AS_FITTED = replace(CAUSALGEN, published_residual=None)
"""The same, but with the share of the residual that the model itself carries."""
PUBLISHED = Protocol(
    "published",
    values="another bin",
    batch_statistics=True,
    published_residual=True,
    side=32,
)
"""The protocol of the published benchmark, for comparison with its figures."""
PROTOCOLS: dict[str, Protocol] = {protocol.name: protocol for protocol in (CAUSALGEN, PUBLISHED)}
"""Protocols by name."""


def protocol_named(name: str) -> Protocol:
    """The protocol named `name`.

    Raises:
        UnknownNameError: There is no such protocol.
    """
    if name not in PROTOCOLS:
        raise UnknownNameError(
            f"Expected a protocol among {', '.join(PROTOCOLS)}; got {name!r}." + nearest(name, PROTOCOLS)
        )
    return PROTOCOLS[name]


def with_residual(scm: StructuralCausalModel, image: str, share: float) -> StructuralCausalModel:
    """Return the model with an image mechanism that carries `share` of the pixel residual, if it has this option."""
    mechanism = scm.mechanisms[image]
    if mechanism.spec().get("residual", share) == share:
        return scm
    changed = type(mechanism)(mechanism.variable, mechanism.parents, **{**mechanism.spec(), "residual": share})
    changed.load_state_dict(mechanism.state_dict())
    result = StructuralCausalModel(scm.graph, {**scm.mechanisms, image: changed.to(scm.like)})
    for name, support in result.supports.items():
        support.load_state_dict(scm.supports[name].state_dict())
    return result.to(scm.like.device).eval()
