"""The structural equations of the scan phantom, on arrays; ages in years, sizes in mm, volumes in ml.

sex              = F if u < 0.5 else M,  u ~ Uniform(0, 1)
age              = (50 for F, 40 for M) + 40 v + years since the first visit,  v ~ Uniform(0, 1)
head_size        = (156 for F, 166 for M) + 4 e,  e ~ N(0, 1) within 3
scanner          = A, B or C as 0.75 w + 0.0025 (age - 40) < 0.35, < 0.65 or more,  w ~ Uniform(0, 1)
ventricle_volume = 25 exp(0.02 (age - 60) + 0.18 p + 0.03 q) (head_size / 160)^3,  p, q ~ N(0, 1) within 3

A person has one to four visits, each 1.5 to 2.5 years after the one before, and a scan at each. The noises u, v, e and p belong
to the person; w, q and the years to the visit. The sizes are invented, in the range of human heads.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

__all__ = ["attributes", "draw_noise", "draw_visits"]

Columns = dict[str, NDArray]

MOST_SCANS = 4
"""Maximum number of scans of one person; all numbers from 1 are equally frequent."""
YOUNGEST, AGES = (50.0, 40.0), 40.0
HEAD, HEAD_SPREAD = (156.0, 166.0), 4.0
LIMIT = 3.0
"""Normal noises are truncated at this value, so that every ventricle fits into its head."""


def draw_noise(n: int, rng: np.random.Generator) -> Columns:
    """Exogenous noise of one scan of each of `n` persons; visits are as frequent as in the data."""
    weights = np.arange(MOST_SCANS, 0, -1)
    visit = rng.choice(MOST_SCANS, n, p=weights / weights.sum())
    gaps = rng.uniform(1.5, 2.5, (n, MOST_SCANS - 1))
    years = np.where(np.arange(MOST_SCANS - 1) < visit[:, None], gaps, 0.0).sum(1)
    return _draw_persons(n, rng) | _draw_scans(n, rng) | {"years": years}


def draw_visits(rows: int, rng: np.random.Generator) -> tuple[Columns, NDArray[np.int64]]:
    """Exogenous noise of `rows` scans of persons with several each, and the number of each scan's person."""
    scans = rng.integers(1, MOST_SCANS + 1, rows)
    person = np.repeat(np.arange(rows), scans)[:rows]
    first = np.concatenate([[True], person[1:] != person[:-1]])
    gaps = np.where(first, 0.0, rng.uniform(1.5, 2.5, rows))
    total = gaps.cumsum()
    years = total - total[first][person]
    persons = _draw_persons(rows, rng)
    return {name: noise[person] for name, noise in persons.items()} | _draw_scans(rows, rng) | {"years": years}, person


def attributes(noise: Mapping[str, NDArray], do: Mapping[str, NDArray | float] | None = None) -> Columns:
    """The attributes under `do`, from noises `(N,)`; sex and scanner as codes."""
    do, columns = do or {}, {}

    def assign(name: str, value: NDArray) -> NDArray:
        columns[name] = np.broadcast_to(np.asarray(do[name], value.dtype), value.shape) if name in do else value
        return columns[name]

    sex = assign("sex", (noise["sex"] >= 0.5).astype(np.int64))
    age = assign("age", np.take(YOUNGEST, sex) + AGES * noise["age"] + noise["years"])
    head = assign("head_size", np.take(HEAD, sex) + HEAD_SPREAD * noise["head_size"])
    score = 0.75 * noise["scanner"] + 0.0025 * (age - 40)
    assign("scanner", (score >= 0.35).astype(np.int64) + (score >= 0.65))
    growth = 0.02 * (age - 60) + 0.18 * noise["ventricle_volume"] + 0.03 * noise["visit"]
    assign("ventricle_volume", 25 * np.exp(growth) * (head / 160) ** 3)
    return columns


def _draw_persons(n: int, rng: np.random.Generator) -> Columns:
    noise = {name: rng.uniform(size=n) for name in ("sex", "age")}
    return noise | {name: _cut(rng.normal(size=n)) for name in ("head_size", "ventricle_volume")}


def _draw_scans(n: int, rng: np.random.Generator) -> Columns:
    return {"scanner": rng.uniform(size=n), "visit": _cut(rng.normal(size=n))}


def _cut(normal: NDArray) -> NDArray:
    return np.clip(normal, -LIMIT, LIMIT)
