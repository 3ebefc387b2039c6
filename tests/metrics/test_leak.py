"""Noise leak: finds what is planted, and only that."""

import numpy as np
import torch

from causalgen.graph import Variable
from causalgen.metrics import noise_leak, predictability

from .painted import model, painted

GROUPS = np.repeat(np.arange(60), 5)
N = len(GROUPS)
AGE = Variable("age", "continuous")
PEN = Variable("pen", "categorical", labels=("a", "b", "c"))


def test_finds_a_planted_leak_and_none_in_permuted_noise() -> None:
    rng = np.random.default_rng(0)
    age = torch.from_numpy(rng.normal(size=N))
    noise = rng.normal(size=(N, 8))
    noise[:, 3] += age.numpy()  # half of the variance of the third is age
    found = predictability(AGE, noise, age, GROUPS, row="model")
    assert 0.35 < found.low < found.value < found.high < 0.65
    assert predictability(AGE, rng.permutation(noise), age, GROUPS, row="permutation control").value < 0.05


def test_finds_a_label() -> None:
    rng = np.random.default_rng(1)
    pen = torch.from_numpy(rng.integers(3, size=N))
    noise = rng.normal(size=(N, 4)) + 3 * np.eye(4)[pen.numpy()]
    assert predictability(PEN, noise, pen, GROUPS, row="model").value > 0.9
    assert predictability(PEN, rng.permutation(noise), pen, GROUPS, row="permutation control").value < 0.45


def test_memory_of_the_group_is_no_leak() -> None:
    rng = np.random.default_rng(2)
    noise = rng.normal(size=(60, 40))[GROUPS]
    age = torch.from_numpy(rng.normal(size=60)[GROUPS])
    assert predictability(AGE, noise, age, GROUPS, row="model").value < 0.2


def test_too_few_labels_say_nothing() -> None:
    pen = torch.zeros(N, dtype=torch.int64)
    pen[0] = 1
    result = predictability(PEN, np.random.default_rng(3).normal(size=(N, 2)), pen, GROUPS, row="model")
    assert np.isnan(result.value)
    assert "too few" in result.note


def test_noise_that_is_not_finite_says_nothing() -> None:
    noise = np.random.default_rng(4).normal(size=(N, 2))
    noise[7, 1] = np.inf
    result = predictability(AGE, noise, torch.arange(N), GROUPS, row="model")
    assert np.isnan(result.value)
    assert "not finite" in result.note


def test_of_a_model() -> None:
    data = painted()
    groups = data.group[data.split["test"]].numpy()
    posteriors = {"model": model(data).abduct(data.part("test"))}
    results = {(r.metric, r.row): r for r in noise_leak(posteriors, groups, image="image")}
    assert results["noise leak: shape accuracy", "model"].value > 0.9  # the mask shows the shape
    assert results["noise leak: shape accuracy", "permutation control"].value < 0.6
    assert results["noise leak: brightness R2", "model"].value < 0.2  # and not the brightness
