"""The structural equations of the pendulum, on arrays; lengths in units of the scene, angles in degrees.

light           = 3 + 14 u,  u ~ Uniform(0, 1)
angle           = -40 + 80 v,  v ~ Uniform(0, 1)
shadow_length   = max(3, |a - b|) + 0.3 e,  e ~ N(0, 1)
shadow_position = (a + b) / 2 + 0.3 f,  f ~ N(0, 1)

where parallel light through the lamp and the pivot projects the pivot to a and the tip of the pendulum to b on the
ground. The geometry is that of Yang et al. (CausalVAE, 2021), whose shadows have no noise.

Variants: `hidden` adds a hidden h ~ Uniform(0, 1): light = 3 + 14 (0.7 h + 0.3 u), and 2 h more to the length of the shadow.
`measured` adds errors of measurement to the columns, not to the scene. `spurious` adds a session, which determines on
which side the lamp stands and, in 95 % of the rows, the colour of the wall.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

__all__ = ["ATTRIBUTES", "BALL", "PIVOT", "ROD", "VARIANTS", "attributes", "draw_noise", "measured"]

Columns = dict[str, NDArray]

VARIANTS = ("hidden", "measured", "spurious")
ATTRIBUTES = ("light", "angle", "shadow_length", "shadow_position")
PIVOT = (10.0, 10.5)
ROD, BALL = 8.0, 9.5
"""Distance of the ball's middle, and of its tip, from the pivot."""
GROUND = -0.5
SHORTEST, UNEVEN = 3.0, 0.3
"""Minimum length of a shadow without noise, and the standard deviation of the shadow's two noises."""
AGREEMENT = 0.95
ERRORS = {"light": 1.5, "angle": 8.0, "shadow_length": 0.7, "shadow_position": 0.7}
"""Standard deviations of the errors of measurement."""


def draw_noise(n: int, rng: np.random.Generator, variant: str | None = None) -> Columns:
    """`n` independent draws of every exogenous noise."""
    noise = {name: rng.uniform(size=n) for name in ("light", "angle")}
    noise |= {name: rng.normal(size=n) for name in ("shadow_length", "shadow_position")}
    if variant == "hidden":
        noise["hidden"] = rng.uniform(size=n)
    if variant == "measured":
        noise |= {f"error {name}": scale * rng.normal(size=n) for name, scale in ERRORS.items()}
    if variant == "spurious":
        noise |= {name: rng.uniform(size=n) for name in ("session", "wall")}
    return noise


def attributes(
    noise: Mapping[str, NDArray], do: Mapping[str, NDArray | float] | None = None, variant: str | None = None
) -> Columns:
    """The attributes of the scene under `do`, from noises `(N,)`; session and wall as codes."""
    do, columns = do or {}, {}

    def assign(name: str, value: NDArray) -> NDArray:
        columns[name] = np.broadcast_to(np.asarray(do[name], value.dtype), value.shape) if name in do else value
        return columns[name]

    side, more = noise["light"], np.zeros(len(noise["light"]))
    if variant == "hidden":
        side, more = 0.7 * noise["hidden"] + 0.3 * side, 2 * noise["hidden"]
    if variant == "spurious":
        session = assign("session", (noise["session"] < 0.5).astype(np.int64))
        assign("wall", np.where(noise["wall"] < AGREEMENT, session, 1 - session))
        side = (session + side) / 2
    light = assign("light", 3 + 14 * side)
    angle = assign("angle", -40 + 80 * noise["angle"])
    pivot, tip = _cast(light, angle)
    assign("shadow_length", np.maximum(SHORTEST, np.abs(pivot - tip)) + more + UNEVEN * noise["shadow_length"])
    assign("shadow_position", (pivot + tip) / 2 + UNEVEN * noise["shadow_position"])
    return columns


def measured(scene: Mapping[str, NDArray], noise: Mapping[str, NDArray], do: Mapping[str, object]) -> Columns:
    """The values in the table: with measurement error if the noise has one, but exact if `do` set them."""
    errors = {name: noise.get(f"error {name}") for name in scene if name not in do}
    return {name: column if errors.get(name) is None else column + errors[name] for name, column in scene.items()}


def _cast(light: NDArray, angle: NDArray) -> tuple[NDArray, NDArray]:
    """The projections of the pivot and the pendulum's tip on the ground."""
    slope = (light - PIVOT[0]) / 10  # the lamp is 10 units above the pivot
    turn = np.deg2rad(angle)
    x, y = PIVOT[0] + BALL * np.sin(turn), PIVOT[1] - BALL * np.cos(turn)
    return PIVOT[0] - (PIVOT[1] - GROUND) * slope, x - (y - GROUND) * slope
