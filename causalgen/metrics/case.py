"""One query on the evaluated units, with the answers of the model, its controls and, if known, the truth."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from ..datasets import Dataset
from ..datasets.labels import RowLabels
from ..errors import DataError, SupportWarning
from ..graph import CausalGraph
from ..scm import Counterfactual, Posterior
from .controls import FLOOR, IDENTITY, MODEL, ORACLE, redraw
from .images import to_bytes
from .queries import Query
from .units import Units

__all__ = ["Answer", "Case", "ask"]


@dataclass(frozen=True)
class Answer:
    """The counterfactual units according to one row.

    Args:
        row: Name of the row: the model, a control or the oracle.
        images: uint8 `(N, C, H, W)`.
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
        graph: The graph, for the variables' units and ranges.
        image: Name of the image node.
        factual: Observed values, the image uint8.
        units: The units, labelled with the query.
        answers: One for each row of the tables.
        truth: The true counterfactual, if the generator is known and determines it.
        note: Why there is no truth, or "".
    """

    query: Query
    graph: CausalGraph
    image: str
    factual: Mapping[str, Tensor]
    units: Units
    answers: tuple[Answer, ...]
    truth: Answer | None = None
    note: str = ""

    def __getitem__(self, row: str) -> Answer:
        return next(answer for answer in self.answers if answer.row == row)

    def shown(self, answer: Answer) -> Mapping[str, Tensor]:
        """The attributes that the image of an answer should show: its own; for the identity control, the model's."""
        return self[MODEL].values if answer.row == IDENTITY else answer.values


def ask(
    query: Query, posteriors: Mapping[str, Posterior], data: Dataset, rows: RowLabels, *, image: str, seed: int
) -> Case:
    """Evaluate one query for all rows.

    Args:
        query: The intervention.
        posteriors: Abducted units by row, "model" among them.
        data: The data set, for the factual values and the truth.
        rows: Row labels of the units, `(N,)`.
        image: Name of the image node.
        seed: Seed of the bootstrap.
    """
    factual = data.rows(rows)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SupportWarning)  # tables have a stratum for it
        worlds = {row: posterior.counterfactual(query.do) for row, posterior in posteriors.items()}
    answers = [_of_world(row, world, image) for row, world in worlds.items()]
    on_cpu = {name: value.cpu() for name, value in query.do.items()}
    answers.append(Answer(IDENTITY, factual[image], {**factual, **on_cpu}))
    truth, note = None, ""
    if data.truth is not None:
        try:
            true = data.truth.counterfactual(rows, on_cpu)
            truth = Answer(FLOOR, true[image], true)
            answers.append(Answer(ORACLE, redraw(data.truth, factual[image], true), true))
        except DataError as error:
            note = f"{query.label}: the generator does not determine the counterfactual ({error})"
    supported = worlds[MODEL].supported.cpu().numpy().astype(bool)
    units = Units(query.label, data.groups(rows).numpy(), supported, seed)
    return Case(query, data.graph, image, factual, units, tuple(answers), truth, note)


def _of_world(row: str, world: Counterfactual, image: str) -> Answer:
    values = {name: tensor.cpu() for name, tensor in world.items() if not world.graph[name].is_image}
    return Answer(row, to_bytes(world[image]), values, world)
