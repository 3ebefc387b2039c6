"""Checks that a query runs only fitted mechanisms, since an unfitted one would return noise."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from .. import errors

if TYPE_CHECKING:
    from .model import StructuralCausalModel

__all__ = ["require_fitted"]

MOST_NAMES = 8


def require_fitted(scm: "StructuralCausalModel", nodes: Iterable[str] | None = None) -> None:
    """Refuse a query that would run the mechanism of an unfitted node.

    Args:
        scm: The model.
        nodes: Nodes whose mechanisms the query runs; None for all.

    Raises:
        NotFittedError: A mechanism was not fitted completely, and was not declared fitted.
    """
    mechanisms = scm.mechanisms
    missing = [name for name in (mechanisms if nodes is None else nodes) if not mechanisms[name].fitted]
    if not missing:
        return
    more = f" and {len(missing) - MOST_NAMES} more" if len(missing) > MOST_NAMES else ""
    names = ", ".join(f"'{name}'" for name in missing[:MOST_NAMES])
    raise errors.NotFittedError(
        f"Expected fitted mechanisms; got unfitted ones for {names}{more} ({len(missing)} of {len(mechanisms)} nodes). "
        "Fit the model with cg.fit(scm, data), or with scm.initialize(values) where nothing is trained. Call "
        "declare_fitted() on the model, or on one mechanism, if you have set its parameters by hand."
    )
