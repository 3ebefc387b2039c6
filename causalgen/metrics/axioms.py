"""Composition and reversibility: axioms of structural counterfactuals that hold for any model.

- composition: do(v = its own value) changes nothing, however often it is repeated
- reversibility: doing and then undoing changes nothing

Source: Galles and Pearl, An axiomatic characterization of causal counterfactuals, 1998; as metrics: Monteiro et al.,
Measuring axiomatic soundness of counterfactual image models, 2023.
"""

import warnings
from collections.abc import Mapping, Sequence

import numpy as np
from torch import Tensor

from ..datasets import Dataset
from ..datasets.labels import RowLabels
from ..errors import SupportWarning
from ..graph import CausalGraph
from ..mechanisms import Abduction
from ..scm import StructuralCausalModel
from .case import Case
from .controls import IDENTITY, MODEL, ORACLE, redraw
from .images import l1, to_bytes
from .result import MetricResult
from .units import Units

__all__ = ["composition", "reversibility"]

CYCLES = (1, 10)
BY_CONSTRUCTION = "by construction"


def composition(
    models: Mapping[str, StructuralCausalModel],
    data: Dataset,
    rows: RowLabels,
    nodes: Sequence[str],
    *,
    image: str,
    cycles: Sequence[int] = CYCLES,
    seed: int = 0,
) -> list[MetricResult]:
    """L1 to the factual image after null interventions, the noise abducted anew in each cycle; grey levels.

    The intervened nodes are those of `nodes` that do not descend from another, so that all mechanisms below them run.
    The oracle redraws the factual image once with its own attributes.

    Args:
        models: Models by row, "model" among them.
        data: The data set.
        rows: Row labels of the units, `(N,)`.
        nodes: Nodes that the queries intervene on.
        image: Name of the image node.
        cycles: Numbers of cycles after which to compare.
        seed: Seed of abduction and bootstrap.
    """
    factual = data.rows(rows)
    null = {name: factual[name] for name in _sources(data.graph, nodes)}
    supported = np.ones(len(rows), dtype=bool)
    errors: dict[str, dict[int, np.ndarray]] = {row: {} for row in models}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SupportWarning)
        for row, scm in models.items():
            values: Mapping[str, Tensor] = factual
            for cycle in range(1, max(cycles) + 1):
                world = scm.counterfactual(values, null, seed=seed + cycle)
                values = dict(world)
                if cycle == 1 and row == MODEL:
                    supported = world.supported.cpu().numpy()
                if cycle in cycles:
                    errors[row][cycle] = l1(to_bytes(world[image]), factual[image])
    units = Units(
        f"do({', '.join(f'{name} = own value' for name in null)})", data.groups(rows).numpy(), supported, seed
    )
    errors[IDENTITY] = {cycle: np.zeros(len(rows)) for cycle in cycles}
    if data.truth is not None and 1 in cycles:
        errors[ORACLE] = {1: l1(redraw(data.truth, factual[image], factual), factual[image])}
    notes = {row: _note(scm, image) for row, scm in models.items()} | {IDENTITY: BY_CONSTRUCTION}
    results = []
    for cycle in cycles:
        metric = f"composition L1 ({cycle} cycle{'s' if cycle > 1 else ''})"
        for row, by_cycle in errors.items():
            if cycle in by_cycle:
                results += units.results(metric, row, by_cycle[cycle], unit="grey levels", note=notes.get(row, ""))
    return results


def reversibility(
    case: Case, models: Mapping[str, StructuralCausalModel], data: Dataset, *, seed: int = 0
) -> list[MetricResult]:
    """L1 to the factual image after the query and its undoing, do(v = factual value); grey levels.

    Args:
        case: A query with its answers.
        models: Models by row.
        data: The data set, for the oracle.
        seed: Seed of the second abduction.
    """
    factual = case.factual[case.image]
    undo = {name: case.factual[name] for name in case.query.do}
    results = []
    for answer in case.answers:
        note = ""
        if answer.world is not None:
            scm = models[answer.row]
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", SupportWarning)
                back = to_bytes(scm.counterfactual(dict(answer.world), undo, seed=seed)[case.image])
            note = _note(scm, case.image, ", up to clipped pixels")
        elif answer.row == ORACLE and data.truth is not None:
            back = redraw(data.truth, answer.images, case.factual)
        else:
            back, note = factual, BY_CONSTRUCTION
        results += case.units.results("reversibility L1", answer.row, l1(back, factual), unit="grey levels", note=note)
    return results


def _sources(graph: CausalGraph, nodes: Sequence[str]) -> list[str]:
    below = {name for node in nodes for name in graph.descendants(node)}
    return [name for name in graph.nodes if name in nodes and name not in below]


def _note(scm: StructuralCausalModel, image: str, but: str = "") -> str:
    return f"{BY_CONSTRUCTION}: bijective{but}" if scm.mechanisms[image].abduction is Abduction.BIJECTIVE else ""
