"""Made head scans with a known truth, as a hospital would hand them over: 16-bit PNG, several scans per patient.

Age enlarges the ventricle, sex changes the size of the head, and the scanner adds a gain and noise:

    ventricle area = 40 + 4 (age - 20) + 25 patient noise    pixels of a 64 x 64 scan
    head area      = 1500 (female) or 1800 (male) + 60 patient noise

Grey values are those of a T2-weighted scan: background 100, brain 1500, ventricle 3000, times a gain of 1 +- .05. So the
area above 2250 is the ventricle, and the area above 800 is the head. Age and sex are independent.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

GRAPH = "{age, sex} -> scan"
COLUMNS = {"patient": "Patient ID", "age": "Age at scan (years)", "sex": "Sex", "file": "File name"}
BACKGROUND, BRAIN, VENTRICLE = 100, 1500, 3000
HEAD_LEVEL, VENTRICLE_LEVEL = 800, 2250
"""Grey values above which a pixel is head, and ventricle."""
SCANNER_NOISE = 60
SIDE = 64


def truth(rows: int = 400, *, seed: int = 0) -> pd.DataFrame:
    """Attributes and noise of every scan: patient, age, sex, file, and what `draw` needs besides."""
    rng = np.random.default_rng(seed)
    patient = np.sort(rng.integers(0, max(1, rows * 2 // 5), rows))
    patient = pd.factorize(patient)[0]
    visit = pd.Series(patient).groupby(patient).cumcount().to_numpy()
    count = patient.max() + 1
    return pd.DataFrame(
        {
            "patient": [f"P{number:04d}" for number in patient],
            "age": (rng.uniform(30, 75, count)[patient] + 1.5 * visit).round(1),
            "sex": rng.choice(["F", "M"], count)[patient],
            "file": [f"scans/{row:04d}.png" for row in range(rows)],
            "ventricle_noise": rng.normal(size=count)[patient],
            "head_noise": rng.normal(size=count)[patient],
            "x": rng.normal(0, 1, rows),
            "y": rng.normal(0, 1, rows),
            "gain": rng.normal(1, 0.05, rows).clip(0.85, 1.15),
            "scanner": rng.integers(0, 2**31, rows),
        }
    )


def ventricle_area(scans: pd.DataFrame) -> NDArray[np.float64]:
    """True ventricle area in pixels of a 64 x 64 scan."""
    area = 40 + 4 * (scans["age"] - 20) + 25 * scans["ventricle_noise"]
    return area.clip(lower=20).to_numpy(np.float64)


def head_area(scans: pd.DataFrame) -> NDArray[np.float64]:
    """True head area in pixels of a 64 x 64 scan, the ventricle included."""
    return (scans["sex"].map({"F": 1500.0, "M": 1800.0}) + 60 * scans["head_noise"]).to_numpy(np.float64)


def draw(scans: pd.DataFrame, *, side: int = SIDE) -> NDArray[np.uint16]:
    """Scans `(N, side, side)` of rows of `truth`; `draw(scans.assign(age=80))` are the true counterfactuals."""
    scale = side / SIDE
    drawn = np.empty((len(scans), side, side), np.uint16)
    areas = zip(ventricle_area(scans) * scale**2, head_area(scans) * scale**2)
    for place, ((ventricle, head), row) in enumerate(zip(areas, scans.itertuples())):
        centre = (side - 1) / 2 + scale * np.array([row.y, row.x])
        grey = BACKGROUND + (BRAIN - BACKGROUND) * _ellipse(head, 1.2, centre, side)
        grey += (VENTRICLE - BRAIN) * _ellipse(ventricle, 0.8, centre, side)
        noise = np.random.default_rng(row.scanner).normal(0, SCANNER_NOISE, (side, side))
        drawn[place] = np.clip(np.round(grey * row.gain + noise), 0, 4095)
    return drawn


def measure(images: NDArray[np.uint16], level: float) -> NDArray[np.float64]:
    """Pixels of each scan that are brighter than `level`."""
    return (images > level).sum((1, 2)).astype(np.float64)


def make(folder: Path, rows: int = 400, *, seed: int = 0, side: int = SIDE) -> pd.DataFrame:
    """Write `folder/scans/*.png` (16 bits) and `folder/scans.csv`, whose first age is empty; returns the truth."""
    scans = truth(rows, seed=seed)
    (folder / "scans").mkdir(parents=True)
    for file, image in zip(scans["file"], draw(scans, side=side)):
        Image.fromarray(image).save(folder / file)
    table = scans[list(COLUMNS)].astype({"age": object})
    table.loc[0, "age"] = None
    table.rename(columns=COLUMNS).to_csv(folder / "scans.csv", index=False)
    return scans


def _ellipse(area: float, stretch: float, centre: NDArray[np.float64], side: int) -> NDArray[np.float64]:
    """An upright ellipse of `area` pixels with soft edges, height / width = stretch; 1 inside, 0 outside."""
    y, x = np.mgrid[:side, :side].astype(np.float64)
    radius = np.sqrt(area / np.pi)
    distance = np.hypot((y - centre[0]) / np.sqrt(stretch), (x - centre[1]) * np.sqrt(stretch))
    return np.clip(radius - distance + 0.5, 0, 1)
