"""Claims about counterfactuals: a quantity of each unit, and a statement about it.

Without limits, a claim says that the model's answer is a better guess than no change: in another world that fits the
data equally well, the quantity differs from the model's answer by less than the factual quantity does; for an image,
less than that of the factual image as the model redraws it. For a label the claim is the label itself, and for an image
the quantity is the mean absolute difference from the model's image.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import DataError
from ..graph import CausalGraph, Variable

__all__ = ["Claim", "ReadClaim", "read_claims"]

Numbers = NDArray[np.float64]
Limit = float | Sequence[float] | Tensor | NDArray


@dataclass(frozen=True, eq=False)
class Claim:
    """A statement about a quantity of each unit under an intervention.

    Args:
        of: A node, or a function of the values `(B, ...)` of one node to a number for each unit, `(B,)`, such as a measurement
            of images or the score of a classifier; it may give NaN where it cannot measure.
        node: The node whose values the function takes; None for the only image.
        low, high: The quantity lies between these, given for all units or for each, `(B,)`. With neither, the claim is that the
            model's answer is a better guess than no change.
        change: Whether the limits are for the change from the factual quantity.
    """

    of: str | Callable[[Any], Any]
    node: str | None = None
    low: Limit | None = None
    high: Limit | None = None
    change: bool = False


@dataclass(frozen=True, eq=False)
class ReadClaim:
    """A claim that fits a model, with its limits as arrays that can be compared with `(B,)`.

    Args:
        name: Its name.
        variable: The variable whose values the quantity is taken from.
        function: The quantity of values of that variable; None for the variable itself.
        low, high: Limits; None if there is none.
        change: Whether they are for the change.
    """

    name: str
    variable: Variable
    function: Callable[[Any], Any] | None
    low: Numbers | None
    high: Numbers | None
    change: bool

    @property
    def is_distance(self) -> bool:
        """Whether the quantity compares a whole image with the model's."""
        return self.function is None and self.variable.is_image

    @property
    def is_label(self) -> bool:
        """Whether the quantity is 1 if the label is the model's, else 0."""
        return self.function is None and self.variable.is_discrete

    @property
    def has_limits(self) -> bool:
        return self.low is not None or self.high is not None

    def quantity(self, values: Tensor, answer: Tensor) -> Numbers:
        """The quantity of values `(B, ...)`, where `answer` holds the model's values of these units.

        Raises:
            DataError: The function fails, or does not give one number for each unit.
        """
        if self.is_distance:
            return _numbers((values - answer).abs().flatten(1).double().mean(1))
        if self.is_label:
            return _numbers((values == answer).double())
        found = values if self.function is None else self._call(values)
        if found.shape != (len(values),):
            raise DataError(
                f"Expected the claim '{self.name}' to give one number for each unit, ({len(values)},); got the shape "
                f"{tuple(found.shape)}. Reduce each unit to one number."
            )
        return found if isinstance(found, np.ndarray) else _numbers(found)

    def _call(self, values: Tensor) -> Numbers:
        assert self.function is not None
        found = self.function(values)
        try:
            return _numbers(found)
        except (TypeError, ValueError):
            raise DataError(
                f"Expected the claim '{self.name}' to give numbers; got {type(found).__name__}. Return one number for each "
                "unit, such as the probability of a class."
            ) from None

    def slack(self, found: Numbers, answer: Numbers, factual: Numbers) -> Numbers:
        """Slack of the claim; the claim holds if this is positive, and is undefined if it is NaN."""
        if not self.has_limits:
            reach = np.abs(factual - answer)
            return np.where(reach > 0, reach - np.abs(found - answer), np.nan)
        limited = found - factual if self.change else found
        below = np.inf if self.low is None else limited - self.low
        above = np.inf if self.high is None else self.high - limited
        return np.minimum(below, above)

    def words(self) -> str:
        """The statement as a predicate, without its subject."""
        if self.is_label:
            return "has the label of the model's answer"
        if not self.has_limits:
            return "is nearer to the model's answer than no change is"
        subject = "changes by " if self.change else "lies "
        low, high = (_shown(limit) for limit in (self.low, self.high))
        if low is None:
            return subject + f"at most {high}" if self.change else f"is at most {high}"
        if high is None:
            return subject + f"at least {low}" if self.change else f"is at least {low}"
        return subject + f"{low} to {high}" if self.change else f"lies between {low} and {high}"


def read_claims(graph: CausalGraph, of: Any, moved: Sequence[str], units: int) -> list[ReadClaim]:
    """The claims by name; None for one about each node in `moved`, images last.

    Raises:
        DataError: Not claims, or limits that are not numbers, in the wrong order or of the wrong length.
        UnknownNameError: A name is not a node.
    """
    if of is None:
        of = sorted(moved, key=lambda name: graph[name].is_image)
    if isinstance(of, str | Claim) or callable(of):
        raise DataError(f"Expected claims by name, {{'name': claim}}, or a list of nodes; got {of!r}.")
    claims = dict(of) if isinstance(of, Mapping) else {name: name for name in of}
    if not claims:
        raise DataError("Expected at least one claim; got none. Name a node that the intervention reaches.")
    return [_read(graph, str(name), claim, units) for name, claim in claims.items()]


def _read(graph: CausalGraph, name: str, given: Any, units: int) -> ReadClaim:
    claim = given if isinstance(given, Claim) else Claim(given)
    if isinstance(claim.of, str):
        graph.require(claim.of)
        node, function = claim.of, None
    elif callable(claim.of):
        node, function = _node(graph, name, claim.node), claim.of
    else:
        raise DataError(f"Expected a node, a function or a Claim for '{name}'; got {given!r}.")
    low, high = (_limit(name, side, units) for side in (claim.low, claim.high))
    if low is not None and high is not None and not (low <= high).all():
        raise DataError(
            f"Expected low <= high for the claim '{name}'; got {claim.low!r} and {claim.high!r}. Swap them."
        )
    read = ReadClaim(name, graph[node], function, low, high, claim.change)
    if read.has_limits and (read.is_label or read.is_distance):
        raise DataError(
            f"Expected no limits for '{name}', which is {'an image' if read.is_distance else 'a label'}; got some. Use a "
            "function of it that gives a number."
        )
    if claim.change and not read.has_limits:
        raise DataError(f"Expected low or high for the change in the claim '{name}'; got neither. Give one.")
    return read


def _node(graph: CausalGraph, name: str, node: str | None) -> str:
    if node is None and len(graph.images) == 1:
        return graph.images[0]
    if node is None:
        raise DataError(
            f"Expected the node whose values the claim '{name}' takes; got none, and there is not one image alone. "
            "Write Claim(function, node=...)."
        )
    return graph.require(node)


def _limit(name: str, given: Limit | None, units: int) -> Numbers | None:
    if given is None:
        return None
    try:
        limit = np.asarray(torch.as_tensor(given, dtype=torch.float64).cpu())
    except (TypeError, ValueError):
        limit = np.empty((0, 0))
    if limit.shape not in ((), (units,)) or np.isnan(limit).any() or isinstance(given, bool):
        raise DataError(
            f"Expected the limits of the claim '{name}' as numbers, one or one for each of {units} units; got {given!r}."
        )
    return limit


def _shown(limit: Numbers | None) -> str | None:
    if limit is None:
        return None
    return f"{float(limit):.3g}" if limit.ndim == 0 else "a limit for each unit"


def _numbers(values: Any) -> Numbers:
    if isinstance(values, Tensor):
        values = values.detach().cpu().double().numpy()
    return np.asarray(values, dtype=np.float64)
