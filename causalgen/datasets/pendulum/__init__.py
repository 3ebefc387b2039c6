"""The data set `pendulum`: a lamp, a pendulum and its shadow in colour, drawn exactly from a known causal model."""

from .generate import ROWS, load_pendulum, stored_at
from .scene import render
from .scene_reading import measure_angle, measure_light, measure_shadow_length, measure_shadow_position
from .truth import PendulumTruth

__all__ = [
    "ROWS",
    "PendulumTruth",
    "load_pendulum",
    "measure_angle",
    "measure_light",
    "measure_shadow_length",
    "measure_shadow_position",
    "render",
    "stored_at",
]
