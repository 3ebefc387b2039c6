"""Turn the CMU face images into what a user of causalgen has: a folder of pictures and tables about them.

    python examples/own_table/prepare.py SOURCE

SOURCE holds the archive's files as they are (`an2i/an2i_left_angry_open_2.pgm`), or `faces_64x60.npz` and
`attributes_64x60.csv`. Writes beside this file, into `faces/`: `faces.csv` and `pictures/`; `partial.csv`, the same table
without 30 % of the cells of its attributes (seed 0); `masked/`, the pictures with a quarter of their pixels behind a scarf, and
`scarf.png`, which is white in these pixels.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

TARGET = Path(__file__).parent / "faces"
COLUMNS = ["person", "pose", "expression", "eyes"]
LOST, SEED = 0.3, 0
SCARF = slice(35, 50)
"""Rows of a picture that the scarf hides, 15 of 60."""
WOOL = 60
"""Grey level of the scarf."""


def pictures(source: Path) -> dict[str, np.ndarray]:
    """Grey pictures (60, 64) by name; half resolution, without the archive's camera glitches (*.bad)."""
    if (source / "faces_64x60.npz").exists():
        names = pd.read_csv(source / "attributes_64x60.csv")["path"]
        return {Path(name).stem: image for name, image in zip(names, np.load(source / "faces_64x60.npz")["images"])}
    return {path.stem: np.asarray(Image.open(path)) for path in sorted(source.rglob("*_2.pgm"))}


def with_holes(table: pd.DataFrame) -> pd.DataFrame:
    """The table without some cells of its attributes, missing completely at random."""
    lost = np.random.default_rng(SEED).random((len(table), len(COLUMNS))) < LOST
    return table.assign(**table[COLUMNS].mask(lost))


def main(source: Path) -> None:
    """Write the tables and the pictures."""
    found = pictures(source)
    if not found:
        sys.exit(
            f"Expected *_2.pgm files, or faces_64x60.npz, in '{source}'; found none. See the README for the source."
        )
    for folder in ("pictures", "masked"):
        (TARGET / folder).mkdir(parents=True, exist_ok=True)
    rows = []
    for name, image in found.items():
        Image.fromarray(image).save(TARGET / "pictures" / f"{name}.png")
        masked = image.copy()
        masked[SCARF] = WOOL
        Image.fromarray(masked).save(TARGET / "masked" / f"{name}.png")
        attributes = dict(zip(COLUMNS, name.split("_")))
        rows.append(attributes | {"picture": f"pictures/{name}.png"})
    hidden = np.zeros_like(image)
    hidden[SCARF] = 255
    Image.fromarray(hidden).save(TARGET / "scarf.png")
    table = pd.DataFrame(rows)
    table.to_csv(TARGET / "faces.csv", index=False)
    with_holes(table).to_csv(TARGET / "partial.csv", index=False)
    print(f"{len(rows)} pictures and {TARGET / 'faces.csv'}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else Path())
