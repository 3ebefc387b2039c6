"""How much of a run's counterfactual survives other couplings of the noises of both worlds."""

from collections.abc import Mapping
from typing import Any

from ..errors import DataError
from ..graph import CausalGraph
from ..scm import Ambiguity, Claim, Posterior
from ..scm.ambiguity import FEWEST_DRAWS
from .measurements import Measurement

__all__ = ["claims_about", "what_survives"]

DRAWS = 10
"""Draws of each coupling for a few units: enough to see what holds in nine of ten."""
FEW = 50
"""More units, or particles of them, get the least number of draws."""
WORLDS = 4
"""Couplings looser than the model's, by default."""
LONGEST = 60.0
"""Most seconds to spend; a slow mechanism would take far longer than the answer itself."""


def claims_about(
    graph: CausalGraph, do: Mapping[str, Any], measurements: Mapping[str, Measurement], *, image: str | None
) -> dict[str, Claim]:
    """A claim about each attribute and image that an intervention changes, by its name.

    Args:
        graph: The graph.
        do: The intervened nodes.
        measurements: What is measured on the image; an attribute is read from it where it can be.
        image: The image that is measured; None for none.
    """
    reached = {name for node in do for name in graph.descendants(node)} - set(do)
    shown = image in reached
    claims = {}
    for name in graph.nodes:
        if shown and name in measurements and (name in reached or name in do):
            claims[name] = Claim(measurements[name], node=image)
        elif name in reached:
            claims[name] = Claim(name)
    return claims


def what_survives(
    posterior: Posterior,
    do: Mapping[str, Any],
    measurements: Mapping[str, Measurement],
    *,
    image: str | None,
    seed: int,
    seconds: float,
) -> tuple[Ambiguity | None, tuple[str, ...]]:
    """The ambiguity of a counterfactual, and notes; None where the intervention reaches nothing, or where it takes too long.

    Args:
        posterior: The abducted units.
        do: The interventions.
        measurements: See `claims_about`.
        image: The image that is measured.
        seed: Seed of the draws.
        seconds: Processor time that the counterfactual itself took.
    """
    claims = claims_about(posterior.scm.graph, do, measurements, image=image)
    if not claims:
        return None, ()
    draws = DRAWS if posterior.units * (posterior.particles or 1) <= FEW else FEWEST_DRAWS
    expected = seconds * draws * WORLDS
    if expected > LONGEST:
        return None, (
            f"How far the answer holds for other couplings of the noise was left out, since it would take about "
            f"{expected / 60:.0f} min; in Python: scm.abduct(units).ambiguity(do).",
        )
    try:
        return posterior.ambiguity(do, claims, draws=draws, seed=seed), ()
    except DataError as error:
        return None, (f"How far the answer holds for other couplings of the noise is unknown: {error}",)
