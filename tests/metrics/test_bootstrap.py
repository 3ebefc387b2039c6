"""Intervals: covering for clusters, wider than pretending that units are independent."""

import numpy as np
import pytest

from causalgen.metrics import bootstrap

GROUPS = np.repeat(np.arange(40), 10)


def clusters(seed: int) -> np.ndarray:
    """Mean 0; units of one group share half of their variance."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=40)[GROUPS] + rng.normal(size=len(GROUPS))


def test_covers_the_truth_for_clusters_where_independence_does_not() -> None:
    units = np.arange(len(GROUPS))
    by_group, by_unit = 0, 0
    for seed in range(300):
        numbers = clusters(seed)
        low, high = bootstrap(numbers, GROUPS, draws=400, seed=seed)[1:]
        by_group += low <= 0 <= high
        low, high = bootstrap(numbers, units, draws=400, seed=seed)[1:]
        by_unit += low <= 0 <= high
    assert 0.90 <= by_group / 300 <= 0.98
    assert by_unit / 300 < 0.75


def test_width_is_that_of_the_group_means() -> None:
    numbers = clusters(0)
    means = numbers.reshape(40, 10).mean(1)
    interval = bootstrap(numbers, GROUPS, draws=4000)
    expected = 2 * 1.96 * means.std() / np.sqrt(40)
    assert interval.value == pytest.approx(numbers.mean())
    assert interval.high - interval.low == pytest.approx(expected, rel=0.08)


def test_ratio_of_proportional_sums_is_certain() -> None:
    base = np.random.default_rng(1).uniform(1, 2, len(GROUPS))
    assert bootstrap(0.3 * base, GROUPS, denominator=base) == pytest.approx((0.3, 0.3, 0.3))


def test_unequal_groups_weigh_by_their_units() -> None:
    assert bootstrap([0.0, 0.0, 0.0, 4.0], [0, 0, 0, 1]).value == 1.0


def test_same_seed_same_interval() -> None:
    numbers = clusters(2)
    assert bootstrap(numbers, GROUPS, seed=4) == bootstrap(numbers, GROUPS, seed=4)
    assert bootstrap(numbers, GROUPS, seed=4) != bootstrap(numbers, GROUPS, seed=5)


def test_what_the_units_cannot_say_is_nan() -> None:
    alone = bootstrap([1.0, 2.0], [7, 7])
    assert alone.value == 1.5
    assert np.isnan([alone.low, alone.high]).all()
    assert np.isnan(bootstrap([], [])).all()
    assert np.isnan(bootstrap([1.0, 2.0], [0, 1], denominator=[0.0, 0.0]).value)
