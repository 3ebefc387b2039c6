"""Errors and warnings that name the thing, the place and the remedy.

Every error of the library derives from `CausalgenError` and from the builtin error that a caller would expect.
"""

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = [
    "AbductionError",
    "CausalgenError",
    "CheckpointError",
    "DataError",
    "DivergenceError",
    "GraphError",
    "MissingValueError",
    "NotIdentifiableError",
    "NotObservableError",
    "RunFolderError",
    "StudyError",
    "SupportError",
    "SupportWarning",
    "UnknownNameError",
    "nearest",
]


class CausalgenError(Exception):
    """Base of all errors that causalgen raises on purpose."""


class GraphError(CausalgenError, ValueError):
    """The graph is cyclic, names an undeclared variable, or cannot be read."""


class UnknownNameError(CausalgenError, ValueError):
    """A name that is not among the names known at this place."""


class NotIdentifiableError(CausalgenError, ValueError):
    """The graph and the observed variables do not determine the effect.

    Args:
        message: What was asked, why it is not identified, and what would help.
        hedge: The `causalgen.graph.Hedge` in the way, where one was found.
    """

    def __init__(self, message: str, *, hedge: object | None = None) -> None:
        super().__init__(message)
        self.hedge = hedge


class MissingValueError(CausalgenError, ValueError):
    """A factual lacks a node, or holds NaN."""


class SupportError(CausalgenError, ValueError):
    """A value outside the support that its variable declares."""


class DataError(CausalgenError, ValueError):
    """The data do not fit the variables that describe them."""


class AbductionError(CausalgenError, RuntimeError):
    """A counterfactual asked of a mechanism that cannot abduct its noise."""


class NotObservableError(CausalgenError, RuntimeError):
    """Evidence on a node whose mechanism has no likelihood."""


class DivergenceError(CausalgenError, ArithmeticError):
    """Training met NaN or infinity; the last good weights were kept."""


class CheckpointError(CausalgenError, ValueError):
    """A saved model that is corrupted, foreign, or of another graph."""


class StudyError(CausalgenError, ValueError):
    """A study file that does not follow the schema."""


class RunFolderError(CausalgenError, OSError):
    """A run folder that cannot be written, or that holds another run."""


class SupportWarning(UserWarning):
    """Parents inside their supports but outside the joint range seen in training."""


def nearest(name: str, choices: Iterable[str]) -> str:
    """Return " Did you mean 'x'?" for the choice closest to `name`, or an empty string.

    >>> nearest("thicknes", ["thickness", "intensity"])
    " Did you mean 'thickness'?"
    """
    matches = get_close_matches(name, list(choices), n=1, cutoff=0.6)
    return f" Did you mean '{matches[0]}'?" if matches else ""
