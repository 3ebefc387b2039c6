r"""Rows with missing attributes in training: Monte Carlo expectation maximisation.

Several times in a stage, the missing values of every row are drawn from their posterior given the known values of the
row, under the current model (see `scm.completion`); training continues on the completed rows, one draw per epoch. The
draws are those of the E-step of

.. math:: \theta_{t+1} = \arg\max_\theta \; \mathbb{E}_{h \sim p_{\theta_t}(h \mid x)} \log p_\theta(x, h),

and the epochs until the next completion are its M-step (Wei and Tanner, A Monte Carlo EM algorithm, 1990).
"""

import copy
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from ..errors import DataError, EvidenceWarning, PrivacyError
from ..graph import CausalGraph
from ..nn import seeded
from ..scm import StructuralCausalModel
from ..scm.chunks import units_at_once
from ..scm.completion import complete, hidden_groups
from ..scm.evidence import Evidence, known_cells
from ..scm.importance import check_observable
from ..scm.linear_evidence import is_linear_gaussian
from .config import Stage
from .guesses import chained_guesses
from .stage import NodeTrainer, as_float

__all__ = ["DRAWS", "CompletionPlan", "Rows", "averaged_weights", "read_cells", "require_likelihoods"]

DRAWS = 5
"""Draws of every missing value."""


@dataclass
class Rows:
    """Rows to train on, or to validate on.

    Args:
        values: Columns `(N, ...)` by node; a placeholder where a value is missing.
        known: By attribute with missing values: bool `(N,)`, whether the value is known.
        drawn: By attribute with missing values: draws of them, `(k, missing)`.
    """

    values: dict[str, Tensor]
    known: dict[str, Tensor] = field(default_factory=dict)
    drawn: dict[str, Tensor] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(next(iter(self.values.values())))

    def filled(self, number: int = 0) -> dict[str, Tensor]:
        """Return the columns, with missing values filled with one of the draws, by turns."""
        columns = dict(self.values)
        for name, draws in self.drawn.items():
            columns[name] = columns[name].clone()
            columns[name][~self.known[name]] = draws[number % len(draws)].to(columns[name])
        return columns

    def stacked(self, names: list[str]) -> dict[str, Tensor]:
        """Return some attributes, with all fillings one after another."""
        parts = [self.filled(number) for number in range(DRAWS if self.drawn else 1)]
        return {name: torch.cat([part[name] for part in parts]) for name in names}

    def knowing(self, names: list[str]) -> Tensor:
        """Return the positions of the rows in which the values of some nodes are known."""
        lacking = [~self.known[name] for name in names if name in self.known]
        return (~torch.stack(lacking).any(dim=0) if lacking else self._every()).nonzero()[:, 0]

    def complete_rows(self) -> int:
        """The number of rows.

        Raises:
            PrivacyError: Values are missing: their completions would depend on other rows.
        """
        if self.known:
            raise PrivacyError(
                f"Expected complete rows to train with differential privacy; got missing values of {', '.join(self.known)}. "
                "Use missing='drop'."
            )
        return len(self)

    def identity(self) -> dict[str, Tensor]:
        """Return a key that distinguishes these rows from others."""
        return self.values | {f"{name} known": known for name, known in self.known.items()}

    def guess(self, graph: CausalGraph) -> None:
        """Fill missing values by regressions, to start from; draws depend on torch's global state."""
        if self.known:
            attributes = {name: self.values[name] for name in graph.attributes}
            self.drawn = chained_guesses(graph, attributes, self.known, DRAWS)

    @torch.no_grad()
    def complete(self, scm: StructuralCausalModel, unfitted: frozenset[str], seed: int) -> None:
        """Draw the missing values from their posterior under the model so far.

        Args:
            scm: The model.
            unfitted: Images whose mechanisms are not fitted yet; they are ignored.
            seed: Seed of the draws.

        Raises:
            SupportError: The model cannot produce the known values of a row.
        """
        if not self.known:
            return
        scm.eval()
        used = [n for n in scm.graph.nodes if n not in unfitted or scm.graph.children(n)]
        shapes = [scm.graph[n].shape for n in used if scm.graph[n].is_image]
        rows = self._by_pattern()
        size = min([len(rows), *map(units_at_once, shapes)])
        with seeded(seed, scm.like.device), warnings.catch_warnings():
            warnings.simplefilter("ignore", EvidenceWarning)  # rare under a model that is not fitted yet
            for part in rows.split(max(1, size)):
                self._complete_part(scm, part, used, unfitted)

    def _complete_part(
        self, scm: StructuralCausalModel, part: Tensor, used: list[str], unfitted: frozenset[str]
    ) -> None:
        every = torch.ones(len(part), dtype=torch.bool, device=part.device)
        values = {name: as_float(self.values[name][part.to(self.values[name].device)].to(part.device)) for name in used}
        known = {name: self.known[name][part] if name in self.known else every for name in used}
        draws = complete(scm, Evidence(values, known), DRAWS, ignored=unfitted).by_particle()
        for name, is_known in self.known.items():
            place = (~is_known).cumsum(0) - 1  # of each row among those that lack the value
            lacking = ~is_known[part]
            self.drawn[name][:, place[part[lacking]]] = draws[name][:, lacking].to(self.drawn[name])

    def _by_pattern(self) -> Tensor:
        """Return the positions of the rows with missing values, grouped by the attributes that are missing."""
        lacks = torch.stack([~known for known in self.known.values()], dim=1)
        number = lacks.unique(dim=0, return_inverse=True)[1]
        order = number.argsort(stable=True)
        return order[lacks[order].any(dim=1)]

    def _every(self) -> Tensor:
        column = next(iter(self.values.values()))
        return torch.ones(len(column), dtype=torch.bool, device=column.device)


@dataclass(frozen=True)
class CompletionPlan:
    """When missing values are redrawn in a stage, and which rows it trains on.

    Args:
        due: Epochs before which missing values are redrawn.
        every: Number of training rows.
        certain: Rows that lack none of the values that the stage needs, for the start; None for all rows.
    """

    due: frozenset[int]
    every: int
    certain: Tensor | None = None

    @classmethod
    def of(
        cls, scm: StructuralCausalModel, train: Rows, label: str, nodes: list[str], stage: Stage
    ) -> "CompletionPlan":
        """The plan of a stage: completions are evenly spread over its second half, when the model has learned something.

        An image starts with the rows in which its parents are known, if they fill a batch: before it has learned
        anything, it cannot infer the values of its parents, and an image that learns from wrong values attributes them
        to its noise.
        """
        names = [*nodes, *(parent for name in nodes for parent in scm.graph.parents(name))]
        if nodes and not train.known.keys() & set(names):
            return cls(frozenset(), len(train))
        half = stage.epochs - stage.epochs // 2
        spread = {stage.epochs // 2 + half * number // stage.completions for number in range(stage.completions)}
        if [label] != nodes or not scm.graph[label].is_image:
            return cls(frozenset(spread - {0}), len(train))
        certain = train.knowing(names)
        enough = len(certain) >= stage.units(len(train))
        return cls(frozenset({0, *spread}), len(train), certain if enough else None)

    def rows(self, epoch: int) -> Tensor | None:
        """Positions of the rows of an epoch; None for all."""
        return self.certain if epoch < min(self.due - {0}, default=0) else None

    def count(self, epoch: int) -> int:
        """Number of rows of an epoch."""
        rows = self.rows(epoch)
        return self.every if rows is None else len(rows)


@contextmanager
def averaged_weights(trainers: Sequence[NodeTrainer]) -> Iterator[None]:
    """Give the mechanisms their averaged weights inside this context."""
    states = [copy.deepcopy(trainer.mechanism.state_dict()) for trainer in trainers]
    for trainer in trainers:
        trainer.mechanism.load_state_dict(trainer.averaged.state_dict())
    try:
        yield
    finally:
        for trainer, state in zip(trainers, states):
            trainer.mechanism.load_state_dict(state)


def read_cells(scm: StructuralCausalModel, name: str, value: Any, split: str) -> tuple[Tensor, Tensor | None]:
    """An attribute with a placeholder where it is missing, and which values are known, `(N,)` each; None for all.

    Args:
        scm: The model.
        name: The attribute.
        value: Its values; a missing one is None, NaN or NA, or code -1 in a tensor of codes.
        split: Name of the split, for the message.

    Raises:
        DataError: No value is known.
    """
    if isinstance(value, Tensor) and not value.is_floating_point():
        cells, known = value.clamp_min(0), value >= 0
    else:
        cells, known = known_cells(scm.graph[name], value)
    if not known.any():
        raise DataError(
            f"Expected values of '{name}' in the {split} split; got none. The model infers single values, not an attribute "
            "that nobody recorded: leave it out with graph.project([...])."
        )
    known = known.to(scm.like.device)
    return scm.tensor(name, cells), None if known.all() else known


def require_likelihoods(scm: StructuralCausalModel, known: Mapping[str, Tensor]) -> None:
    """Refuse missing values whose known children have mechanisms without likelihood.

    Args:
        scm: The model.
        known: By attribute with missing values: bool `(N,)`.

    Raises:
        NotObservableError: A known node with a missing parent has a mechanism without likelihood.
    """
    if not known:
        return
    for pattern in torch.stack(list(known.values()), dim=1).unique(dim=0).tolist():
        missing = frozenset(name for name, is_known in zip(known, pattern) if not is_known)
        for group in hidden_groups(scm.graph, missing):
            if not is_linear_gaussian(scm, group):
                check_observable(scm, group)
