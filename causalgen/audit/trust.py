"""How far the counterfactual images can be trusted: do they show the intervention, and was it seen in training?

With e the error of the value read from a counterfactual image, n that of the factual image against the same target (the error
of an image left unchanged) and f that of the factual image against its own attribute (the reading error), the share of the
requested change that the images show is

    reached = sum(n - e) / sum(n - f)    over the units whose attribute the intervention moves,

0 for a generator that returns the factual image, 1 for images that read as well as real ones.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import DataError
from ..graph import CausalGraph, Variable
from ..metrics import Interval, Measure, Readers, bootstrap
from ..typing import Values
from .responses import Redrawn

if TYPE_CHECKING:
    from .images import CounterfactualImages

__all__ = ["PREDICTED", "Reader", "Shown", "Trust", "check_readers", "trust"]

MEASURED, PREDICTED = "measured", "predicted"
UNKNOWN = Interval(np.nan, np.nan, np.nan)


@dataclass(frozen=True)
class Shown:
    """One attribute, read from the counterfactual images.

    Args:
        attribute: Its name.
        how: "measured", or "predicted" by a classifier of the attribute.
        error: Mean absolute difference to the counterfactual attribute; for a discrete one the share of wrong labels.
        unchanged: The same error for the factual images, that is, for a generator that changes nothing.
        floor: The same error of the factual images against their own attributes: the reading error.
        drift: For an attribute that the intervention does not change: the excess error of the counterfactual images over
            those of the null intervention, in standard deviations of the attribute, for a discrete one as a share; else NaN.
        read: Share of the counterfactual images on which the attribute can be measured; errors are over these.
        moved: Share of the units whose attribute the intervention changes.
        reached: Share of the requested change that the images show, over the units that it moves; NaN where it moves none.
        readable: Whether reading distinguishes images with the change from images without it. It is also False if the
            images seem to show none of the change and reading factual images is no better than one guess for all.
        unit: Unit of the errors, "" for shares.
        discrete: Whether errors are shares of wrong labels.
        drawn: Whether the attribute is a parent of the image. Readings of other attributes are reported but do not
            affect the verdict, since a reader infers them from the parents of the image.
    """

    attribute: str
    how: str
    error: float
    unchanged: float
    floor: float
    drift: float
    read: float
    moved: float = 0.0
    reached: Interval = UNKNOWN
    readable: bool = True
    unit: str = ""
    discrete: bool = False
    drawn: bool = True


@dataclass(frozen=True)
class Trust:
    """Trust in the images of one intervention.

    Args:
        intervention, effect: As in the rows of the report.
        supported: Share of the units within joint support of training.
        shown: Effectiveness, one entry for each attribute that can be read.
        moved: Share of the units with an attribute that the intervention changes.
        unread: Parents of the image that the intervention changes and that no reader covers.
    """

    intervention: str
    effect: str
    supported: float
    shown: tuple[Shown, ...]
    moved: float = 1.0
    unread: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reader:
    """Reads one attribute from images.

    Args:
        variable: The attribute.
        how: "measured" or "predicted".
        function: Images `(N, C, H, W)` and the attributes that they should show to one number each, `(N,)`.
    """

    variable: Variable
    how: str
    function: Callable[[Tensor, Values], Any]

    def __call__(self, images: Tensor, values: Values) -> NDArray[np.float64]:
        """The attribute that the images show, `(N,)`; NaN where it cannot be read.

        Raises:
            DataError: Not one number for each image.
        """
        numbers = np.asarray(torch.as_tensor(self.function(images, values)), dtype=np.float64)
        if numbers.shape != (len(images),):
            raise DataError(
                f"Expected the measurement of '{self.variable.name}' to give one number per image, ({len(images)},); got "
                f"{numbers.shape}."
            )
        return numbers

    def errors(self, found: NDArray, wanted: NDArray) -> NDArray[np.float64]:
        """Error of each image, `(N,)`: an absolute difference, or whether the label is wrong; NaN where nothing was read."""
        difference = (found != wanted).astype(np.float64) if self.variable.is_discrete else np.abs(found - wanted)
        return np.where(np.isfinite(found), difference, np.nan)


def check_readers(graph: CausalGraph, readers: Readers) -> dict[str, Reader]:
    """The reader of each attribute; a measurement takes precedence over a predictor.

    Raises:
        UnknownNameError: A name is not a node.
        DataError: A measurement is of a discrete attribute, or a classifier is of another attribute.
    """
    measure = readers.measure
    classifiers = {**readers.predictors, **readers.classifiers}
    for name in (*measure, *classifiers):
        graph.require(name)
    for name in measure:
        if graph[name].kind != "continuous":
            raise DataError(f"Expected measurements of continuous attributes; got '{name}'. Pass a classifier of it.")
    for name, classifier in classifiers.items():
        if (classifier.variable.kind, classifier.variable.labels) != (graph[name].kind, graph[name].labels):
            raise DataError(
                f"Expected a classifier with the labels of '{name}'; got one of '{classifier.variable.name}', "
                f"{classifier.variable.labels or 'which is continuous'}."
            )
        if not set(classifier.given) <= set(graph.nodes):
            raise DataError(
                f"Expected a predictor of '{name}' that needs attributes of the graph only; got one that needs "
                f"{', '.join(classifier.given)}."
            )
    found = {name: Reader(graph[name], PREDICTED, reader.predict) for name, reader in classifiers.items()}
    return found | {name: Reader(graph[name], MEASURED, _measurement(function)) for name, function in measure.items()}


def trust(made: "CounterfactualImages", readers: Mapping[str, Reader]) -> tuple[Trust, ...]:
    """Read the attributes from the first particle of every counterfactual image.

    Args:
        made: The images.
        readers: See `check_readers`.
    """
    factual, drawn = made.factual, made.graph.parents(made.image)
    attributes = {
        name: _Attribute(reader, reader(made.images, factual), made, drawn=name in drawn)
        for name, reader in readers.items()
    }
    trusted = []
    for response in made.responses:
        rebuilt = {name: reader(response.null.images[0], response.null.values) for name, reader in readers.items()}
        for effect, redrawn in response.effects.items():
            moved = _moved(redrawn, response.null, factual)
            shown = tuple(entry.shown(rebuilt[name], redrawn, moved[name]) for name, entry in attributes.items())
            changed = float(np.any([moved[name] for name in response.do], axis=0).mean())
            unread = tuple(name for name in drawn if name in moved and name not in readers and moved[name].any())
            trusted.append(Trust(response.label, effect, float(redrawn.supported.mean()), shown, changed, unread))
    return tuple(trusted)


@dataclass(frozen=True, eq=False)
class _Attribute:
    """One attribute of the audited units.

    Args:
        reader: Its reader.
        before: Readings of the factual images, `(N,)`.
        made: The images.
        drawn: Whether it is a parent of the image.
    """

    reader: Reader
    before: NDArray[np.float64]
    made: "CounterfactualImages"
    drawn: bool

    @property
    def own(self) -> NDArray:
        """The factual attribute `(N,)`."""
        return self.made.factual[self.reader.variable.name].cpu().numpy()

    def gain(self, numerator: NDArray, use: NDArray[np.bool_], denominator: NDArray | None = None) -> Interval:
        """Return the mean over the units in `use`, or a ratio of sums, bootstrapped over groups."""
        below = None if denominator is None else denominator[use]
        return bootstrap(numerator[use], self.made.groups[use], denominator=below, seed=self.made.seed)

    def shown(self, rebuilt: NDArray[np.float64], redrawn: Redrawn, moved: NDArray[np.bool_]) -> Shown:
        """Return how far the counterfactual images show the attribute.

        Args:
            rebuilt: Readings of the images of the null intervention `(N,)`.
            redrawn: The units in the counterfactual world.
            moved: Units whose attribute the intervention changes, bool `(N,)`.
        """
        variable, errors = self.reader.variable, self.reader.errors
        after, wanted = self.reader(redrawn.images[0], redrawn.values), redrawn.values[variable.name].numpy()
        error, unchanged, floor = errors(after, wanted), errors(self.before, wanted), errors(self.before, self.own)
        read = np.isfinite(error + unchanged + floor) & moved
        spread = 1.0 if variable.is_discrete else float(self.own.std()) or 1.0
        reached = self.gain(unchanged - error, read, unchanged - floor)
        apart = self.gain(unchanged - floor, read).low > 0
        return Shown(
            variable.name,
            self.reader.how,
            error=_mean(error),
            unchanged=_mean(unchanged),
            floor=_mean(floor),
            drift=np.nan if moved.any() else (_mean(error) - _mean(errors(rebuilt, self.own))) / spread,
            read=float(np.isfinite(after).mean()),
            moved=float(moved.mean()),
            reached=reached,
            readable=bool(apart) and (reached.low > 0 or self._skilled(floor)),
            unit="" if variable.is_discrete else variable.unit or "",
            discrete=variable.is_discrete,
            drawn=self.drawn,
        )

    def _skilled(self, floor: NDArray[np.float64]) -> bool:
        """Return whether the errors on factual images, `(N,)`, are below those of one guess for all."""
        values, counts = np.unique(self.own, return_counts=True)
        guess = values[counts.argmax()] if self.reader.variable.is_discrete else np.median(self.own)
        gained = self.reader.errors(np.full(len(self.own), guess, dtype=np.float64), self.own) - floor
        return bool(self.gain(gained, np.isfinite(gained)).low > 0)


def _moved(redrawn: Redrawn, null: Redrawn, factual: Values) -> dict[str, NDArray[np.bool_]]:
    """Return the units whose attributes the intervention changes, bool `(N,)` by attribute.

    A mechanism that runs again reproduces a value only up to rounding, so a difference of that size is not a change.
    """
    return {
        name: ((value != null.values[name]) & (value != factual[name].cpu())).numpy()
        for name, value in redrawn.values.items()
    }


def _measurement(function: Measure) -> Callable[[Tensor, Values], Any]:
    return lambda images, values: function(images)


def _mean(errors: NDArray[np.float64]) -> float:
    """Mean error over the images that could be read; NaN without any."""
    return float(np.nanmean(errors)) if np.isfinite(errors).any() else float("nan")
