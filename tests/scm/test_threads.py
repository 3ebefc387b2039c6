"""Seeds hold however many threads ask at the same time."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from linear_gaussian import linear_gaussian
from torch import Tensor

MODEL = linear_gaussian()
UNIT = {"a": 0.5, "b": 1.0}
ASKED: dict[str, Callable[[int], Tensor]] = {
    "sample": lambda seed: MODEL.sample(4_000, seed=seed)["c"],
    "given": lambda seed: MODEL.sample(2_000, given={"b": 2.0}, seed=seed)["c"],
    "partial evidence": lambda seed: MODEL.abduct(UNIT, particles=2_000, seed=seed).counterfactual({"a": 1.0})["c"],
}


@pytest.mark.parametrize("name", ASKED)
def test_answers_under_a_seed_are_those_of_a_single_thread(name: str) -> None:
    ask, seeds = ASKED[name], [0, 1, 2, 3] * 12
    alone = [ask(seed).tolist() for seed in range(4)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda seed: ask(seed).tolist(), seeds))
    assert all(answer == alone[seed] for seed, answer in zip(seeds, found, strict=True))
