"""Composition and reversibility: axioms of structural counterfactuals that hold for any model.

- composition: do(v = its own value) changes nothing, no matter how often it is repeated
- reversibility: doing and then undoing changes nothing

Source: Galles and Pearl, An axiomatic characterization of causal counterfactuals, 1998; as metrics: Monteiro et al.,
Measuring axiomatic soundness of counterfactual image models, 2023.
"""

import warnings
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..errors import SupportWarning
from ..graph import CausalGraph
from ..mechanisms import Abduction
from .case import Case
from .cohort import Cohort
from .controls import CODEC, IDENTITY, MODEL, ORACLE, redraw, through_codec
from .images import l1
from .result import MetricResult
from .units import PerUnit, Units, joined

__all__ = ["composition", "reversibility"]

CYCLES = (1, 10)
BY_CONSTRUCTION = "by construction"


def composition(cohort: Cohort, nodes: Sequence[str], *, cycles: Sequence[int] = CYCLES) -> list[MetricResult]:
    """Return the L1 distance to the factual image after null interventions, with new noise in each cycle; grey levels.

    The intervened nodes are those in `nodes` that do not descend from another one, so that all mechanisms below them
    run. The oracle redraws the factual image once with its own attributes; the codec control passes it through the
    codec alone.

    Args:
        cohort: The units and the models.
        nodes: Nodes that the queries intervene on.
        cycles: Numbers of cycles after which to compare.
    """
    names = _sources(cohort.graph, nodes)
    blocks = [_null_errors(block, names, cycles) for block in cohort.blocks()]
    supported = np.concatenate([inside for inside, _ in blocks])
    units = Units(f"do({', '.join(f'{name} = own value' for name in names)})", cohort.groups, supported, cohort.seed)
    return [result for found in joined([numbers for _, numbers in blocks]) for result in units.means(found)]


def _null_errors(
    cohort: Cohort, names: Sequence[str], cycles: Sequence[int]
) -> tuple[NDArray[np.bool_], list[PerUnit]]:
    """Which units are within support, and the errors of `composition`, of one block of units."""
    factual, real, truth = cohort.factual, cohort.real, cohort.data.truth
    null = {name: factual[name] for name in names}
    supported = np.ones(len(cohort.rows), dtype=bool)
    errors: dict[int, dict[str, NDArray]] = {cycle: {} for cycle in cycles}
    for row, scm in cohort.models.items():
        values: Mapping[str, Tensor] = factual
        for cycle in range(1, max(cycles) + 1):
            with warnings.catch_warnings(action="ignore", category=SupportWarning):
                world = scm.counterfactual(values, null, seed=cohort.noise_seed(cycle))
            values = dict(world)
            if cycle == 1 and row == MODEL:
                supported = world.supported.cpu().numpy()
            if cycle in cycles:
                errors[cycle][row] = l1(cohort.stored(world[cohort.image]), real)
    composing = [row for row, scm in cohort.models.items() if scm.mechanisms[cohort.image].composes]
    notes = dict.fromkeys((*composing, IDENTITY), BY_CONSTRUCTION)
    found = []
    for cycle, by_row in errors.items():
        by_row[IDENTITY] = np.zeros(len(cohort.rows))
        if (coded := _repeated(cohort, cycle)) is not None:
            by_row[CODEC] = l1(coded, real)
        if truth is not None and truth.remorphs and cycle == 1:
            by_row[ORACLE] = l1(redraw(truth, real, factual), real)
        metric = f"composition L1 ({cycle} cycle{'s' if cycle > 1 else ''})"
        found.append(PerUnit(metric, by_row, unit="grey levels", notes=notes))
    return supported, found


def reversibility(case: Case) -> list[MetricResult]:
    """Return the L1 distance to the factual image after the query and its reversal, do(v = factual value)."""
    cohort = case.cohort
    undo = {name: cohort.factual[name] for name in case.query.do}
    backs, notes = {}, {}
    for answer in case.answers:
        if answer.world is not None:
            scm = cohort.models[answer.row]
            with warnings.catch_warnings(action="ignore", category=SupportWarning):
                back = scm.counterfactual(dict(answer.world), undo, seed=cohort.noise_seed(1))[cohort.image]
            backs[answer.row] = cohort.stored(back)
            if scm.mechanisms[cohort.image].abduction is Abduction.BIJECTIVE:
                notes[answer.row] = f"{BY_CONSTRUCTION}, up to clipped pixels"
        elif answer.row == ORACLE and cohort.data.truth is not None:
            backs[answer.row] = redraw(cohort.data.truth, answer.images, cohort.factual)
        elif answer.row == CODEC and (coded := _repeated(cohort, 2)) is not None:
            backs[answer.row] = coded
        else:
            backs[answer.row], notes[answer.row] = cohort.real, BY_CONSTRUCTION
    errors = {row: l1(back, cohort.real) for row, back in backs.items()}
    return case.units.results("reversibility L1", errors, unit="grey levels", notes=notes)


def _repeated(cohort: Cohort, times: int) -> Tensor | None:
    """The factual images through the codec alone, several times; None without a codec."""
    images: Tensor | None = cohort.real
    for _ in range(times):
        images = None if images is None else through_codec(cohort.models[MODEL], cohort.image, images, cohort.bits)
    return images


def _sources(graph: CausalGraph, nodes: Sequence[str]) -> list[str]:
    below = {name for node in nodes for name in graph.descendants(node)}
    return [name for name in graph.nodes if name in nodes and name not in below]
