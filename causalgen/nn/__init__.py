"""Network parts; nothing here knows about causality."""

from .conv import ConvDecoder, ConvEncoder, Grid
from .features import Features
from .mlp import mlp
from .randomness import seeded
from .scaling import Standardiser
from .spline import MonotonicRQSTransform

__all__ = ["ConvDecoder", "ConvEncoder", "Features", "Grid", "MonotonicRQSTransform", "Standardiser", "mlp", "seeded"]
