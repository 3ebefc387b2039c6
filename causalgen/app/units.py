"""The units of an explorer: rows of the run's data, and images of the user's own. Each is abducted once."""

import warnings
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..datasets import Dataset
from ..errors import CausalgenWarning, DataError, UnknownNameError
from ..grammar import check_value
from ..scm import Posterior, StructuralCausalModel
from ..studies.asking import abducted, file_unit, fitted_data, fitted_model
from ..studies.saved_model import Asked, ModelDraws, SavedModel, drawn_units, seed_of

__all__ = ["ExploredUnit", "ExploredUnits"]

MOST_OWN, MOST_POSTERIORS = 32, 64
"""Maximum number of own images and of posteriors to keep; the oldest are dropped first."""
ROW, OWN = "row-", "own-"
OVERRIDE = " Fill in the field to override this."


@dataclass(frozen=True)
class ExploredUnit:
    """One unit.

    Args:
        key: Its name in requests.
        label: Its row label, or the names of its files.
        scm: The part of the model that it has values for.
        factual: Its known values, one unit each.
        notes: What was measured, resized or left out, in sentences.
        files: Image files by node, of a user's own unit.
        given: Attributes that the user gave with them.
    """

    key: str
    label: Any
    scm: StructuralCausalModel
    factual: Mapping[str, Any]
    notes: tuple[str, ...] = ()
    files: Mapping[str, str] | None = None
    given: Mapping[str, Any] | None = None

    @property
    def complete(self) -> bool:
        """Whether nothing has to be inferred."""
        return all(name in self.factual for name in self.scm.graph.nodes)


class ExploredUnits:
    """The units of a run's data, by position, and the user's own.

    Args:
        run: A run with a fitted model; or a saved model, from which units are drawn, since it comes without data.

    Raises:
        CheckpointError: The run has no fitted model, or one of another graph than the data's.
        DataError: The data cannot be loaded.
    """

    def __init__(self, run: Asked) -> None:
        self.run = run
        self.seed = seed_of(run)
        self.scm = fitted_model(run)
        self.data: Dataset | ModelDraws = (
            drawn_units(self.scm, run.name) if isinstance(run, SavedModel) else fitted_data(run, self.scm)
        )
        self.frame = self.data.frame()
        self._labels = self.frame.index.tolist()
        self._places = {label: place for place, label in enumerate(self._labels)}
        self._by_text = {str(label): place for label, place in self._places.items()}
        self._own: OrderedDict[str, ExploredUnit] = OrderedDict()
        self._posteriors: OrderedDict[tuple[str, int], tuple[Posterior, tuple[str, ...]]] = OrderedDict()
        self._count = 0

    @property
    def splits(self) -> dict[str, int]:
        """Number of rows by split."""
        return {name: len(rows) for name, rows in self.data.split.items()}

    def page(self, split: str, number: int, size: int) -> list[str]:
        """Keys of the units on one page of a split, in the order of the data.

        Raises:
            UnknownNameError: There is no such split.
        """
        if split not in self.data.split:
            raise UnknownNameError(f"Expected a split among {', '.join(self.data.split)}; got {split!r}.")
        labels = self.data.split[split][number * size : (number + 1) * size].tolist()
        return [f"{ROW}{self._places[label]}" for label in labels]

    def key_of(self, text: str) -> str:
        """The key of the row whose label reads like `text`.

        Raises:
            DataError: The data have no such row.
        """
        place = self._by_text.get(text.strip())
        if place is None:
            first = ", ".join(map(str, self._labels[:3]))
            raise DataError(f"Expected a row of '{self.data.name}', such as {first}; got '{text}'. Check the label.")
        return f"{ROW}{place}"

    def unit(self, key: str) -> ExploredUnit:
        """The unit of a key.

        Raises:
            DataError: The unit does not exist, or no longer exists.
        """
        if key in self._own:
            self._own.move_to_end(key)
            return self._own[key]
        number = key.removeprefix(ROW)
        if key.startswith(ROW) and number.isdecimal() and int(number) < len(self._labels):
            label = self._labels[int(number)]
            return ExploredUnit(key, label, self.scm, self.data.rows([label]))
        raise DataError("Expected a unit that is loaded; this one is not, or no longer is. Choose it again.")

    def add(self, files: Mapping[str, Path], texts: Mapping[str, str]) -> ExploredUnit:
        """A unit from image files by node, and attributes as text; those without text are measured or inferred.

        Raises:
            DataError: A file is not a usable image, or a text is not a value.
            MissingValueError: An attribute is missing that the model cannot infer.
            SupportError: A value outside its support, or one that the model cannot produce.
        """
        graph = self.scm.graph
        given = {graph.require(name): check_value(graph[name], text) for name, text in texts.items()}
        with warnings.catch_warnings(record=True) as raised:
            warnings.simplefilter("always", CausalgenWarning)
            outside = file_unit(self.run, self.scm, files, given, asked=graph.attributes, override=OVERRIDE)
        self._count += 1
        unit = ExploredUnit(
            key=f"{OWN}{self._count}",
            label=", ".join(path.name for path in files.values()),
            scm=outside.scm,
            factual=outside.factual,
            notes=(*outside.notes, *(str(each.message) for each in raised)),
            files={name: path.name for name, path in files.items()},
            given=given,
        )
        self._own[unit.key] = unit
        while len(self._own) > MOST_OWN:
            self._own.popitem(last=False)
        return unit

    def forget(self, key: str) -> None:
        """Drop an own unit that turned out to have no answer."""
        self._own.pop(key, None)

    def posterior(self, unit: ExploredUnit, draws: int) -> tuple[Posterior, tuple[str, ...]]:
        """The posterior of a unit, and what a reader must know; one draw answers as `causalgen counterfactual` does."""
        key = (unit.key, draws)
        if key not in self._posteriors:
            particles = draws if draws > 1 or not unit.complete else None
            self._posteriors[key] = abducted(unit.scm, unit.factual, particles, self.seed, override=OVERRIDE)
            while len(self._posteriors) > MOST_POSTERIORS:
                self._posteriors.popitem(last=False)
        self._posteriors.move_to_end(key)
        return self._posteriors[key]
