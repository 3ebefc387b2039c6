"""Predictors and evaluation of images that stay on disk: peak memory, and the rate relative to images in memory.

    python tests/timings/bench_from_disk.py --rows 10000 20000 40000 --rounds 3

Each table has as many training as test images of 28 x 28 pixels (random strokes under two attributes), a tenth as many for
validation. A predictor of each attribute, as `causalgen evaluate` trains it, is trained for one pass; then an untrained
conv-vae is evaluated on all test units, read by both; the truth is not known. Each setting runs in a new process. Memory is
what a process cannot give back to the system, pages of the images' file not counted: its peak, less what it held before.

The raw rate reads all images in the order of a pass and does nothing else.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from causalgen.datasets import Dataset
from causalgen.graph import CausalGraph, Variable
from causalgen.metrics import AS_FITTED, Readers, evaluate
from causalgen.predictors import PUBLISHED, fit_predictor
from causalgen.scm import StructuralCausalModel

SHAPE = (1, 28, 28)
GRAPH = CausalGraph(
    "{kind, light} -> image",
    [
        Variable("kind", "categorical", labels=("left", "right")),
        Variable("light", "continuous"),
        Variable("image", "image", shape=SHAPE),
    ],
)
SMALL = {"mechanism": "conv-vae", "latent": 4, "local": 2, "width": 8, "blocks": 1}
POLL = 0.02


def write(folder: Path, rows: int) -> None:
    """Attributes and images of `2.1 * rows` units, written a thousand at a time."""
    random, count = np.random.default_rng(0), 2 * rows + rows // 10
    kind, light = random.integers(0, 2, count), random.normal(0, 1, count)
    images = np.lib.format.open_memmap(folder / "images.npy", "w+", np.uint8, (count, *SHAPE))
    for start in range(0, count, 1000):
        part = slice(start, start + 1000)
        drawn = random.random((len(kind[part]), *SHAPE)) * (100 + 20 * light[part, None, None, None])
        drawn *= (np.arange(28) < 14) == kind[part, None, None, None]
        images[part] = drawn.clip(0, 255)
    images.flush()
    np.savez(folder / "attributes.npz", kind=kind, light=light.astype(np.float32))


def data_of(folder: Path, rows: int, *, on_disk: bool) -> Dataset:
    """The first `2.1 * rows` units of a folder."""
    count = 2 * rows + rows // 10
    images = np.load(folder / "images.npy", mmap_mode="c" if on_disk else None)[:count]
    columns = {name: torch.from_numpy(column[:count]) for name, column in np.load(folder / "attributes.npz").items()}
    split = dict(zip(("train", "validation", "test"), torch.arange(count).split([rows, rows // 10, rows])))
    return Dataset("strokes", GRAPH, {**columns, "image": torch.from_numpy(images)}, split, torch.arange(count))


class Peak:
    """Greatest memory of this process that is no page of a file, in MiB, above that at the start."""

    def __init__(self) -> None:
        self.start = self.most = self._now()
        self.over = threading.Event()
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while not self.over.wait(POLL):
            self.most = max(self.most, self._now())

    def end(self) -> float:
        self.over.set()
        return self.most - self.start

    @staticmethod
    def _now() -> float:
        line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("RssAnon"))
        return int(line.split()[1]) / 1024


def measure(folder: Path, rows: int, where: str) -> dict[str, Any]:
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    work(data_of(folder, 300, on_disk=True))  # what is loaded and allocated once
    peak = Peak()
    seconds = work(data_of(folder, rows, on_disk=where == "disk"))
    began = time.perf_counter()
    images = np.load(folder / "images.npy", mmap_mode="r")[:rows]
    for part in np.random.default_rng(1).permutation(rows).reshape(-1, 100):
        images[part]
    return {**seconds, "raw": time.perf_counter() - began, "MiB": peak.end()}


def work(data: Dataset) -> dict[str, float]:
    began = time.perf_counter()
    config = replace(PUBLISHED, epochs=1)
    predictors = {name: fit_predictor(data, name, image="image", config=config) for name in ("kind", "light")}
    trained = time.perf_counter()
    torch.manual_seed(0)
    scm = StructuralCausalModel(GRAPH, {"image": SMALL})
    scm.initialize(data.part("train"))
    scm.declare_fitted().eval()
    readers = Readers(predictors=predictors)
    evaluate(scm, data, queries=["light"], readers=readers, protocol=replace(AS_FITTED, rows=None, cycle_rows=200))
    return {"predictors": trained - began, "evaluation": time.perf_counter() - trained}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 20_000, 40_000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--where", nargs="+", choices=("memory", "disk"), default=["memory", "disk"])
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        print(json.dumps(measure(Path(asked.one[0]), asked.rows[0], asked.one[1])))
        return
    print(
        f"{'images':>8} {'where':>7} {'MiB':>7} {'predictors, images/s':>22} {'evaluation, units/s':>22} {'raw, images/s':>15}"
    )
    for rows in asked.rows:
        with tempfile.TemporaryDirectory() as folder:
            write(Path(folder), rows)
            found: dict[str, list[dict[str, float]]] = {where: [] for where in asked.where}
            for _ in range(asked.rounds):
                for where, kept in found.items():  # interleaved, so that other load meets both
                    command = [sys.executable, __file__, "--one", folder, where, "--rows", str(rows)]
                    done = subprocess.run(command, capture_output=True, text=True, check=True)
                    kept.append(json.loads(done.stdout.splitlines()[-1]))
        for where, kept in found.items():
            rates = {what: 1 / np.median([one[what] for one in kept]) for what in ("predictors", "evaluation", "raw")}
            most = max(one["MiB"] for one in kept)
            print(f"{rows:8,} {where:>7} {most:7.0f} {2 * rows * rates['predictors']:22,.0f} "
                  f"{rows * rates['evaluation']:22,.0f} {rows * rates['raw']:15,.0f}")  # fmt: skip
        for what in ("predictors", "evaluation") if len(found) == 2 else ():
            ratios = [there[what] / here[what] for there, here in zip(found["memory"], found["disk"])]
            print(
                f"  {what}: disk at {np.median(ratios):.2f} [{min(ratios):.2f}, {max(ratios):.2f}] of the rate in memory"
            )


if __name__ == "__main__":
    main()
