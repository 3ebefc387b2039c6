"""One query on the evaluated units, with the answers of the model, its controls and, if known, the truth."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from ..errors import DataError, SupportWarning
from ..scm import Counterfactual
from .cohort import Cohort
from .controls import CODEC, FLOOR, IDENTITY, MODEL, ORACLE, redraw, through_codec
from .queries import Query
from .units import Units

__all__ = ["Answer", "Case", "ask"]


@dataclass(frozen=True)
class Answer:
    """The counterfactual units according to one row.

    Args:
        row: Name of the row: the model, a control or the oracle.
        images: `(N, C, H, W)`, rounded like the stored images of the data.
        values: Attributes `(N,)` by node.
        world: The counterfactual of a model; None for the identity, the oracle and the truth.
    """

    row: str
    images: Tensor
    values: Mapping[str, Tensor]
    world: Counterfactual | None = None


@dataclass(frozen=True)
class Case:
    """A query with its answers.

    Args:
        query: The intervention.
        cohort: The units and the models.
        units: The units, labelled with the query.
        answers: One for each row of the tables.
        truth: The true counterfactual, if the generator is known and determines it.
        note: Why there is no truth, or "".
    """

    query: Query
    cohort: Cohort
    units: Units
    answers: tuple[Answer, ...]
    truth: Answer | None = None
    note: str = ""

    def __getitem__(self, row: str) -> Answer:
        return next(answer for answer in self.answers if answer.row == row)

    def shown(self, answer: Answer) -> Mapping[str, Tensor]:
        """Return the attributes that an answer's image should show: its own; for the identity control, the model's."""
        return self[MODEL].values if answer.row == IDENTITY else answer.values


def ask(query: Query, cohort: Cohort) -> Case:
    """Evaluate one query for all rows.

    Args:
        query: The intervention, with a value for every unit of the whole cohort.
        cohort: The units and the models; a block of units keeps its numbers (see `Units`).
    """
    query = query.of(slice(cohort.start, cohort.start + len(cohort.rows)))
    truth, factual = cohort.data.truth, cohort.factual
    with warnings.catch_warnings(action="ignore", category=SupportWarning):  # tables have a stratum for it
        worlds = {row: posterior.counterfactual(query.do) for row, posterior in cohort.posteriors.items()}
    answers = [_of_world(row, world, cohort) for row, world in worlds.items()]
    on_cpu = {name: value.cpu() for name, value in query.do.items()}
    answers.append(Answer(IDENTITY, cohort.real, {**factual, **on_cpu}))
    known, note = None, ""
    if truth is not None:
        try:
            true = truth.counterfactual(cohort.rows, on_cpu)
            known = Answer(FLOOR, true[cohort.image], true)
            if truth.remorphs:
                answers.append(Answer(ORACLE, redraw(truth, cohort.real, true), true))
        except DataError as error:
            note = f"{query.label}: the generator does not determine the counterfactual ({error})"
    right = known or Answer(FLOOR, cohort.real, factual)
    coded = through_codec(cohort.models[MODEL], cohort.image, right.images, cohort.bits)
    if coded is not None:
        answers.append(Answer(CODEC, coded, right.values))
    supported = worlds[MODEL].supported.cpu().numpy().astype(bool)
    units = Units(query.label, cohort.groups, supported, cohort.seed, None if cohort.whole is None else [])
    return Case(query, cohort, units, tuple(answers), known, note)


def _of_world(row: str, world: Counterfactual, cohort: Cohort) -> Answer:
    values = {name: tensor.cpu() for name, tensor in world.items() if not world.graph[name].is_image}
    return Answer(row, cohort.stored(world[cohort.image]), values, world)
