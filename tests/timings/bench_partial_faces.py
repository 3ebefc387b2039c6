"""The photographs of faces whose table has holes, next to the same study on the whole table; test rows only.

    python examples/own_table/prepare.py SOURCE
    causalgen run examples/own_table/partial.yaml --out runs/faces-partial
    sed s,faces/partial.csv,faces.csv, examples/own_table/partial.yaml > examples/own_table/faces/whole.yaml
    causalgen run examples/own_table/faces/whole.yaml --out runs/faces-whole
    python tests/timings/bench_partial_faces.py runs/faces-partial runs/faces-whole [--only cells] [--masked 24]

Prints how often a missing cell was inferred rightly, next to the most frequent label of the known training cells; how often
the classifier of the run on the whole table sees do(eyes = the other label); and the same of pictures behind the scarf.
"""

import argparse
import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from bench_restoration import cubic, pictures, quality
from skimage.restoration import inpaint_biharmonic

from causalgen.datasets import Dataset
from causalgen.predictors import AttributePredictor
from causalgen.reports.restoration_plot import interval
from causalgen.scm import Damage, Posterior, StructuralCausalModel, restore
from causalgen.studies.asking import fitted_data, fitted_model
from causalgen.studies.readers import readers_of
from causalgen.studies.runfolder import read_run

SCARF = slice(35, 50)
"""As in examples/own_table/prepare.py."""
NODE, DO = "picture", "eyes"
AT_ONCE = 8
LEVEL = 0.9
Units = Mapping[str, Any]


def guesses(partial: Dataset, names: list[str]) -> dict[str, int]:
    """The most frequent code of each attribute among the known training cells."""
    train = partial.whole("train")
    return {name: int(train[name][train[name] >= 0].mode().values) for name in names}


def inferred(posterior: Posterior, truth: Units, guess: Mapping[str, int]) -> None:
    """How often the missing cells were inferred rightly."""
    place = {label: number for number, label in enumerate(posterior.labels.tolist())}
    for name, rows in posterior.inferred().groupby("variable", sort=False):
        variable, units = posterior.scm.graph[str(name)], [place[unit] for unit in rows["unit"]]
        true = [variable.decode(int(truth[str(name)][unit])) for unit in units]
        right, sure = np.array(list(rows["value"])) == np.array(true), rows["share"].mean()
        floor = np.mean([label == variable.decode(guess[str(name)]) for label in true])
        print(f"  {name}: right {right.mean():.3f} of {len(right)} cells, expected {sure:.3f}, floor {floor:.3f}")


def shown(images: torch.Tensor, eyes: torch.Tensor, classifier: AttributePredictor) -> float:
    """Share of images `(k, B, C, H, W)` under do(eyes = the other) in which a classifier sees the other eyes."""
    return classifier.accuracy(images.flatten(0, 1).float(), (1 - eyes).repeat(len(images)))


def masked(
    scm: StructuralCausalModel, units: Units, truth: Units, particles: int, classifier: AttributePredictor
) -> None:
    """Pictures behind the scarf: restored, and what they would have been with the other eyes, in one abduction."""
    hidden = np.zeros(scm.graph[NODE].shape[1:], dtype=bool)
    hidden[SCARF] = True
    began, draws, worlds = time.perf_counter(), [], []
    for start in range(0, len(truth[NODE]), AT_ONCE):
        few = {name: values[start : start + AT_ONCE] for name, values in units.items()}
        posterior = restore(scm, few, Damage(mask=hidden), particles=particles, seed=0)
        draws.append(posterior.completed.by_particle()[NODE])  # type: ignore[union-attr]
        other = 1 - truth[DO][start : start + AT_ONCE]
        worlds.append(posterior.counterfactual({DO: other}, seed=0)[NODE])
    images, world = torch.cat(draws, dim=1), torch.cat(worlds, dim=1)
    print(f"  {(time.perf_counter() - began) / len(truth[NODE]):.1f} s a unit")
    seen, whole = pictures(truth[NODE]), pictures(truth[NODE])
    seen[:, hidden] = 0
    for name, restored in {
        "restored": pictures(images.mean(0)),
        "biharmonic": np.stack([inpaint_biharmonic(i, hidden, channel_axis=-1) for i in seen]).clip(0, 1),
        "bicubic": np.stack([cubic(i, hidden) for i in seen]),
    }.items():
        print("  {:12s} PSNR {:.2f}  SSIM {:.3f}".format(name, *quality(restored, whole)))
    low, high = interval(images, LEVEL)
    true = truth[NODE].float().numpy()
    held = ((low <= true) & (true <= high))[..., hidden].mean()
    print(f"  90 % intervals hold {held:.3f} of the hidden pixels")
    print(f"  eyes shown of the counterfactual {shown(world, truth[DO], classifier):.3f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("partial", type=Path)
    parser.add_argument("whole", type=Path)
    parser.add_argument("--only", default="", help="parts whose name holds this: cells, counterfactual, scarf")
    parser.add_argument("--masked", type=int, default=24)
    parser.add_argument("--particles", type=int, default=50)
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    runs = {"with holes": read_run(asked.partial), "whole table": read_run(asked.whole)}
    models = {name: fitted_model(run) for name, run in runs.items()}
    partial, whole = (fitted_data(run, models[name]) for name, run in runs.items())
    rows, lacking = whole.split["test"], partial.incomplete_labels["test"]
    assert {*map(int, rows)} == {*map(int, partial.split["test"]), *map(int, lacking)}
    classifier = readers_of(runs["whole table"], whole.graph, NODE).trained[DO]
    if asked.only in "cells":
        for name, scm in models.items():
            print(f"model of the table {name}, {len(lacking)} incomplete test rows")
            posterior = scm.abduct(partial.evidence(lacking), particles=asked.particles, seed=0)
            inferred(posterior, dict(whole.rows(lacking)), guesses(partial, list(whole.graph.attributes)))
    if asked.only in "counterfactual":
        truth, units = dict(whole.rows(rows)), dict(partial.evidence(rows))
        seen = classifier.accuracy(truth[NODE].float(), truth[DO])
        print(f"do(eyes = the other), {len(rows)} test rows; classifier on their pictures {seen:.3f}")
        for name, scm, evidence in (
            ("with holes, rows with holes", models["with holes"], units),
            ("with holes, the same rows complete", models["with holes"], truth),
            ("whole table, complete rows", models["whole table"], truth),
        ):
            posterior = scm.abduct(evidence, particles=asked.particles, seed=0)
            world = posterior.counterfactual({DO: 1 - truth[DO]}, seed=0)[NODE]
            print(f"  {name}: eyes shown {shown(world, truth[DO], classifier):.3f}", flush=True)
    if asked.only in "scarf":
        few = rows[: asked.masked]
        for name, scm, evidence in (
            ("with holes", models["with holes"], dict(partial.evidence(few))),
            ("whole table", models["whole table"], dict(whole.rows(few))),
        ):
            print(f"scarf, model and evidence of the table {name}, {len(few)} test rows")
            masked(scm, evidence, dict(whole.rows(few)), asked.particles, classifier)


if __name__ == "__main__":
    main()
