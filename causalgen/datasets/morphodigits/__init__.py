"""The data set `morphodigits`: real handwriting, a synthetic pen, a known structural causal model."""

from .generate import ROWS, load_morphodigits, stored_at
from .truth import MorphodigitsTruth

__all__ = ["ROWS", "MorphodigitsTruth", "load_morphodigits", "stored_at"]
