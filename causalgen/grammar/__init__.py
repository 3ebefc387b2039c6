"""Interventions and values as people write them: one grammar for Python, the command line and study files."""

from .assignments import (
    SHUFFLE,
    check_value,
    is_shuffle,
    parse_do,
    parse_values,
    read_do,
    read_intervention,
    read_texts,
)
from .contrasts import compared_worlds

__all__ = [
    "SHUFFLE",
    "check_value",
    "compared_worlds",
    "is_shuffle",
    "parse_do",
    "parse_values",
    "read_do",
    "read_intervention",
    "read_texts",
]
