"""Audit of a classifier: how its output on the same unit changes under interventions on attributes."""

from .audit import audit, audit_images
from .files import load_classifier
from .images import CounterfactualImages, counterfactual_images
from .movers import Movers
from .page import write_audit
from .report import AuditReport
from .rows import AuditRow
from .scorer import Scorer, Scores, as_classifier
from .trust import Shown, Trust

__all__ = [
    "AuditReport",
    "AuditRow",
    "CounterfactualImages",
    "Movers",
    "Scorer",
    "Scores",
    "Shown",
    "Trust",
    "as_classifier",
    "audit",
    "audit_images",
    "counterfactual_images",
    "load_classifier",
    "write_audit",
]
