"""Audit and repair of a classifier: how its output on the same unit changes under interventions on attributes."""

from .audit import audit, audit_images
from .files import load_classifier
from .images import CounterfactualImages, counterfactual_images
from .kept_trainings import KeptTrainings, decided_by
from .movers import Movers
from .page import write_audit
from .predicted_label import PredictedLabel, read_label
from .repair import RepairReport, repair
from .repair_page import write_repair
from .report import AuditReport
from .rows import AuditRow
from .scorer import Scorer, Scores, as_classifier
from .trainers import LabelledImages, OwnTrainer, PredictorTrainer, load_trainer
from .trust import Shown, Trust

__all__ = [
    "AuditReport",
    "AuditRow",
    "CounterfactualImages",
    "KeptTrainings",
    "LabelledImages",
    "Movers",
    "OwnTrainer",
    "PredictorTrainer",
    "RepairReport",
    "Scorer",
    "Scores",
    "Shown",
    "PredictedLabel",
    "Trust",
    "as_classifier",
    "audit",
    "audit_images",
    "counterfactual_images",
    "decided_by",
    "load_classifier",
    "load_trainer",
    "read_label",
    "repair",
    "write_audit",
    "write_repair",
]
