"""Tables of the catalog as they were before each class declared its kinds; for code that still reads them."""

from typing import get_args

from ..graph import Kind
from .catalog import MECHANISMS, default_for

__all__ = ["DEFAULTS", "KINDS"]

KINDS = {word: mechanism.kinds for word, mechanism in MECHANISMS.items()}
"""Now `Mechanism.kinds`."""
DEFAULTS = {kind: default_for(kind) for kind in get_args(Kind)}
"""Now `catalog.default_for`."""
