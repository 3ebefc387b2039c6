"""A variable of a causal graph, with its kind, unit and range of values."""

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal, get_args

from ..errors import DataError, GraphError, nearest

__all__ = ["Kind", "Variable"]

Kind = Literal["continuous", "binary", "categorical", "ordinal", "image"]
"""Kinds of variable: continuous, binary, categorical, ordinal, image."""


MOST_LABELS = 8
"""Labels that `repr` shows."""


@dataclass(frozen=True, repr=False)
class Variable:
    """One endogenous variable.

    Values of a discrete variable are *codes*, positions in `labels`, inside tensors, and labels wherever people read or
    write them.

    Args:
        name: Name of the node; also the column name in a table.
        kind: continuous, binary, categorical, ordinal or image; None in a graph for identification alone.
        shape: Shape of one value: `()` for attributes, `(C, H, W)` for images, `(C, D, H, W)` for volumes, which are images
            of three dimensions.
        labels: Labels of a discrete variable, in code order (for ordinal: ascending).
        support: Lowest and highest allowed value of a continuous variable or of a pixel; an image has
            (0, 255) by default.
        unit: Unit for axes and tables, such as "px" or "years".

    Raises:
        GraphError: A field contradicts the kind.

    >>> pen = Variable("pen", "binary", labels=("ballpoint", "felt-tip"))
    >>> pen.encode("felt-tip"), pen.decode(0)
    (1, 'ballpoint')
    >>> Variable("thickness", "continuous", support=(0.5, 9), unit="px")
    Variable('thickness', 'continuous', support=(0.5, 9.0), unit='px')
    """

    name: str
    kind: Kind | None = None
    shape: tuple[int, ...] = field(default=(), kw_only=True)
    labels: tuple[Hashable, ...] | None = field(default=None, kw_only=True)
    support: tuple[float, float] | None = field(default=None, kw_only=True)
    unit: str | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.strip():
            raise GraphError(f"Expected a variable name that is a non-empty string; got {self.name!r}.")
        if self.kind is not None and self.kind not in get_args(Kind):
            kinds = ", ".join(get_args(Kind))
            raise GraphError(
                f"Expected the kind of '{self.name}' to be one of {kinds}; got {self.kind!r}."
                + nearest(str(self.kind), get_args(Kind))
            )
        if not isinstance(self.unit, str | None):
            raise GraphError(f"Expected the unit of '{self.name}' as text; got {self.unit!r}.")
        try:
            object.__setattr__(self, "shape", tuple(int(n) for n in self.shape))
        except (TypeError, ValueError, OverflowError):
            raise GraphError(
                f"Expected the shape of '{self.name}' as whole numbers such as (1, 28, 28); got {self.shape!r}."
            ) from None
        if self.kind == "binary" and self.labels is None:
            object.__setattr__(self, "labels", (False, True))
        if self.kind == "image" and self.support is None:
            object.__setattr__(self, "support", (0.0, 255.0))
        self._check_labels()
        self._check_shape()
        if self.support is not None:
            object.__setattr__(self, "support", self._read_support())

    def _read_support(self) -> tuple[float, float]:
        try:
            low, high = (float(bound) for bound in self.support or ())
        except (TypeError, ValueError, OverflowError):
            low = high = float("nan")
        if not low < high:
            raise GraphError(
                f"Expected the support of '{self.name}' as (low, high) with low < high; got {self.support!r}."
            )
        if self.is_image and not math.isfinite(high - low):
            raise GraphError(f"Expected finite values of black and white for '{self.name}'; got {self.support!r}.")
        return low, high

    def _check_labels(self) -> None:
        if self.is_discrete:
            if self.labels is None:
                raise GraphError(
                    f"Expected labels for the {self.kind} variable '{self.name}'; got none. List them in code order."
                )
            if isinstance(self.labels, str) or not isinstance(self.labels, Iterable):
                raise GraphError(f"Expected the labels of '{self.name}' as a list in code order; got {self.labels!r}.")
            labels = tuple(label.item() if hasattr(label, "item") else label for label in self.labels)
            if not all(isinstance(label, Hashable) for label in labels):
                raise GraphError(f"Expected labels of '{self.name}' that are strings or numbers; got {list(labels)}.")
            object.__setattr__(self, "labels", labels)
            if len(set(labels)) != len(labels):
                raise GraphError(f"Expected distinct labels for '{self.name}'; got {list(labels)}.")
            if len(labels) < 2 or (self.kind == "binary" and len(labels) != 2):
                wanted = "exactly 2 labels" if self.kind == "binary" else "at least 2 labels"
                raise GraphError(f"Expected {wanted} for the {self.kind} variable '{self.name}'; got {list(labels)}.")
        elif self.labels is not None:
            raise GraphError(f"Expected no labels for '{self.name}' of kind {self.kind}; got {list(self.labels)}.")

    def _check_shape(self) -> None:
        if self.kind == "image":
            if len(self.shape) not in (3, 4) or min(self.shape) < 1:
                raise GraphError(
                    f"Expected the shape of the image '{self.name}' as (channels, height, width), or that of a volume as "
                    f"(channels, depth, height, width); got {self.shape}."
                )
        elif self.shape:
            raise GraphError(
                f"Expected shape () for '{self.name}' of kind {self.kind}; got {self.shape}. Only images have a shape."
            )

    @property
    def is_discrete(self) -> bool:
        """Whether the values are codes into `labels`."""
        return self.kind in ("binary", "categorical", "ordinal")

    @property
    def is_image(self) -> bool:
        """Whether a value is an image of `shape` (channels, height, width), or a volume."""
        return self.kind == "image"

    @property
    def is_volume(self) -> bool:
        """Whether a value is a volume: an image of `shape` (channels, depth, height, width)."""
        return self.is_image and len(self.shape) == 4

    @property
    def axis_label(self) -> str:
        """Name with unit, for axes and table headers."""
        return f"{self.name} [{self.unit}]" if self.unit else self.name

    def __repr__(self) -> str:
        """The declaration as Python code; many labels are shown as their number."""
        said: dict[str, Any] = {"shape": self.shape or None, "labels": self.labels, "support": self.support}
        said["unit"] = self.unit
        parts = [repr(self.name), *([repr(self.kind)] if self.kind else [])]
        for name, value in said.items():
            if name == "labels" and value is not None and len(value) > MOST_LABELS:
                parts.append(f"labels=<{len(value)}: {value[0]!r} ... {value[-1]!r}>")
            elif value is not None:
                parts.append(f"{name}={value!r}")
        return f"Variable({', '.join(parts)})"

    def _code_book(self) -> tuple[Hashable, ...]:
        if self.labels is None:
            raise DataError(f"Expected a discrete variable; got '{self.name}' of kind {self.kind}, without labels.")
        return self.labels

    @property
    def _takes_truth(self) -> bool:
        """Whether truth values are labels: Python counts True as 1, and 1 among the labels 1 and 2 often means no."""
        return set(self._code_book()) <= {0, 1}

    def encode(self, label: Any) -> int:
        """Code of one label.

        Raises:
            DataError: The label is not among the labels.
        """
        labels = self._code_book()
        if not isinstance(label, bool) or self._takes_truth:
            for code, known in enumerate(labels):
                if known == label:
                    return code
        for code, known in enumerate(labels):  # "3" for 3 from a command line or a CSV file
            if str(known) == str(label):
                return code
        shown = ", ".join(map(repr, labels[:12])) + (", ..." if len(labels) > 12 else "")
        raise DataError(
            f"Expected a label of '{self.name}' among {shown}; got {label!r}."
            + (nearest(str(label), map(str, labels)) or " Use one of them.")
        )

    def decode(self, code: int) -> Hashable:
        """Label of one code.

        Raises:
            DataError: The code is not a position in the labels.
        """
        labels = self._code_book()
        if not 0 <= int(code) < len(labels):
            raise DataError(f"Expected a code of '{self.name}' in 0..{len(labels) - 1}; got {code}.")
        return labels[int(code)]

    def encode_all(self, labels: Sequence[Any]) -> list[int]:
        """Codes of many labels."""
        table = {known: code for code, known in enumerate(self._code_book())}
        truth = self._takes_truth
        return [
            table[label] if label in table and (truth or not isinstance(label, bool)) else self.encode(label)
            for label in labels
        ]

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form, which `from_dict` reads."""
        data: dict[str, Any] = {
            "name": self.name,
            "kind": self.kind,
            "shape": list(self.shape) or None,
            "unit": self.unit,
        }
        data["labels"] = None if self.labels is None else list(self.labels)
        data["support"] = None if self.support is None else list(self.support)
        return {key: value for key, value in data.items() if value is not None}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Variable":
        """The variable that `to_dict` wrote.

        Raises:
            GraphError: A field is unknown or missing.

        >>> Variable.from_dict({"name": "thickness", "kind": "continuous", "unit": "px"}).axis_label
        'thickness [px]'
        """
        known = [entry.name for entry in fields(cls)]
        for key in data:
            if key not in known:
                raise GraphError(
                    f"Expected fields of a variable among {', '.join(known)}; got {key!r}." + nearest(str(key), known)
                )
        if "name" not in data:
            raise GraphError(f"Expected a variable with a name; got {dict(data)}.")
        return cls(**data)
