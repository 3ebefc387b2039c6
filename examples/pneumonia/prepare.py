"""Turn PneumoniaMNIST's array file into folders of pictures: split, then class, then PNG files.

    python examples/pneumonia/prepare.py FILE.npz

Takes the official `pneumoniamnist.npz`, or any file with the same arrays. Writes `xrays/train/normal/0000.png` and so on
beside this file.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

TARGET = Path(__file__).parent / "xrays"
LABELS = ("normal", "pneumonia")


def main(source: Path) -> None:
    """Write the pictures."""
    if not source.is_file():
        sys.exit(f"Expected an .npz file of PneumoniaMNIST; got '{source}'. See the README for the source.")
    arrays = np.load(source)
    count = 0
    for split in ("train", "val", "test"):
        for label in LABELS:
            (TARGET / split / label).mkdir(parents=True, exist_ok=True)
        for number, (image, label) in enumerate(zip(arrays[f"{split}_images"], arrays[f"{split}_labels"].reshape(-1))):
            Image.fromarray(image).save(TARGET / split / LABELS[label] / f"{number:04d}.png")
            count += 1
    print(f"{count} pictures in {TARGET}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else Path("pneumoniamnist.npz"))
