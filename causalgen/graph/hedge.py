"""The hedge: the part of a graph that makes an effect impossible to compute from the data.

Reference:
    Shpitser and Pearl, Identification of joint interventional distributions in recursive semi-Markovian causal models
    (2006), theorem 4.
"""

from collections.abc import Collection
from dataclasses import dataclass

from .graph import CausalGraph

__all__ = ["Hedge", "hedge_between"]


@dataclass(frozen=True)
class Hedge:
    """Two sets F ⊃ F′ with the same roots, each joined by bidirected edges, where only F meets the treatment.

    Two models can then agree on everything observable and differ in the effect.

    Args:
        larger: F, which contains a treatment; all of its members lead to the roots.
        smaller: F′, which contains no treatment.
        roots: The members of F′ without children in it.
    """

    larger: tuple[str, ...]
    smaller: tuple[str, ...]
    roots: tuple[str, ...]

    def __str__(self) -> str:
        many = "roots" if len(self.roots) > 1 else "root"
        return f"F = {{{', '.join(self.larger)}}} and F′ = {{{', '.join(self.smaller)}}} with {many} {', '.join(self.roots)}"


def hedge_between(graph: CausalGraph, larger: Collection[str], smaller: Collection[str]) -> Hedge:
    """The hedge of two districts, with the roots of the smaller one."""
    roots = (name for name in smaller if set(smaller).isdisjoint(graph.children(name)))
    return Hedge(graph.select(larger), graph.select(smaller), graph.select(roots))
