"""Turn the CMU face images into what a user of causalgen has: a folder of pictures and a table about them.

    python examples/own_table/prepare.py SOURCE

SOURCE holds the archive's files as they are (`an2i/an2i_left_angry_open_2.pgm`), or `faces_64x60.npz` and
`attributes_64x60.csv`. Writes `faces/faces.csv` and `faces/pictures/*.png` beside this file.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

TARGET = Path(__file__).parent / "faces"
COLUMNS = ("person", "pose", "expression", "eyes")


def pictures(source: Path) -> dict[str, np.ndarray]:
    """Grey pictures (60, 64) by name; half resolution, without the archive's camera glitches (*.bad)."""
    if (source / "faces_64x60.npz").exists():
        names = pd.read_csv(source / "attributes_64x60.csv")["path"]
        return {Path(name).stem: image for name, image in zip(names, np.load(source / "faces_64x60.npz")["images"])}
    return {path.stem: np.asarray(Image.open(path)) for path in sorted(source.rglob("*_2.pgm"))}


def main(source: Path) -> None:
    """Write the table and the pictures."""
    found = pictures(source)
    if not found:
        sys.exit(
            f"Expected *_2.pgm files, or faces_64x60.npz, in '{source}'; found none. See the README for the source."
        )
    (TARGET / "pictures").mkdir(parents=True, exist_ok=True)
    rows = []
    for name, image in found.items():
        Image.fromarray(image).save(TARGET / "pictures" / f"{name}.png")
        attributes = dict(zip(COLUMNS, name.split("_")))
        rows.append(attributes | {"picture": f"pictures/{name}.png"})
    pd.DataFrame(rows).to_csv(TARGET / "faces.csv", index=False)
    print(f"{len(rows)} pictures and {TARGET / 'faces.csv'}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else Path())
