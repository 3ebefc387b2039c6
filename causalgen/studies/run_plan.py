"""The plan of a run: the study with all defaults, and what follows from it and its graph, derived once at the start."""

from dataclasses import dataclass

from ..graph import CausalGraph
from ..scm import StructuralCausalModel
from ..training import FitConfig
from .evaluation import ReadAttributes
from .few_images import few_images_note, with_few_images
from .modelling import build_model
from .schema import Study
from .settings import fit_config, resolve, shrink
from .sources import lacking_rows, split_rows, study_graph
from .validate import check_study

__all__ = ["RunPlan"]


@dataclass(frozen=True)
class RunPlan:
    """A checked study, ready to run.

    Args:
        study: The study, defaults filled in.
        graph: The graph of its data.
        config: Settings of training.
        read: Attributes that networks read from the images.
        rows: Number of complete rows in each split; for a data set of the catalog, by the usual shares.
        lacking: Number of further training rows, whose missing attributes are inferred in training.
        note: Note about defaults that depend on the number of images; empty if there are none.
        smoke: Whether the study was shrunk.
    """

    study: Study
    graph: CausalGraph
    config: FitConfig
    read: ReadAttributes
    rows: dict[str, int]
    lacking: int
    note: str
    smoke: bool = False

    @classmethod
    def of(cls, study: Study, device: str = "auto", *, smoke: bool = False) -> "RunPlan":
        """Check a study and fill in its defaults.

        Args:
            study: The study.
            device: "auto", "cpu", "cuda" or "mps".
            smoke: Whether to shrink the study.

        Raises:
            StudyError: The study does not fit its graph; the message names every fault.
            DataFaultsError: The user's table has faults; the message lists all.
            DataError: This machine has no such device.
        """
        graph = study_graph(study)
        check_study(study, graph)
        given = shrink(study) if smoke else study
        study = resolve(with_few_images(given, graph))
        return cls(
            study,
            graph,
            fit_config(study.training, study.seed, device),
            ReadAttributes.of(study, graph),
            split_rows(study.data),
            lacking_rows(study.data),
            few_images_note(given, study),
            smoke,
        )

    def build_model(self) -> StructuralCausalModel:
        """The model before training."""
        return build_model(self.study, self.graph)
