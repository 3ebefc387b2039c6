"""A model at a glance: the mechanism of each node, its parents, and its abduction."""

from html import escape
from typing import TYPE_CHECKING

import pandas as pd

from ..mechanisms import Mechanism
from ..mechanisms.catalog import name_of

if TYPE_CHECKING:
    from .model import StructuralCausalModel

__all__ = ["as_html", "as_text", "summarize"]

MOST_LINES = 16
"""Maximum number of nodes in the text; the table has all."""


def summarize(scm: "StructuralCausalModel") -> pd.DataFrame:
    """One row per node; see `StructuralCausalModel.summary`."""
    rows = [
        {
            "node": name,
            "kind": scm.graph[name].kind,
            "mechanism": _mechanism_name(mechanism),
            "parents": ", ".join(mechanism.parents),
            "abduction": mechanism.abduction.value,
            "counterfactuals": mechanism.identification.kind.value,
            "assumption": mechanism.identification.assumption,
            "parameters": _parameters(mechanism),
            "fitted": mechanism.fitted,
        }
        for name, mechanism in scm.mechanisms.items()
    ]
    return pd.DataFrame(rows).set_index("node")


def as_text(scm: "StructuralCausalModel") -> str:
    """The structural assignments, one line each, below the totals."""
    nodes = scm.graph.nodes
    shown = nodes[:MOST_LINES]
    width = max(len(name) for name in shown)
    lines = [
        f"  {name:<{width}} := {_mechanism_name(scm.mechanisms[name])}({', '.join(('noise', *scm.graph.parents(name)))})"
        for name in shown
    ]
    more = [f"  ... and {len(nodes) - len(shown)} more nodes; see summary()"] if len(shown) < len(nodes) else []
    return "\n".join([f"StructuralCausalModel({_totals(scm)})", *lines, *more])


def as_html(scm: "StructuralCausalModel") -> str:
    """The summary as a table for notebooks."""
    table = summarize(scm).to_html(border=0, index_names=False)
    return f"<p><b>StructuralCausalModel</b>: {escape(_totals(scm))}</p>{table}"


def _totals(scm: "StructuralCausalModel") -> str:
    count = sum(map(_parameters, scm.mechanisms.values()))
    fitted = "fitted" if all(mechanism.fitted for mechanism in scm.mechanisms.values()) else "not fitted"
    private = "" if scm.privacy is None else f", differentially private (epsilon {scm.privacy.epsilon:.3g})"
    return f"{len(scm.graph)} node{'s' * (len(scm.graph) != 1)}, {count:,} trainable parameters, {fitted}{private}"


def _mechanism_name(mechanism: Mechanism) -> str:
    """The study file's word, or the class if it is not in the catalog."""
    return name_of(mechanism).rpartition(":")[2]


def _parameters(mechanism: Mechanism) -> int:
    return sum(parameter.numel() for parameter in mechanism.parameters() if parameter.requires_grad)
