"""A made folder of images and a table about them, as a user would bring them."""

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

GRAPH = "age -> {size, scan}; size -> scan; sex -> scan"


def make(folder: Path, rows: int = 24, *, shape: tuple[int, int] = (12, 10)) -> pd.DataFrame:
    """Write `folder/scans/*.png` and `folder/table.csv`: discs whose radius and brightness follow size and sex."""
    rng = np.random.default_rng(0)
    (folder / "scans").mkdir(parents=True)
    age = rng.uniform(20, 80, rows).round(1)
    table = pd.DataFrame(
        {
            "patient": np.arange(rows) // 2,
            "age": age,
            "size": (0.05 * age + rng.normal(0, 0.3, rows)).round(3),
            "sex": rng.choice(["female", "male"], rows),
            "scan": [f"scans/{row:03d}.png" for row in range(rows)],
        }
    )
    y, x = np.mgrid[: shape[0], : shape[1]]
    distance = np.hypot(y - shape[0] / 2, x - shape[1] / 2)
    for row in range(rows):
        level = 230 if table["sex"][row] == "male" else 130
        disc = np.where(distance < table["size"][row], level, 20).astype(np.uint8)
        Image.fromarray(disc).save(folder / table["scan"][row])
    table.to_csv(folder / "table.csv", index=False)
    return table


MESSY_GRAPH = "age -> {size, scan}; size -> scan; clinic -> scan"
MESSY = {"age": {"column": "Age at scan (years)"}, "clinic": {"kind": "categorical"}}
"""What is declared of the columns of `make_messy`."""


def make_messy(folder: Path, rows: int = 60) -> pd.DataFrame:
    """The table that nobody designed: `make`'s with holes, integer codes, a header with spaces, several scans a patient and
    labels of its own, in no order; written as `folder/messy.csv` (numbered) and `folder/messy.parquet` (labelled)."""
    table = make(folder, rows).rename(columns={"age": "Age at scan (years)"})
    rng = np.random.default_rng(1)
    table["patient"] = [f"P-{number // 3}" for number in range(rows)]
    table["clinic"] = rng.integers(3, 7, rows)
    table.loc[[0, 7, 20], "Age at scan (years)"] = np.nan
    table.loc[[7, 33], "scan"] = None
    table.index = pd.Index([f"p{number:03d}" for number in rng.permutation(rows)], name="person")
    table.to_csv(folder / "messy.csv", index=False)
    table.to_parquet(folder / "messy.parquet")
    return table
