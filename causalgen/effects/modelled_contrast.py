"""A contrast in a fitted model: over samples, over real units, and over the units' images."""

import warnings
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..errors import DataError, SupportWarning
from ..grammar import compared_worlds
from .correction import calibrate
from .measured_images import Images, measure_units

if TYPE_CHECKING:
    from ..scm import StructuralCausalModel

__all__ = ["ModelledContrast", "RefittedUnits"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ModelledContrast:
    """A model of attributes, evaluated under both values of the contrast with common noise."""

    model: "StructuralCausalModel"
    treatment: str
    outcome: str
    contrast: tuple[Any, Any]
    seed: int

    def effect(self, n: int) -> tuple[float, float]:
        """Effect and its Monte Carlo error over `n` sampled units."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SupportWarning)  # the estimate from data reports where it extrapolates
            a, b = (self._outcomes(self.model.sample(n, do=do, seed=self.seed)) for do in self._compared)
        return float((b - a).mean()), float((b - a).std() / np.sqrt(n))

    def counterfactuals(self, factual: Mapping[str, Any]) -> Array:
        """Outcomes of real units under both values, `(2, units)`."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SupportWarning)  # already given when the images were generated
            posterior = self.model.abduct(factual, seed=self.seed)
            return np.stack([self._outcomes(posterior.counterfactual(do, seed=self.seed)) for do in self._compared])

    @property
    def _compared(self) -> tuple[dict[str, Any], dict[str, Any]]:
        return compared_worlds(self.treatment, self.contrast)

    def _outcomes(self, world: Mapping[str, Any]) -> Array:
        return world[self.outcome].double().cpu().numpy()


class RefittedUnits:
    """Measured units, whose readings follow refitted mechanisms along a line.

    Args:
        scm: The fitted model, with the image's mechanism.
        images: The units, and what is read on their images.
        index: Index labels of the table's rows.
        modelled: The contrast in the part of the model that is refitted.
    """

    def __init__(
        self, scm: "StructuralCausalModel", images: Images, index: pd.Index, modelled: ModelledContrast
    ) -> None:
        measured = measure_units(
            scm,
            images,
            treatment=modelled.treatment,
            outcome=modelled.outcome,
            contrast=modelled.contrast,
            seed=modelled.seed,
        )
        self._measured, self._modelled = measured, modelled
        columns = {name: images.factual[name] for name in modelled.model.graph.nodes}
        self._factual = {
            name: (np.asarray(column) if isinstance(column, list | tuple) else column)[measured.kept]
            for name, column in columns.items()
        }
        self._start = modelled.counterfactuals(self._factual)
        assigned = np.concatenate([measured.control_assigned, measured.treated_assigned])
        self._follow = calibrate(np.concatenate([measured.control, measured.treated]), assigned).slope
        self.moved = np.zeros_like(self._start)
        self._rows = None if images.rows is None else _positions(index, images.rows, len(measured.kept))[measured.kept]

    def once(self) -> NDArray[np.int64]:
        return np.ones(len(self._measured.factual), dtype=np.int64)

    def counts(self, rows: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
        """How often each unit is drawn when the table's rows are drawn `rows` times."""
        if self._rows is not None:
            return rows[self._rows]
        units = len(self._measured.factual)
        return rng.multinomial(units, np.full(units, 1 / units))

    def refitted(self) -> Array:
        """Change of the outcomes under both values in the refitted model, `(2, units)`."""
        return self._modelled.counterfactuals(self._factual) - self._start

    def effect(self, counts: NDArray[np.int64], moved: Array) -> float:
        """Corrected effect over the units, each counted `counts` times."""
        measured = self._measured
        slope = calibrate(np.repeat(measured.factual, counts), np.repeat(measured.assigned, counts)).slope
        difference = measured.treated - measured.control + self._follow * (moved[1] - moved[0])
        return float(counts @ difference / counts.sum() / slope)


def _positions(index: pd.Index, rows: Sequence[Hashable], units: int) -> NDArray[np.int64]:
    if not index.is_unique:
        raise DataError(
            "Expected distinct index labels of the table, since `rows` refers to them. Reset the index first."
        )
    positions = index.get_indexer(pd.Index(list(rows)))
    if len(positions) != units or (positions < 0).any():
        raise DataError(
            f"Expected an index label of a complete row of the table for each of {units} units; got {len(positions)} "
            f"labels, {(positions < 0).sum()} of them unknown. Leave rows out to resample the units separately."
        )
    return positions
