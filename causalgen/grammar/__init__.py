"""Interventions and values as people write them: one grammar for Python, the command line and study files."""

from .assignments import check_value, parse_do, parse_values, read_do, read_intervention, read_texts
from .contrasts import compared_worlds

__all__ = ["check_value", "compared_worlds", "parse_do", "parse_values", "read_do", "read_intervention", "read_texts"]
