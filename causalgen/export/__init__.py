"""Export: the counterfactuals of a fitted model as graphs that run without causalgen, checked against the model."""

from .check import ExportAgreement, Graphs
from .export import Exported, export_model
from .graph_files import FORMATS
from .runtime_graphs import AbductGraph, Port, PredictGraph
from .shrink import PRECISIONS, ExportQuestion, compare, shrink

__all__ = [
    "FORMATS",
    "PRECISIONS",
    "AbductGraph",
    "ExportAgreement",
    "Exported",
    "ExportQuestion",
    "Graphs",
    "Port",
    "PredictGraph",
    "compare",
    "export_model",
    "shrink",
]
