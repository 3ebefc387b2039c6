"""What a classifier predicts: an attribute, or whether an attribute has one of some labels."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from ..errors import DataError
from ..grammar import check_value
from ..graph import CausalGraph, Variable

__all__ = ["PredictedLabel", "read_label"]


@dataclass(frozen=True)
class PredictedLabel:
    """The label of every image.

    Args:
        attribute: A discrete attribute.
        labels: Those of its labels that count as "yes"; empty for the attribute itself.
    """

    attribute: Variable
    labels: tuple[Any, ...] = ()

    @cached_property
    def variable(self) -> Variable:
        """The label as a variable."""
        if not self.labels:
            return self.attribute
        *most, last = map(str, self.labels)
        listed = f"{', '.join(most)} or {last}" if most else last
        return Variable(f"{self.attribute.name} is {listed}", "binary", labels=("no", "yes"))

    def codes(self, values: Mapping[str, Tensor]) -> Tensor:
        """Codes of the label, int64 `(N,)`, from attributes `(N,)`."""
        own = values[self.attribute.name].cpu()
        if not self.labels:
            return own.long()
        return torch.isin(own, torch.tensor([self.attribute.encode(label) for label in self.labels])).long()


def read_label(graph: CausalGraph, text: str) -> PredictedLabel:
    """The label that a text names, such as "diagnosis" or "digit=5,6,7,8,9".

    Raises:
        UnknownNameError: No such attribute.
        DataError: An attribute without labels, or a label that it does not have.

    >>> digit = Variable("digit", "categorical", labels=(1, 2, 3))
    >>> image = Variable("image", "image", shape=(1, 8, 8))
    >>> read_label(CausalGraph("digit -> image", [digit, image]), "digit=2,3").variable.name
    'digit is 2 or 3'
    """
    name, equals, rest = (text, "", "") if text in graph else map(str.strip, text.partition("="))
    variable = graph[graph.require(name)]
    if not variable.is_discrete:
        raise DataError(
            f"Expected an attribute with labels as the target; got the {variable.kind} '{name}'. Choose another, or bin it "
            "in the table."
        )
    labels = tuple(dict.fromkeys(check_value(variable, word.strip()) for word in rest.split(","))) if equals else ()
    if equals and len(labels) == len(variable.labels or ()):
        raise DataError(f"Expected some labels of '{name}', not all; got {rest}. Leave one out.")
    return PredictedLabel(variable, labels)
