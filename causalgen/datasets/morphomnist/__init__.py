"""The data set `morphomnist`: MNIST digits with known thickness and intensity, a standard benchmark."""

from .load import ROWS, load_morphomnist, released_counterfactuals, stored_at
from .truth import MorphomnistTruth

__all__ = ["ROWS", "MorphomnistTruth", "load_morphomnist", "released_counterfactuals", "stored_at"]
