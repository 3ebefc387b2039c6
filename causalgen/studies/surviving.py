"""How much of a run's counterfactual survives other couplings of the noises of both worlds."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import AbductionError, DataError, InterventionWarning, SupportError, SupportWarning, warn
from ..grammar import read_do
from ..graph import CausalGraph
from ..scm import Ambiguity, Claim, Posterior
from ..scm.ambiguity import FEWEST_DRAWS, OPERATIONS_A_MINUTE, counted_counterfactual, time_text
from .measurements import Measurement
from .model_on_data import ModelOnData

__all__ = ["MOST_ASKED", "claims_about", "surviving_answers", "what_survives"]

DRAWS = 10
"""Number of draws of each coupling for a few units: enough to see what holds in nine of ten."""
FEW = 50
"""Larger numbers of units or particles get the smallest number of draws."""
MOST_ASKED, UNITS = 3, 100
"""Numbers of interventions of a study and of test units that a run examines."""
WORLDS = 4
"""Default couplings looser than the model's."""
MOST_OPERATIONS = OPERATIONS_A_MINUTE
"""Maximum number of floating-point operations, about a minute on one core; slow mechanisms would exceed it."""


def claims_about(
    graph: CausalGraph, do: Mapping[str, Any], measurements: Mapping[str, Measurement]
) -> dict[str, Claim]:
    """A claim about each attribute and image that an intervention changes, by its name.

    Args:
        graph: The graph.
        do: The intervened nodes.
        measurements: Measurements on the first image; attributes with a measurement are read from it.
    """
    reached = {name for node in do for name in graph.descendants(node)} - set(do)
    image = graph.images[0] if graph.images else None
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
    seed: int,
    operations: int,
) -> tuple[Ambiguity | None, tuple[str, ...]]:
    """Return the ambiguity of a counterfactual, and notes; None if nothing changes, or if it would take too long.

    Args:
        posterior: The abducted units.
        do: The interventions.
        measurements: See `claims_about`.
        seed: Seed of the draws.
        operations: Floating-point operations of the counterfactual itself (see `counted_counterfactual`).
    """
    claims = claims_about(posterior.scm.graph, do, measurements)
    if not claims:
        return None, ()
    draws = DRAWS if posterior.units * (posterior.particles or 1) <= FEW else FEWEST_DRAWS
    expected = operations * draws * WORLDS
    if expected > MOST_OPERATIONS:
        return None, (
            f"How far the answer holds for other couplings of the noise was left out, since it would take "
            f"{time_text(expected)}; in Python: scm.abduct(units).ambiguity(do).",
        )
    try:
        return posterior.ambiguity(do, claims, draws=draws, seed=seed), ()
    except DataError as error:
        return None, (f"How far the answer holds for other couplings of the noise is unknown: {error}",)


def surviving_answers(
    asked: Sequence[Mapping[str, Any]], measurements: Mapping[str, Measurement], model: ModelOnData
) -> list[Ambiguity]:
    """Return the ambiguity of a study's first interventions on some test units; those without an answer warn."""
    found = []
    for words in asked[:MOST_ASKED]:
        do = read_do(model.graph, words)
        try:
            rows = model.answerable(model.test_rows(UNITS), do)
            if not len(rows):
                continue
            posterior = model.scm.abduct(model.data.rows(rows), seed=model.seed)
            with warnings.catch_warnings(action="ignore", category=SupportWarning):
                _, operations = counted_counterfactual(posterior, do, seed=model.seed)
        except (AbductionError, DataError, SupportError) as error:
            warn(f"What survives in other models was not measured. {error}", InterventionWarning)
            continue
        ambiguity, notes = what_survives(posterior, do, measurements, seed=model.seed, operations=operations)
        found += [ambiguity] if ambiguity is not None else []
        for note in notes:
            warn(note, InterventionWarning)
    return found
