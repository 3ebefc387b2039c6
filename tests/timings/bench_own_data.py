"""Seconds and memory of reading a user's own data: a million rows, 5,000 columns, and 100,000 small image files.

    python tests/timings/bench_own_data.py [--rows 1000000] [--images 100000] [--columns 5000]

Targets: `check` of a million rows in 20 s and 2 GB, 100,000 PNG files indexed in 60 s, on two cores; a table of 5,000
columns and 200 rows loaded in a few seconds, in 5 times the time of 1,000 columns. The first two parts run in separate
processes, so that their peak memory can be told apart.
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


def load_wide(folder: Path, most: int) -> None:
    """Time `describe_columns` and `load_table` on a fifth of the columns and on all of them."""
    from causalgen.datasets.table import describe_columns, load_table

    seconds = {}
    for count in (most // 5, most):
        names = [f"c{place}" for place in range(count)]
        path = folder / f"{count}.csv"
        numbers = np.random.default_rng(0).normal(size=(200, count)).round(4)
        pd.DataFrame(numbers, columns=names).to_csv(path, index=False)
        began = time.perf_counter()
        describe_columns(path)
        described = time.perf_counter()
        load_table(path, "; ".join(names))
        seconds[count] = (described - began, time.perf_counter() - described)
        print(f"{count:,} columns: describe {seconds[count][0]:.1f} s, load {seconds[count][1]:.1f} s", flush=True)
    few, many = seconds.values()
    print(f"ratio: describe {many[0] / few[0]:.1f}, load {many[1] / few[1]:.1f} (linear: 5)")


def main() -> None:
    """Make the data, then time each part."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--columns", type=int, default=5000)
    parser.add_argument("--folder", type=Path)
    asked = parser.parse_args()
    if asked.folder is not None:
        index_images(asked.folder)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        load_wide(folder, asked.columns)
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
