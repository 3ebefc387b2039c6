"""Network parts; nothing here knows about causality."""

from .conv import ConvDecoder, ConvEncoder, Grid
from .features import Features
from .mlp import mlp
from .randomness import seeded
from .scaling import Standardiser
from .spline import MonotonicRQSTransform
from .storage import load_module, save_module

__all__ = [
    "ConvDecoder",
    "ConvEncoder",
    "Features",
    "Grid",
    "MonotonicRQSTransform",
    "Standardiser",
    "load_module",
    "mlp",
    "save_module",
    "seeded",
]
