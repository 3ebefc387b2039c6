"""Augmentation: counterfactual images of the units of a data set, as further examples for a training program."""

from .augmentation import Augmentation
from .augmented_images import AugmentedImages
from .units import AugmentedDraw, AugmentedUnits, Piece

__all__ = ["AugmentedImages", "AugmentedUnits", "Augmentation", "AugmentedDraw", "Piece"]
