"""Texts common to all reports: what is identified, what is not, and how to read figures and tables."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ..graph import CausalGraph
from ..graph.nested_estimand import EstimandName

if TYPE_CHECKING:
    from .content import MechanismSummary

__all__ = ["ABDUCTION", "NESTED_READING", "POPULATIONS", "P_VALUE", "READING", "identification"]

ABDUCTION = {
    "bijective": "exact: one noise value explains the unit",
    "posterior": "a draw from the exact posterior",
    "variational": "the mean of a learned approximation (particles: draws)",
    "point": "one fitted noise value, not a posterior draw",
    "none": "none: no counterfactuals, sampling only",
}

P_VALUE = (
    "The p-value is two-sided. Its hypothesis: the expected value is a draw from the distribution of the estimates on the "
    "simulated tables. At p ≤ 0.05 the refuter rejects the estimate. “Not rejected” does not mean right: a refuter can "
    "show that an estimate is wrong, never that it is right."
)

POPULATIONS = {
    "whole": "all units",
    "overlap": "the overlap population, in which units are weighted by the product of both propensities",
    "compliers": "the compliers, whose treatment the instrument changes",
}
"""The population that an effect averages over, as text; those with one value of the treatment are named by it."""

READING = {
    "graph": "The graph is an assumption of the study; it was not learned from the data. An arrow means “may cause directly”. "
    "A missing arrow is the stronger claim: “does not cause directly”.",
    "data": "Marginal distributions over all rows. The test split was used neither for training nor to choose a setting.",
    "training": "Each node has its own mechanism and loss. The weights of the best epoch on the validation split are kept; the "
    "test split plays no part in that choice.",
    "counterfactuals": "Each row shows one unit of the test split. The first two columns share that unit's exogenous noise, so "
    "they differ only by the intervention. In the difference maps, red is brighter and blue is darker.",
    "changes": "Each number is read from three images of each test unit: the factual image, the image that the model redraws "
    "without an intervention, and the counterfactual image. The change is the difference between the last two, "
    "averaged over the units with an attribute that the intervention changes. The floor is the difference between the "
    "first two: the effect of redrawing alone.",
    "ambiguity": "Data and experiments show every unit in one world only, so they cannot show how the noises of two worlds "
    "are related. The model keeps the noise of a unit; in the other models here, the noises of both worlds have "
    "correlation rho. These models have the same distributions, and differ only about single units. A claim without "
    "limits states that the model's answer is a better guess than no change. A small rho is good: the claim holds for "
    "nearly every coupling.",
    "curves": "The attribute is set to one value after another on the same units, and the response is read from the images. "
    "Dashed lines and bars show the response of a perfect model. At hollow points, fewer than half of the units have "
    "attributes that occur together in training.",
    "metrics": "Read each number next to its controls. The identity control leaves the factual image unchanged; the untrained "
    "control is the same model before training; the oracle redraws the factual image by the true process. “Within "
    "support” are the units whose attributes under the intervention occur together in training. A floor or ceiling is "
    "the measurement's own error on real images. Brackets hold 95 % intervals, bootstrapped over groups of rows that "
    "share a source.",
    "memorisation": "The held-out units are those of the test split. The membership advantage is the true positive rate minus "
    "the false positive rate of an attack that guesses which units were in training; 0 is chance. An image "
    "counts as a copy if it is far "
    "nearer to one training unit than to the next ones; at most 1 % of the held-out images reach that threshold. “Not found” "
    "means that these tests found nothing. It does not mean that the model is private.",
    "evidence": "A missing attribute is inferred from the image and from everything else that is known. The image's likelihood "
    "treats pixels as independent and so counts the same evidence many times. Its logarithm is therefore divided by a "
    "temperature, the one that predicts held-out attributes best (interval score; log probability of labels). “At face value” "
    "is a temperature of 1. If only some of the other attributes are known, the temperature lies between the two rows.",
    "audits": "An audit compares a classifier's score on the counterfactual image with its score on the image that the model "
    "redraws without an intervention, unit by unit. Total: attributes that depend on the changed one respond. Direct: "
    "the other parents of the image keep their values.",
    "effects": "An effect compares two interventions on the whole population; it is not the counterfactual of one unit. The "
    "graph and the data determine it under the assumptions listed below.",
    "confounding": "No table shows a confounder that was not recorded. A table can show how strong a hidden common cause of "
    "treatment and outcome would have to be, compared with the recorded causes.",
}
"""How to read each section."""

NESTED_READING: dict[EstimandName, str] = {
    "natural": "A total effect is the sum of the natural direct effect, with the mediators as they would be under a, and the "
    "total indirect effect, which passes through the mediators. The parts compare two worlds of the same unit. No "
    "experiment shows both, so they rest on assumptions that cannot be tested.",
    "controlled": "A controlled direct effect compares b with a while the mediators are set to the same values in every unit. "
    "An experiment that sets both can test it.",
    "path": "A path-specific effect lets b act along the named paths and a along all others, and compares this with a along "
    "all paths. No experiment shows both worlds of one unit, so it rests on assumptions that cannot be tested.",
    "treated": "An effect on the treated compares b with a among the units that have b. It can differ from the effect on all "
    "units.",
    "causation": "A probability of causation is about the outcomes of one unit with and without the treatment. No unit shows "
    "both, so data only bound it; a value under monotonicity holds if the treatment never prevents the outcome.",
}
"""How to read the answer to a nested question."""

MEANING = {
    "identified under assumptions": "The data determine the answer if the assumption holds; they cannot show whether it does.",
    "bounded, not identified": "Data and experiments bound a discrete counterfactual and do not identify it; the single answer "
    "within the bounds is the mechanism's.",
    "a convention": "Another mechanism that fits the data equally well may answer differently, however good the images look. "
    "Where the generator is known the report compares the answers with the truth.",
    "no counterfactuals": "The model can sample this variable and answer interventions, but not counterfactuals.",
}
"""Meaning of each `causalgen.mechanisms.Identifiability`, for readers."""

BY_KIND = (
    (
        "continuous",
        "continuous attributes",
        "identified under assumptions",
        "Scalar continuous counterfactuals are identified only under monotone scalar noise and no hidden confounding. The data "
        "can show neither.",
    ),
    (
        "discrete",
        "discrete attributes",
        "bounded, not identified",
        "Data and experiments bound discrete counterfactuals and do not identify them. The single answer within the bounds is "
        "the mechanism's; another that fits the data equally well may answer differently.",
    ),
    (
        "image",
        "images",
        "a convention, except for optimal transport",
        "Image counterfactuals are identified only where the mechanism is the gradient of a convex function of its noise, as "
        "optimal-transport flow matching is in the limit, and the model is Markovian. Every other image mechanism is a "
        "convention: another that fits the data equally well may answer differently, however good its images look. Where the "
        "generator is known the report compares them with the truth.",
    ),
)
"""Kind of variable, its name in a heading, the claim, and the statement."""


def identification(graph: CausalGraph, mechanisms: Sequence["MechanismSummary"] = ()) -> list[tuple[str, str]]:
    """State what the data can and cannot determine, as pairs of heading and statement.

    Args:
        graph: The graph.
        mechanisms: The mechanisms of a model, each with the assumption of its abduction; without them, statements are
            made by kind of variable.
    """
    statements = [
        (
            "The graph is assumed",
            "Every causal statement here holds only if the graph does: no missing arrow, no wrong direction, no hidden "
            "common cause except those drawn. The data alone cannot confirm it.",
        ),
        (
            "Interventional quantities: identified where the effect section says how",
            "Distributions under do() follow from the observed distribution and the graph, if every unit could have "
            "had every treatment value that is compared.",
        ),
    ]
    return statements + (_by_mechanism(graph, mechanisms) if any(m.assumption for m in mechanisms) else _by_kind(graph))


def _by_mechanism(graph: CausalGraph, mechanisms: Sequence["MechanismSummary"]) -> list[tuple[str, str]]:
    """Return one statement for each assumption that a mechanism of the model makes."""
    roots = [row.node for row in mechanisms if not graph.parents(row.node)]
    alike: dict[tuple[str, str], list[MechanismSummary]] = {}
    for row in mechanisms:
        if row.node not in roots:
            alike.setdefault((row.identified, row.assumption), []).append(row)
    statements = [
        (
            f"Counterfactuals of {_join(row.node for row in rows)}: {identified}",
            f"{_join(dict.fromkeys(row.mechanism for row in rows))} assumes: {assumption}. {MEANING[identified]}",
        )
        for (identified, assumption), rows in alike.items()
    ]
    if roots:
        statements.append(
            (
                f"Without parents: {_join(roots)}",
                "No intervention on another variable changes them, so their mechanisms answer no counterfactual.",
            )
        )
    if alike:
        statements.append(
            (
                "Along a path",
                "A counterfactual runs every mechanism between the intervention and the variable. It is identified only if "
                "each of them is: the weakest statement above holds for the whole path.",
            )
        )
    return statements


def _by_kind(graph: CausalGraph) -> list[tuple[str, str]]:
    kinds = {
        "continuous": [name for name, v in graph.variables.items() if v.kind == "continuous"],
        "discrete": [name for name, v in graph.variables.items() if v.is_discrete],
        "image": [name for name, v in graph.variables.items() if v.is_image],
    }
    return [
        (f"Counterfactuals of {heading} ({_join(kinds[kind])}): {claim}", text)
        for kind, heading, claim, text in BY_KIND
        if kinds[kind]
    ]


def _join(names: Iterable[str]) -> str:
    return ", ".join(names)
