"""Tables with a known effect."""

import numpy as np
import pandas as pd

from causalgen.graph import CausalGraph, Variable

PEN_EFFECT = 60.79  # felt-tip against ballpoint, 4,000,000 draws, Monte Carlo error 0.004
THICKNESS_EFFECT = 24.903  # 3 px against 2 px, Monte Carlo error 0.002

EDGES = "hurry -> {pen, thickness, intensity}; pen -> {thickness, intensity}; thickness -> intensity"


def digits_graph(*, kinds: bool = True, image: bool = True) -> CausalGraph:
    """The graph of the default study; `kinds=False` declares nothing but names."""
    edges = EDGES + ("; {thickness, intensity} -> image" if image else "")
    if not kinds:
        return CausalGraph(edges)
    variables = [
        Variable("hurry", "continuous", support=(0, 1)),
        Variable("pen", "binary", labels=("ballpoint", "felt-tip")),
        Variable("thickness", "continuous", support=(0, 15), unit="px"),
        Variable("intensity", "continuous", support=(0, 255)),
    ]
    return CausalGraph(edges, variables + [Variable("image", "image", shape=(1, 28, 28))] * image)


def digits_table(rows: int, seed: int) -> pd.DataFrame:
    """Attributes of the default study, drawn from its structural equations."""
    rng = np.random.default_rng(seed)
    hurry = rng.beta(2, 2, rows)
    felt = rng.random(rows) < sigmoid(2 - 4 * hurry)
    thickness = 1.5 + 1.3 * felt - 0.5 * hurry + rng.gamma(4, 1 / 5, rows)
    noise = rng.normal(size=rows)
    intensity = 64 + 191 * sigmoid(-0.2 + 0.6 * (thickness - 2.5) + 0.7 * felt - 2 * (hurry - 0.5) + 0.4 * noise)
    pen = np.where(felt, "felt-tip", "ballpoint")
    return pd.DataFrame({"hurry": hurry, "pen": pen, "thickness": thickness, "intensity": intensity})


def linear_table(rows: int, seed: int, effect: float = 2.0) -> pd.DataFrame:
    """Linear-Gaussian z -> {t, y}, t -> y with the given coefficient."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=rows)
    t = z + rng.normal(size=rows)
    return pd.DataFrame({"z": z, "t": t, "y": effect * t + 1.5 * z + rng.normal(size=rows)})


def binary_table(rows: int, seed: int, effect: float = 1.0) -> pd.DataFrame:
    """Confounded binary t with a constant effect; outcome and propensity both depend on z, not linearly."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=rows)
    t = (rng.random(rows) < sigmoid(0.8 * z)).astype(float)
    return pd.DataFrame({"z": z, "t": t, "y": effect * t + z + z**2 + 0.5 * rng.normal(size=rows)})


def normal_table(rows: int, seed: int, slope: float, effect: float = 2.0) -> pd.DataFrame:
    """Linear outcome, and a treatment whose log odds are linear in a normal covariate; at random with slope 0."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=rows)
    t = (rng.random(rows) < sigmoid(slope * z)).astype(float)
    return pd.DataFrame({"z": z, "t": t, "y": effect * t + z + rng.normal(size=rows)})


def even_table(rows: int, seed: int, effect: float = 1.0) -> pd.DataFrame:
    """Linear outcome and a binary treatment that overlaps everywhere."""
    rng = np.random.default_rng(seed)
    z = rng.uniform(-1.5, 1.5, size=rows)
    t = (rng.random(rows) < sigmoid(z)).astype(float)
    return pd.DataFrame({"z": z, "t": t, "y": effect * t + 1.5 * z + rng.normal(size=rows)})


def exploding_table(rows: int = 4_000, seed: int = 0) -> pd.DataFrame:
    """Treatment, with effect 1, rare and rarer the larger z is: a few treated rows stand for most of the table."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=rows)
    t = (rng.random(rows) < sigmoid(-4 - 3 * z)).astype(float)
    return pd.DataFrame({"z": z, "t": t, "y": t + z + 0.5 * rng.normal(size=rows)})


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))
