"""The trainings of an unfinished repair, so that the same question continues after an interruption.

repair.json                        what decides the trainings, and whether the repair is finished
trainings/SET-seedN.safetensors    one trained classifier; removed when the repair is finished

A classifier is kept as its outputs on the images that it saw, because that works for classifiers of any library and runs no
code when it is read. All numbers of a repair follow from these outputs, so that a repair that reads them computes what it
would have computed without the interruption.
"""

import hashlib
import inspect
import json
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save
from torch import Tensor

from .._version import __version__
from ..augmentation import Augmentation
from ..datasets import Dataset
from ..errors import CheckpointError, DataError, RunFolderError
from ..files import no_room, sha256_of, write_whole
from ..reports.folder import slug
from ..reports.resumable_folder import earlier_content, weights_digest
from ..scm import StructuralCausalModel
from .predicted_label import PredictedLabel
from .trainers import OwnTrainer, Trainer

__all__ = ["DESCRIPTION", "KeptTrainings", "Outputs", "decided_by"]

DESCRIPTION, TRAININGS = Path("repair.json"), Path("trainings")
WHAT = "repair"


class Outputs:
    """A classifier that remembers its outputs by the images, or the memory of one without the classifier.

    Args:
        function: Images, float32 `(B, C, H, W)`, to outputs `(B, K)` or `(B,)`; None for the memory alone.
        known: Outputs that it has already given.
    """

    def __init__(
        self, function: Callable[[Tensor], Any] | None = None, known: Mapping[str, NDArray[np.float64]] | None = None
    ) -> None:
        self.function, self.known = function, dict(known or {})
        self.complete = True
        """Whether all images so far had outputs."""

    def __call__(self, images: Tensor) -> NDArray[np.float64]:
        """The outputs for images.

        Raises:
            DataError: The classifier is not there, and has not seen these images.
        """
        pixels = images.detach().cpu().contiguous().numpy()
        key = hashlib.sha256(f"{pixels.shape}".encode() + pixels.tobytes()).hexdigest()
        if key not in self.known:
            if self.function is None:
                self.complete = False
                raise DataError("Expected images that the classifier has seen; got others. Train it again.")
            found = self.function(images)
            found = found.detach().cpu().double().numpy() if isinstance(found, Tensor) else found
            self.known[key] = np.ascontiguousarray(found, dtype=np.float64)
        return self.known[key]


@dataclass(frozen=True)
class KeptTrainings:
    """The folder of a repair, in which finished trainings are kept; at the end of a `with` block it is marked as finished.

    Args:
        folder: A new folder, or one of an unfinished repair with the same trainings, which are read.
        asked: What decides the trainings (see `decided_by`).
        ignored: Name of a file in the folder that does not count, such as that of a lock.

    Raises:
        RunFolderError: The folder holds anything else.
    """

    folder: Path
    asked: Mapping[str, Any]
    ignored: str = ""

    def __post_init__(self) -> None:
        earlier = earlier_content(self.folder, DESCRIPTION, self.asked, WHAT, ignored=self.ignored)
        if earlier is not None and earlier["finished"]:
            raise RunFolderError(
                f"Expected a new folder, or an unfinished {WHAT}, in '{self.folder}'; got a finished one. Use it, or choose "
                "another with --out."
            )

    @classmethod
    def beside(cls, folder: Path, asked: Mapping[str, Any]) -> "KeptTrainings":
        """The first of `folder`, `folder`-2, ... that is new, or that holds the same trainings of an unfinished repair."""
        for number in count(1):
            place = folder if number == 1 else folder.with_name(f"{folder.name}-{number}")
            with suppress(RunFolderError):
                return cls(place, asked)
        raise AssertionError("unreachable: numbers do not end")

    @property
    def begun(self) -> bool:
        """Whether a training has been kept."""
        return (self.folder / TRAININGS).exists()

    def read(self, training_set: str, seed: int) -> Outputs | None:
        """The outputs of a training; None if it has not been finished.

        Raises:
            CheckpointError: Its file is damaged.
        """
        path = self._path(training_set, seed)
        try:
            return Outputs(known=load(path.read_bytes()))
        except FileNotFoundError:
            return None
        except (OSError, SafetensorError, ValueError) as error:
            raise CheckpointError(
                f"Expected the outputs of a classifier in '{path}'; got: {error}. Delete the file to train it again."
            ) from None

    def keep(self, training_set: str, seed: int, outputs: Outputs) -> None:
        """Write the outputs of a training.

        Raises:
            StorageError: The disk is full, or the folder cannot be written.
        """
        path = self._path(training_set, seed)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise no_room(path.parent, error) from error
        if not (self.folder / DESCRIPTION).exists():
            self._describe(finished=False)
        write_whole(path, save(outputs.known))

    def finish(self) -> None:
        """Mark the repair as finished, and remove the trainings."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._describe(finished=True)
        shutil.rmtree(self.folder / TRAININGS, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.finish()

    def _path(self, training_set: str, seed: int) -> Path:
        return self.folder / TRAININGS / f"{slug(training_set)}-seed{seed}.safetensors"

    def _describe(self, *, finished: bool) -> None:
        content = {"causalgen": WHAT, "asked": dict(self.asked), "finished": finished}
        write_whole(self.folder / DESCRIPTION, json.dumps(content, indent=2) + "\n")


def decided_by(
    trainer: Trainer | None,
    scm: StructuralCausalModel,
    data: Dataset,
    plan: Augmentation,
    target: PredictedLabel,
    image: str,
) -> dict[str, Any]:
    """Everything that decides the trainings of a repair except their seeds, for JSON; arguments as of `repair`.

    Of the data, pixels do not count; of a user's trainer, the file that holds it counts, and what that imports does not.
    """
    return {
        "target": target.variable.name,
        "image": image,
        "do": plan.describe(data.graph),
        "per unit": plan.per_unit,
        "seed": plan.seed,
        "trainer": _described(trainer),
        "data": data.digest(),
        "model": weights_digest(scm.state_dict()),
        "version": __version__,
    }


def _described(trainer: Trainer | None) -> Any:
    """A trainer for JSON; a function whose state no file holds differs in every process."""
    if trainer is None:
        return None
    if not isinstance(trainer, OwnTrainer):
        return json.loads(json.dumps(asdict(trainer.config), default=str))
    function = trainer.function
    if inspect.isfunction(function) and function.__closure__ is None:
        with suppress(OSError, TypeError):
            return f"{function.__qualname__} {sha256_of(Path(inspect.getsourcefile(function) or ''))}"
    return repr(function)
