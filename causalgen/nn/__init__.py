"""Network parts; nothing here knows about causality."""

from .conv import ConvBlock, ConvDecoder, ConvEncoder, Grid, in_full_precision
from .embedding import ParentEmbedding
from .features import Features
from .mlp import mlp
from .randomness import seeded
from .scaling import Standardiser
from .spline import MonotonicRQSTransform
from .storage import load_module, save_module
from .unet import UNet

__all__ = [
    "ConvBlock",
    "ConvDecoder",
    "ConvEncoder",
    "Features",
    "Grid",
    "MonotonicRQSTransform",
    "ParentEmbedding",
    "Standardiser",
    "UNet",
    "in_full_precision",
    "load_module",
    "mlp",
    "save_module",
    "seeded",
]
