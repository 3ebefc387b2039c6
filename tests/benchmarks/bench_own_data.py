"""Seconds and memory of reading a user's own data: a table of a million rows, and 100,000 small image files.

    python tests/benchmarks/bench_own_data.py [--rows 1000000] [--images 100000]

Targets: `check` of a million rows in 20 s and 2 GB, 100,000 PNG files indexed in 60 s, on two cores. Each part runs in a
process of its own, so that its peak memory is its own.
"""

import argparse
import io
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

NAMES = [*(f"x{n}" for n in range(12)), *(f"word{n}" for n in range(4)), *(f"flag{n}" for n in range(4))]


def write_table(folder: Path, rows: int) -> None:
    """Twenty columns: twelve numbers, four of words, four binary; and a study about them."""
    rng = np.random.default_rng(0)
    table = {name: rng.normal(size=rows) for name in NAMES[:12]}
    table |= {name: rng.choice(["alpha", "beta", "gamma"], rows) for name in NAMES[12:16]}
    table |= {name: rng.integers(0, 2, rows) for name in NAMES[16:]}
    pd.DataFrame(table).to_csv(folder / "table.csv", index=False, float_format="%.5g")
    edges = f"{{{', '.join(NAMES[:-1])}}} -> {NAMES[-1]}"
    (folder / "study.yaml").write_text(f'name: million\ndata:\n  table: table.csv\n  graph: "{edges}"\n')


def write_images(folder: Path, count: int) -> None:
    """Random grey images of 28 x 28 pixels in a hundred folders, and a table about them."""
    rng = np.random.default_rng(0)
    for place in range(100):
        (folder / f"{place:02d}").mkdir()
    for number in range(count):
        file = io.BytesIO()
        Image.fromarray(rng.integers(0, 256, (28, 28), dtype=np.uint8)).save(file, "PNG")
        (folder / f"{number % 100:02d}" / f"{number}.png").write_bytes(file.getvalue())
    paths = [f"{number % 100:02d}/{number}.png" for number in range(count)]
    pd.DataFrame({"a": rng.normal(size=count), "image": paths}).to_csv(folder / "images.csv", index=False)


def index_images(folder: Path) -> None:
    """Index, then decode, in this process."""
    from causalgen.datasets.table import index_table, load_index

    began = time.perf_counter()
    index = index_table(folder / "images.csv", "a -> image")
    indexed = time.perf_counter()
    load_index(index, root=folder / "cache")
    decoded = time.perf_counter()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"{len(index.rows):,} images: index {indexed - began:.1f} s, decode {decoded - indexed:.1f} s, peak {peak:.2f} GiB"
    )


def main() -> None:
    """Make the data, then time each part."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--folder", type=Path)
    asked = parser.parse_args()
    if asked.folder is not None:
        index_images(asked.folder)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_table(folder, asked.rows)
        began = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "causalgen", "check", folder / "study.yaml", "--json"],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
        print(f"{asked.rows:,} rows: check {time.perf_counter() - began:.1f} s, peak {peak:.2f} GiB", flush=True)
        write_images(folder, asked.images)
        subprocess.run([sys.executable, __file__, "--folder", folder], check=True)


if __name__ == "__main__":
    main()
