"""A shift or expression that is applied to the units for which it has a value, and records the others."""

from collections.abc import Callable

import torch
from torch import Tensor

from ..errors import DataError, SupportError
from ..graph import Variable
from ..scm.values import as_tensor
from ..typing import Values

__all__ = ["Answerable"]


class Answerable:
    """An intervention by a function; units for which it has no value keep their natural value, and are recorded.

    Args:
        variable: The node.
        what: The function `(value, parents) -> value`.
    """

    answered: Tensor
    """Whether each unit of the last call has a value, bool `(B,)`, on the CPU."""

    def __init__(self, variable: Variable, what: Callable[[Tensor, Values], Tensor]) -> None:
        self.variable, self.what = variable, what

    def __call__(self, value: Tensor, parents: Values) -> Tensor:
        self.answered = torch.ones(len(value), dtype=torch.bool)
        try:
            return self._found(value, parents)
        except (DataError, SupportError):
            found = value.clone()
        for unit in range(len(value)):
            here = slice(unit, unit + 1)
            try:
                found[here] = self._found(value[here], {name: column[here] for name, column in parents.items()})
            except (DataError, SupportError):
                self.answered[unit] = False
        return found

    def _found(self, value: Tensor, parents: Values) -> Tensor:
        """The values, checked against the support of the variable."""
        like = value if value.is_floating_point() else value.new_zeros((), dtype=torch.float32)
        found = self.what(value, dict(parents))
        if not isinstance(found, Tensor) and not self.variable.is_discrete:
            found = torch.as_tensor(found)
        return as_tensor(self.variable, found, like, count=len(value)).expand(len(value))
