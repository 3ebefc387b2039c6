"""Causal discovery: the graphs that fit the data, their stability, and their agreement with the user's graph.

No algorithm returns the one right graph: each returns a class of graphs under assumptions, which are listed.
"""

from .comparison import Comparison, PairComparison, class_of_graph, compare, shd
from .discover import Discovery, discover
from .equivalence import EquivalenceClass
from .frequencies import Frequencies
from .knowledge import Knowledge

__all__ = [
    "Comparison",
    "Discovery",
    "EquivalenceClass",
    "Frequencies",
    "Knowledge",
    "PairComparison",
    "class_of_graph",
    "compare",
    "discover",
    "shd",
]
