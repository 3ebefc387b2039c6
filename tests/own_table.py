"""A made folder of images and a table about them, as a user would bring them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from PIL import Image
from torch import Tensor

from causalgen.datasets import Dataset, Truth, load_table

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


@dataclass(frozen=True)
class RelabelledTruth:
    """The truth of a data set whose rows got other names."""

    truth: Truth
    numbers: Mapping[str, int]

    def counterfactual(self, rows: Any, do: Mapping[str, object]) -> dict[str, Tensor]:
        return self.truth.counterfactual(torch.tensor([self.numbers[row] for row in rows]), do)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.truth, name)


def as_own_table(data: Dataset, folder: Path) -> Dataset:
    """A data set of the catalog as its owner would bring it: a data frame with a string index in no order, groups, a split
    column, image files and holes."""
    table = data.frame()
    image = next(name for name in data.graph.nodes if data.graph[name].is_image)
    table["writing"] = data.groups(table.index).numpy()
    table["part"] = ""
    for name, rows in data.split.items():
        table.loc[rows.tolist(), "part"] = name
    folder.mkdir(parents=True)
    table[image] = [f"{row}.png" for row in table.index]
    for row, pixels in zip(table.index, data.rows(table.index)[image]):
        Image.fromarray(pixels.squeeze(0).numpy()).save(folder / f"{row}.png")
    table = table.sample(frac=1, random_state=0)
    numbers = {f"w-{place:04d}": int(row) for place, row in enumerate(table.index)}
    table.index = pd.Index(list(numbers), name="sheet")
    holes = next(name for name in data.graph.nodes if data.graph[name].kind == "continuous")
    table.iloc[::97, list(table.columns).index(holes)] = np.nan
    own = load_table(
        table, data.graph, images=folder, group="writing", split="part", missing="drop", root=folder / "cache"
    )
    return own if data.truth is None else replace(own, truth=RelabelledTruth(data.truth, numbers))
