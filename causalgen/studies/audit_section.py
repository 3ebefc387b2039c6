"""The section `audit` of a study: classifiers whose answers about the same image are compared under interventions."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from ..own_code import code_near
from .data_section import Count, StudySection
from .study_sections import By, Do, Scale

__all__ = ["Audit"]


class Audit(StudySection):
    """One audit: how a classifier's output on the same image changes under interventions."""

    classifier: str
    """A .onnx or .pt file relative to the study file, a folder of a causalgen classifier, or module:function."""
    do: Annotated[tuple[Do, ...], Field(strict=False, min_length=1)]
    """Interventions, each by node; nodes of one entry are set together."""
    outcome: str | int | None = None
    """The class of interest: its label, or its position among the outputs; for a single score, its name."""
    labels: Annotated[tuple[str, ...], Field(strict=False)] = ()
    """Names of the classes, in the order of the outputs; left out: those that the classifier knows."""
    scale: Scale = 1.0
    """Factor for pixels from 0 to 255; 1/255 for a classifier that expects [0, 1]."""
    logits: bool = False
    """Whether the classifier gives logits."""
    unit: str = "probability"
    """Unit of the score."""
    threshold: float | None = None
    """Lowest score that counts as a positive decision."""
    margin: Annotated[float, Field(gt=0)] | None = None
    """Smallest change of practical importance, in the unit of the score; left out: 0.05 for a probability."""
    subgroups: By = {}
    """Attributes that form subgroups; continuous ones are cut at their terciles, or as given: `[sex, {age: [40, 60]}]`."""
    image: str | None = None
    """The image that the classifier sees; left out: the only one of the graph."""
    rows: Count = 1000
    """Maximum number of test units."""
    particles: Count | None = None
    """Draws of each unit's noise; left out: 4 where the noise is uncertain."""
    level: Annotated[float, Field(gt=0, lt=1)] = 0.95
    """Level of the intervals."""

    def below(self, folder: Path) -> "Audit":
        """The same with an absolute path of the classifier."""
        if (folder / self.classifier).exists():
            return self.model_copy(update={"classifier": str((folder / self.classifier).resolve())})
        return self.model_copy(update={"classifier": code_near(self.classifier, folder)})
