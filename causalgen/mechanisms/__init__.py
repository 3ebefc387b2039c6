"""Mechanisms: structural assignments x := f(u, pa), one per file; `catalog` names them."""

from .additive_noise import AdditiveNoise
from .base import Abduction, Abductive, Density, Mechanism, Observable
from .catalog import MECHANISMS, build
from .categorical import Categorical
from .conv_vae import ConvVAE
from .empirical import Empirical
from .identification import Identifiability, Identification
from .linear_gaussian import LinearGaussian
from .ordinal import Ordinal
from .scalar_flow import ScalarFlow
from .spline_flow import SplineFlow

__all__ = [
    "MECHANISMS",
    "Abduction",
    "Abductive",
    "AdditiveNoise",
    "Categorical",
    "ConvVAE",
    "Density",
    "Empirical",
    "Identifiability",
    "Identification",
    "LinearGaussian",
    "Mechanism",
    "Observable",
    "Ordinal",
    "ScalarFlow",
    "SplineFlow",
    "build",
]
