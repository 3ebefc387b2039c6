"""How often the tests of memorisation raise an alarm, on clean tables and on tables with repeated persons.

    python tests/timings/bench_memory.py 20 clean planted [--models FOLDER] [--save FILE]
    python tests/timings/bench_memory.py --read FILE

Each fresh table holds 400 handwritten digits of 14 x 14 pixels, one a person, of which 280 are for training and 80 are held
out. In a planted table, three training persons occur 50 times, under other names. A conv-vae is trained on each table. The
alarm is `Memorisation.alarm`: single training persons are given away by weights, samples or counterfactuals. Models that the
folder already holds are read, not trained.
"""

import time
import warnings
from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path

import numpy as np
import torch
from judging import Row, judge_tables, table_options

import causalgen as cg
from causalgen.datasets import Dataset
from causalgen.graph import CausalGraph, Variable
from causalgen.metrics import memorisation
from causalgen.scm import StructuralCausalModel, load, save
from causalgen.training import FitConfig, Stage, fit

PERSONS, TRAIN, VALIDATION = 400, 280, 40
PLANTED, COPIES = 3, 50
GRAPH = CausalGraph(
    "{thickness, intensity} -> image",
    [
        Variable("thickness", "continuous"),
        Variable("intensity", "continuous"),
        Variable("image", "image", shape=(1, 14, 14)),
    ],
)
IMAGE = {"mechanism": "conv-vae", "latent": 8, "width": 16, "blocks": 1}
CONFIG = FitConfig(
    attributes=Stage(epochs=5),
    images=Stage(epochs=30, batch_size=128, learning_rate=2e-3, ema=0.99, patience=40, completions=1),
    device="cpu",
    threads=1,
)


@cache
def digits() -> Dataset:
    return cg.load("morphodigits", rows=10_000)


def table(kind: str, number: int) -> Dataset:
    """A table of persons; the first training persons are repeated if it is planted."""
    random, all_groups = np.random.default_rng([3, number]), digits().group.numpy()
    persons = random.permutation(np.unique(all_groups))[:PERSONS]
    rows = [random.choice(np.flatnonzero(all_groups == person)) for person in persons]
    values = digits().rows(np.array(rows))
    small = torch.nn.functional.avg_pool2d(values["image"].float(), 2).round().to(torch.uint8)
    repeated = np.repeat(np.arange(PLANTED), COPIES - 1) if kind == "planted" else np.arange(0)
    order = torch.from_numpy(np.concatenate([np.arange(PERSONS), repeated]))
    columns = {name: values[name][order] for name in ("thickness", "intensity")} | {"image": small[order]}
    train, validation, test, copies = torch.arange(len(order)).split(
        [TRAIN, VALIDATION, PERSONS - TRAIN - VALIDATION, len(repeated)]
    )
    split = {"train": torch.cat([train, copies]), "validation": validation, "test": test}
    return Dataset(kind, GRAPH, columns, split, torch.arange(len(order)))


def fitted(data: Dataset, number: int, place: Path | None) -> StructuralCausalModel:
    if place is not None and (place / "model.json").is_file():
        return load(place)
    torch.manual_seed(number)
    scm = StructuralCausalModel(GRAPH, {"image": IMAGE})
    fit(scm, data, CONFIG)
    if place is not None:
        save(scm, place)
    return scm


def judge(models: Path | None, kind: str, number: int) -> Row:
    """Verdicts of one table, and which of the repeated persons they name."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    data = table(kind, number)
    scm = fitted(data, number, models and models / f"{kind}-{number}")
    began = time.process_time()
    found = memorisation(scm, data, seed=number)
    seconds = time.process_time() - began
    named = {verdict.surface: sorted(unit[0] for unit in verdict.units) for verdict in found.verdicts}
    findings = {verdict.surface: verdict.finding for verdict in found.verdicts}
    advantage = {
        name: found.table.value(metric=f"membership advantage by {name}") for name in ("bound", "reconstruction")
    }
    print(f"{kind} {number}: {findings} {named}", flush=True)
    return {
        "kind": kind,
        "table": number,
        "alarm": found.alarm,
        "findings": findings,
        "named": named,
        "advantage": advantage,
        "seconds": seconds,
    }


def summarise(rows: Sequence[Row]) -> None:
    for kind in dict.fromkeys(row["kind"] for row in rows):
        own = [row for row in rows if row["kind"] == kind]
        planted = range(PLANTED if kind == "planted" else 0)
        wrong = [sum(person not in planted for surface in row["named"].values() for person in surface) for row in own]
        alarms = sum(row["alarm"] for row in own)
        print(f"{kind}: alarm in {alarms} of {len(own)} tables; {sum(wrong)} persons named who were not repeated")
        for surface in own[0]["findings"]:
            counts = {}
            for row in own:
                counts[row["findings"][surface]] = counts.get(row["findings"][surface], 0) + 1
            hits = sum(person in planted for row in own for person in row["named"][surface])
            print(
                f"  {surface}: {counts}"
                + (f"; {hits} of {PLANTED * len(own)} repeated persons named" if planted else "")
            )
        for name in own[0]["advantage"]:
            values = np.array([row["advantage"][name] for row in own])
            print(f"  advantage by {name}: mean {values.mean():.2f}, from {values.min():.2f} to {values.max():.2f}")
        print(f"  {np.median([row['seconds'] for row in own]):.1f} s of one core for the tests")


def main() -> None:
    parser = table_options(["clean", "planted"])
    parser.add_argument("--models", type=Path)
    asked = parser.parse_args()
    judge_tables(asked, ["clean", "planted"], partial(judge, asked.models), summarise)


if __name__ == "__main__":
    main()
