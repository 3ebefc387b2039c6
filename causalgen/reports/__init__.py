"""Results as figures, tables and one readable page."""

from typing import TYPE_CHECKING

from ..on_use import load_on_use

if TYPE_CHECKING:
    from .ambiguity_plot import plot_ambiguity
    from .augmented_files import AugmentedFiles, write_augmented
    from .changes_plot import plot_changes
    from .citations import CITATIONS, Citation
    from .content import DataSummary, Gallery, MechanismSummary, ReportContent
    from .counterfactual_files import CounterfactualFiles, write_counterfactual
    from .counterfactual_plot import plot_counterfactual
    from .curves import ResponseCurve, plot_history, plot_response
    from .effects import EffectFindings, plot_balance, plot_overlap, plot_sensitivity
    from .effects.write import write_effect_report
    from .forest_plot import plot_forest
    from .graph_plot import plot_graph
    from .image_changes import change_sentence, lead_changes
    from .images import plot_samples
    from .marginals import plot_data
    from .metric_plot import plot_metrics
    from .parts import Highlight
    from .world_plot import plot_worlds
    from .write import write_report

__all__ = [
    "CITATIONS",
    "AugmentedFiles",
    "Citation",
    "CounterfactualFiles",
    "DataSummary",
    "EffectFindings",
    "Gallery",
    "Highlight",
    "MechanismSummary",
    "ReportContent",
    "ResponseCurve",
    "change_sentence",
    "lead_changes",
    "plot_ambiguity",
    "plot_balance",
    "plot_changes",
    "plot_counterfactual",
    "plot_data",
    "plot_forest",
    "plot_graph",
    "plot_history",
    "plot_metrics",
    "plot_overlap",
    "plot_response",
    "plot_samples",
    "plot_sensitivity",
    "plot_worlds",
    "write_augmented",
    "write_counterfactual",
    "write_effect_report",
    "write_report",
]

load_on_use(
    __name__,
    {
        "AugmentedFiles": "augmented_files",
        "CITATIONS": "citations",
        "Citation": "citations",
        "CounterfactualFiles": "counterfactual_files",
        "DataSummary": "content",
        "EffectFindings": "effects",
        "Gallery": "content",
        "Highlight": "parts",
        "MechanismSummary": "content",
        "ReportContent": "content",
        "ResponseCurve": "curves",
        "change_sentence": "image_changes",
        "lead_changes": "image_changes",
        "plot_ambiguity": "ambiguity_plot",
        "plot_balance": "effects",
        "plot_changes": "changes_plot",
        "plot_counterfactual": "counterfactual_plot",
        "plot_data": "marginals",
        "plot_forest": "forest_plot",
        "plot_graph": "graph_plot",
        "plot_history": "curves",
        "plot_metrics": "metric_plot",
        "plot_overlap": "effects",
        "plot_response": "curves",
        "plot_samples": "images",
        "plot_sensitivity": "effects",
        "plot_worlds": "world_plot",
        "write_augmented": "augmented_files",
        "write_counterfactual": "counterfactual_files",
        "write_effect_report": "effects.write",
        "write_report": "write",
    },
)
