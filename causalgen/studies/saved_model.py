"""A saved model without the run that fitted it, and what commands need to know about it or about a run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor

from ..datasets.labels import ROW
from ..errors import RunFolderError
from ..graph import CausalGraph
from ..models.model_library import stored_model
from ..scm import StructuralCausalModel
from ..scm.values import check_finite, to_frame
from ..typing import UnitValues, Values
from .measurements import Measurement, find_measurements
from .runfolder import RUN, RunFolder, read_run

__all__ = [
    "PRETRAINED",
    "Asked",
    "ModelDraws",
    "SavedModel",
    "drawn_units",
    "measurements_of",
    "name_of",
    "read_asked",
    "seed_of",
]

PRETRAINED = "pretrained:"
"""Prefix of the name of a model that `causalgen models list` shows."""
MODEL = "model.json"


@dataclass(frozen=True)
class SavedModel:
    """A folder with a fitted model, which holds neither a study nor data.

    Args:
        name: Its name.
        model: The folder.
        trust_code: Whether mechanisms that are not causalgen's are imported.
    """

    name: str
    model: Path
    trust_code: bool = False

    @property
    def path(self) -> Path:
        """Folder of answers: one in the working directory, since the model's own folder may be shared."""
        return Path(f"{self.name}-answers")

    def lacks(self, what: str) -> RunFolderError:
        """Return the error about something that needs the data or the study of a run."""
        return RunFolderError(
            f"Expected a run folder for {what}; got the saved model '{self.name}', which comes without its data and study. "
            "Use the run folder of its author, or `causalgen run` your own study."
        )


Asked = RunFolder | SavedModel
"""The object of commands about a fitted model: a run or a saved model."""


def read_asked(place: Path | str, *, trust_code: bool = False) -> Asked:
    """The run in a folder, or the saved model in a folder or of a name.

    Args:
        place: A run folder, a model folder, or pretrained:NAME with the name of a model that `causalgen models list` shows.
        trust_code: Whether code that study and model name may be imported.

    Raises:
        RunFolderError: There is neither.
        UnknownNameError: No model has this name.
    """
    if str(place).startswith(PRETRAINED):
        name = str(place).removeprefix(PRETRAINED)
        return SavedModel(name, stored_model(name), trust_code)
    path = Path(place)
    if (path / MODEL).is_file() and not (path / RUN).exists():
        whole = path.resolve()
        name = whole.parent.name if whole.name == "model" else whole.name
        return SavedModel(name or "model", path, trust_code)
    if path.exists() and not (path / RUN).exists():
        raise RunFolderError(
            f"Expected a run folder with a {RUN}, or a model folder with a {MODEL}; got '{path}', which holds neither. "
            "`causalgen run STUDY` makes a run, `causalgen models get` fetches a model."
        )
    return read_run(path, trust_code=trust_code)


def name_of(asked: Asked) -> str:
    """The name of the study or model."""
    return asked.name if isinstance(asked, SavedModel) else asked.study.name


def seed_of(asked: Asked) -> int:
    """The study's seed; 0 for a saved model."""
    return 0 if isinstance(asked, SavedModel) else asked.study.seed


def measurements_of(asked: Asked) -> Mapping[str, Measurement]:
    """The measurements of the study, by attribute; none for a saved model.

    Raises:
        UnknownNameError, DataError: As `find_measurement`.
    """
    if isinstance(asked, SavedModel):
        return {}
    study = asked.study
    return find_measurements(study.measured, trust_code=asked.trust_code, bits=study.data.bits)


@dataclass(frozen=True, eq=False)
class ModelDraws:
    """Units drawn from a model, in place of the data that it lacks.

    Args:
        name: Name for messages.
        graph: The graph of the model.
        values: Values by node, `(N, ...)`; images within the support of their variable.
    """

    name: str
    graph: CausalGraph
    values: Values

    @property
    def split(self) -> dict[str, Tensor]:
        """The numbers of all units, in one split `drawn`."""
        return {"drawn": torch.arange(len(next(iter(self.values.values()))))}

    def rows(self, numbers: Sequence[int]) -> UnitValues:
        """Values of some units."""
        chosen = torch.as_tensor(numbers)
        values = {node: column[chosen] for node, column in self.values.items()}
        return UnitValues(values, pd.Index(numbers, name=ROW))

    def frame(self) -> pd.DataFrame:
        """Attributes as a table, labels by name."""
        return to_frame(self.graph, self.values).rename_axis(ROW)


def drawn_units(scm: StructuralCausalModel, name: str, count: int = 240, seed: int = 0) -> ModelDraws:
    """Draw units from a model.

    Raises:
        SupportError: The model draws a value that is infinite or not a number.
    """
    drawn = scm.sample(count, seed=seed)
    check_finite(scm.graph, drawn)
    images = {node: drawn[node].clamp(*(scm.graph[node].support or (None, None))) for node in scm.graph.images}
    values = {node: tensor.cpu() for node, tensor in (dict(drawn) | images).items()}
    return ModelDraws(f"draws of {name}", scm.graph, values)
