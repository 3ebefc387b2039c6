"""Errors and warnings that name the thing, the place and the remedy.

Every error of the library derives from `CausalgenError` and from the builtin error that a caller would expect; every
warning from `CausalgenWarning`, so that `warnings.simplefilter("ignore", SupportWarning)` silences one kind and no other.
"""

import sys
import warnings
from collections.abc import Iterable
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sklearn.exceptions import NotFittedError as _LibraryNotFittedError

__all__ = [
    "AbductionError",
    "AbductionWarning",
    "CausalgenError",
    "CausalgenWarning",
    "CheckpointError",
    "DataError",
    "DataNote",
    "DataWarning",
    "DivergenceError",
    "EvidenceWarning",
    "ExportError",
    "GraphError",
    "InterventionWarning",
    "LostProcessError",
    "MissingValueError",
    "NotFittedError",
    "NotIdentifiableError",
    "NotObservableError",
    "PrivacyError",
    "PrivacyWarning",
    "RenamedWarning",
    "ReportError",
    "RunFolderError",
    "StorageError",
    "StudyError",
    "SupportError",
    "SupportWarning",
    "UnknownNameError",
    "UntrustedCodeError",
    "nearest",
    "warn",
]


class CausalgenError(Exception):
    """Base of all errors that causalgen raises on purpose."""


class GraphError(CausalgenError, ValueError):
    """The graph is cyclic, names an undeclared variable, or cannot be read."""


class UnknownNameError(CausalgenError, ValueError):
    """A name that is not among the allowed names."""


class NotIdentifiableError(CausalgenError, ValueError):
    """The graph and the observed variables do not determine the effect.

    Args:
        message: The query, why it is not identified, and a remedy.
        hedge: The `causalgen.graph.Hedge` that prevents identification, if one was found.
    """

    def __init__(self, message: str, *, hedge: object | None = None) -> None:
        super().__init__(message)
        self.hedge = hedge


class MissingValueError(CausalgenError, ValueError):
    """A factual lacks a node, or contains NaN."""


class SupportError(CausalgenError, ValueError):
    """A value outside the support that its variable declares."""


class DataError(CausalgenError, ValueError):
    """The data do not fit the variables that describe them."""


class UntrustedCodeError(DataError):
    """A file names Python code that is not trusted."""


class AbductionError(CausalgenError, RuntimeError):
    """A counterfactual of a mechanism that cannot abduct its noise."""


class NotObservableError(CausalgenError, RuntimeError):
    """Evidence on a node whose mechanism has no likelihood."""


if TYPE_CHECKING:

    class NotFittedError(CausalgenError, _LibraryNotFittedError):
        """A query of an unfitted mechanism; also scikit-learn's error of this name, and a ValueError."""


class DivergenceError(CausalgenError, ArithmeticError):
    """Training met NaN or infinity; the last good weights were kept."""


class LostProcessError(CausalgenError, RuntimeError):
    """One of several processes that train together has ended; checkpoints are kept."""


class PrivacyError(CausalgenError, ValueError):
    """A request for differential privacy that training cannot guarantee."""


class CheckpointError(CausalgenError, ValueError):
    """A saved model that is corrupted, in a foreign format, or of another graph."""


class ExportError(CausalgenError, ValueError):
    """A model that cannot be exported, or an export whose answers differ from the model's."""


class ReportError(CausalgenError, ValueError):
    """A report lacks a part that its template shows."""


class StudyError(CausalgenError, ValueError):
    """A study file that does not follow the schema."""


class RunFolderError(CausalgenError, OSError):
    """A run folder that cannot be written, or that contains another run."""


class StorageError(RunFolderError):
    """A file that cannot be written: the disk is full, or read-only."""


class CausalgenWarning(UserWarning):
    """Base of all warnings that causalgen gives on purpose."""


class DataWarning(CausalgenWarning):
    """Data that were read in a way that the user may not expect."""


class DataNote(DataWarning):
    """A choice that reading data implies, such as how rows are labelled; it needs no action where it is right."""


class SupportWarning(CausalgenWarning):
    """Parents inside their supports but outside the joint range seen in training."""


class AbductionWarning(CausalgenWarning):
    """Particles requested of a model whose abduction leaves no uncertainty."""


class EvidenceWarning(CausalgenWarning):
    """Evidence so rare under the model that a few proposals carry all the weight."""


class PrivacyWarning(CausalgenWarning):
    """A privacy budget so small for the data that little can be learned."""


class InterventionWarning(CausalgenWarning):
    """An intervention that could not act on every unit as written."""


class RenamedWarning(CausalgenWarning, DeprecationWarning):
    """A name that has changed; the old one will be removed."""


OWN = ("causalgen", "torch", "importlib")
"""Modules whose frames a warning skips: torch's decorators lie between a public function and its caller, and importlib
between the import of an old name and `causalgen.moved`."""


def warn(message: str, category: type[CausalgenWarning]) -> None:
    """Issue a warning at the user's line that led here, no matter how deep in the library the cause is."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] in OWN:
        frame = frame.f_back
    # not warnings.warn, whose stack level would count the frames of an import differently
    registry = frame.f_globals.setdefault("__warningregistry__", {})
    place = frame.f_code.co_filename, frame.f_lineno, frame.f_globals.get("__name__", "<unknown>")
    warnings.warn_explicit(message, category, *place, registry=registry)


def nearest(name: str, choices: Iterable[str]) -> str:
    """Return " Did you mean 'x'?" for the choice closest to `name`, or an empty string.

    >>> nearest("thicknes", ["thickness", "intensity"])
    " Did you mean 'thickness'?"
    """
    by_fold = {choice.casefold(): choice for choice in choices}
    matches = get_close_matches(name.casefold(), by_fold, n=1, cutoff=0.6)
    return f" Did you mean '{by_fold[matches[0]]}'?" if matches else ""


def __getattr__(name: str) -> Any:
    """Make `NotFittedError` on first use: its base in scikit-learn takes most of a second to import."""
    if name != "NotFittedError":
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    from sklearn.exceptions import NotFittedError as Base

    doc = "A query of a mechanism that has seen no data; also scikit-learn's error of this name, and a ValueError."
    error = type(name, (CausalgenError, Base), {"__module__": __name__, "__doc__": doc})
    globals()[name] = error
    return error
