"""The structural equations of morphodigits, on arrays.

hurry     ~ Beta(2, 2)
pen       = felt-tip if u < sigmoid(2 - 4 hurry) else ballpoint,  u ~ Uniform(0, 1)
thickness = 1.5 + 1.3 [felt-tip] - 0.5 hurry + g,  g ~ Gamma(shape 4, rate 5)
intensity = 64 + 191 sigmoid(-0.2 + 0.6 (thickness - 2.5) + 0.7 [felt-tip] - 2 (hurry - 0.5) + 0.4 e),  e ~ N(0, 1)
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

__all__ = ["NOISES", "attributes", "draw_noise"]

Columns = dict[str, NDArray]

NOISES = ("hurry", "u", "g", "e")
"""Exogenous noises; that of hurry is hurry itself."""


def draw_noise(n: int, rng: np.random.Generator) -> Columns:
    """`n` independent draws of every exogenous noise."""
    return {
        "hurry": rng.beta(2, 2, n),
        "u": rng.uniform(size=n),
        "g": rng.gamma(4, 1 / 5, n),
        "e": rng.normal(size=n),
    }


def attributes(noise: Mapping[str, NDArray], do: Mapping[str, NDArray | float] | None = None) -> Columns:
    """hurry, pen (code), thickness and intensity under `do`, from noises `(N,)`."""
    do = do or {}
    n = len(noise["hurry"])

    def assign(name: str, value: NDArray) -> NDArray:
        return np.broadcast_to(np.asarray(do[name], value.dtype), (n,)) if name in do else value

    hurry = assign("hurry", noise["hurry"])
    pen = assign("pen", (noise["u"] < expit(2 - 4 * hurry)).astype(np.int64))
    thickness = assign("thickness", 1.5 + 1.3 * pen - 0.5 * hurry + noise["g"])
    score = -0.2 + 0.6 * (thickness - 2.5) + 0.7 * pen - 2 * (hurry - 0.5) + 0.4 * noise["e"]
    intensity = assign("intensity", 64 + 191 * expit(score))
    return {"hurry": hurry, "pen": pen, "thickness": thickness, "intensity": intensity}
