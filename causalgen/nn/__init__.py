"""Network parts without any causal content."""

from .adversarial import Critic, Generator, gradient_penalty, saturation
from .attention import SelfAttention
from .averaging import growing_average
from .backbone import FrozenUNet
from .conditional_mean import ConditionalMean
from .conv import (
    CONVOLUTIONS,
    TRANSPOSED,
    ConvBlock,
    ConvDecoder,
    ConvEncoder,
    Grid,
    Modulation,
    Pyramid,
    in_full_precision,
    typical_side,
)
from .coupling import CouplingStack
from .embedding import ParentEmbedding
from .features import Features
from .image_maps import ImageMaps, with_maps
from .mlp import mlp
from .randomness import seeded
from .scaling import Standardiser
from .spline import MonotonicRQSTransform
from .storage import load_module, save_module
from .transformer import Transformer
from .unet import UNet

__all__ = [
    "CONVOLUTIONS",
    "TRANSPOSED",
    "ConditionalMean",
    "ConvBlock",
    "ConvDecoder",
    "ConvEncoder",
    "CouplingStack",
    "Critic",
    "Features",
    "FrozenUNet",
    "Generator",
    "Grid",
    "ImageMaps",
    "Modulation",
    "MonotonicRQSTransform",
    "ParentEmbedding",
    "Pyramid",
    "SelfAttention",
    "Standardiser",
    "Transformer",
    "UNet",
    "gradient_penalty",
    "growing_average",
    "in_full_precision",
    "load_module",
    "mlp",
    "saturation",
    "save_module",
    "seeded",
    "typical_side",
    "with_maps",
]
