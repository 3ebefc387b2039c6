"""Results: units sampled from a world, and counterfactuals with their factuals."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import pandas as pd
import torch
from torch import Tensor

from ..errors import UnknownNameError, nearest
from ..graph import CausalGraph
from .interventions import describe
from .values import to_frame

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..reports import CounterfactualFiles

__all__ = ["Counterfactual", "Samples"]

MOST_ROWS = 20
"""Rows of a table in a notebook."""


class _Values(Mapping[str, Tensor]):
    """Read-only mapping from node to tensor."""

    graph: CausalGraph
    tensors: dict[str, Tensor]

    def __getitem__(self, name: str) -> Tensor:
        if name not in self.tensors:
            known = list(self.tensors)
            raise UnknownNameError(f"Expected a node among {', '.join(known)}; got '{name}'." + nearest(name, known))
        return self.tensors[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.tensors)

    def __len__(self) -> int:
        return len(self.tensors)


@dataclass(frozen=True, eq=False, repr=False)
class Samples(_Values):
    """Units drawn from a model, a mapping from node to tensor `(n, ...)`.

    Args:
        graph: Graph of the model.
        tensors: Tensors by node.
        do: Interventions under which the units were drawn.
        effective_sample_size: With evidence, the effective sample size of the proposals; else n.
    """

    graph: CausalGraph
    tensors: dict[str, Tensor]
    do: dict[str, Any] = field(default_factory=dict)
    effective_sample_size: float = float("nan")

    def to_frame(self) -> pd.DataFrame:
        """Attributes as a table with labels, one row per unit; images are left out."""
        return to_frame(self.graph, self.tensors)

    def plot(self, image: str | None = None, *, units: int = 24, **options: Any) -> "Figure":
        """A grid of the images of the first units; see `causalgen.reports.plot_samples`.

        Args:
            image: Name of an image node; None for the first.
            units: Number of units to show at most.

        Raises:
            UnknownNameError: No image node has that name, or there is none.
        """
        from ..reports import plot_samples

        known = [name for name in self.tensors if self.graph[name].is_image]
        if image is None and known:
            image = known[0]
        if image not in known:
            raise UnknownNameError(f"Expected an image node among {', '.join(known) or 'none'}; got '{image}'.")
        return plot_samples(self[image][:units], variable=self.graph[image], **options)

    def _repr_png_(self) -> tuple[bytes, dict[str, int]] | None:
        """The grid, where there are images."""
        if not any(self.graph[name].is_image for name in self.tensors):
            return None
        from ..reports.display import as_png

        return as_png(self.plot())

    def __repr__(self) -> str:
        do = ", ".join(describe(self.graph[name], what) for name, what in self.do.items())
        shapes = ", ".join(f"{name} {tuple(tensor.shape)}" for name, tensor in self.tensors.items())
        return f"Samples({shapes}" + (f"; do({do}))" if do else ")")


@dataclass(frozen=True, eq=False, repr=False)
class Counterfactual(_Values):
    """Counterfactual values of observed units, a mapping from node to tensor.

    Tensors are `(B, ...)`, or `(k, B, ...)` with k particles.

    Args:
        graph: Graph of the model.
        factual: Observed values `(B, ...)`.
        tensors: Counterfactual values by node; the object itself is a mapping to them.
        do: The interventions as given.
        supported: Bool of the leading shape: all recomputed nodes have parents inside the joint range of training.
        particles: Number of particles, or None.
        guided: Nodes whose mechanism gives changed parents more weight than the distribution does: guided edits.
        labels: Row label of each unit, `(B,)`, if the factual values have labels (`Dataset.rows`, a data frame).
        completed: If values were missing, the factual values of every particle, `(k, B, ...)` by node.
    """

    graph: CausalGraph
    factual: dict[str, Tensor]
    tensors: dict[str, Tensor]
    do: dict[str, Any]
    supported: Tensor
    particles: int | None = None
    guided: tuple[str, ...] = ()
    labels: pd.Index | None = None
    completed: dict[str, Tensor] | None = None

    @property
    def title(self) -> str:
        """The intervention as text, such as "do(thickness = 3 px)"; a guided edit is labelled."""
        inner = ", ".join(describe(self.graph[name], what) for name, what in self.do.items())
        return f"do({inner})" + (", guided edit" if self.guided else "")

    @overload
    def difference(self, name: str) -> Tensor: ...

    @overload
    def difference(self, name: None = None) -> dict[str, Tensor]: ...

    def difference(self, name: str | None = None) -> Tensor | dict[str, Tensor]:
        """Counterfactual minus factual, of one node or of every node by name, `(B, ...)` or `(k, B, ...)`.

        Continuous nodes and images: signed, in natural units. Ordinal and binary ones: labels up or down. Categorical
        ones, whose labels have no order: 1 where the label changed, else 0.
        """
        if name is None:
            return {node: self.difference(node) for node in self}
        after, before = self[name], (self.factual if self.completed is None else self.completed)[name]
        if self.graph[name].kind == "categorical":
            return (after != before).to(after.dtype)
        return after - before

    def to_frame(self) -> pd.DataFrame:
        """One row per unit (and particle): factual attributes, counterfactual ones with the suffix `_cf`, support flag.

        The column `unit` numbers the units from 0; the index holds their row labels, if any.
        """
        repeat = self.particles or 1
        factual = {n: t.repeat(repeat, *[1] * (t.dim() - 1)) for n, t in self.factual.items()}
        if self.completed is not None:
            factual = {n: t.flatten(0, 1) for n, t in self.completed.items()}
        flat = {n: t.flatten(0, 1) if self.particles else t for n, t in self.tensors.items()}
        frame = to_frame(self.graph, factual).join(to_frame(self.graph, flat).add_suffix("_cf"))
        frame["supported"] = self.supported.reshape(-1).cpu().numpy()
        units = len(next(iter(self.factual.values())))
        frame.insert(0, "unit", torch.arange(units).repeat(repeat).numpy())
        if self.particles:
            frame.insert(1, "particle", torch.arange(repeat).repeat_interleave(units).numpy())
        return frame if self.labels is None else frame.set_index(self.labels.take(frame["unit"].to_numpy()))

    def plot(self, units: int | Sequence[int] = 6, **options: Any) -> "Figure":
        """Grid of factual, counterfactual and difference images; see `causalgen.reports.plot_counterfactual`."""
        from ..reports import plot_counterfactual

        return plot_counterfactual(self, units, **options)

    def save(self, folder: str | Path, **options: Any) -> "CounterfactualFiles":
        """Write a table, a PNG for each image, and the grid; see `causalgen.reports.write_counterfactual`."""
        from ..reports import write_counterfactual

        return write_counterfactual(folder, self, **options)

    def _repr_html_(self) -> str | None:
        """The table where there is no image to show."""
        if any(variable.is_image for variable in self.graph.variables.values()):
            return None
        table = self.to_frame().to_html(index=False, border=0, max_rows=MOST_ROWS)
        return f"<p>{escape(repr(self))}</p>{table}"

    def _repr_png_(self) -> tuple[bytes, dict[str, int]] | None:
        """The grid of the first units, where there are images."""
        if not any(variable.is_image for variable in self.graph.variables.values()):
            return None
        from ..reports.display import as_png

        return as_png(self.plot())

    def __repr__(self) -> str:
        units = len(next(iter(self.factual.values())))
        particles = f", {self.particles} particles" if self.particles else ""
        inside = int(self.supported.sum())
        return (
            f"Counterfactual({self.title}, {units} units{particles}, {inside} of {self.supported.numel()} in support)"
        )
