"""Queries are drawn from other groups, keep the marginal and do not look at the model."""

import numpy as np
import pytest
import torch

from causalgen.errors import DataError, SupportError, UnknownNameError
from causalgen.metrics import donors, draw_query

from .painted import model, painted


@pytest.mark.parametrize("groups", [np.arange(50), np.repeat(np.arange(10), 5), np.array([0] * 20 + [1] * 20)])
def test_donors_permute_across_groups(groups: np.ndarray) -> None:
    donor = donors(groups, seed=3)
    assert sorted(donor) == list(range(len(groups)))
    assert (groups[donor] != groups).all()
    assert (donors(groups, seed=3) == donor).all()
    assert (donors(groups, seed=4) != donor).any()


@pytest.mark.parametrize("groups", [np.zeros(4), np.array([0, 0, 0, 1]), np.array([])])
def test_donors_need_other_groups(groups: np.ndarray) -> None:
    with pytest.raises(DataError, match="several groups"):
        donors(groups, seed=0)


def test_a_query_keeps_the_marginal_and_joint_values_come_from_one_unit() -> None:
    data = painted()
    factual, groups = data.part("test"), data.group[data.split["test"]].numpy()
    query = draw_query(("light", "brightness"), model(data), factual, groups, seed=0)
    assert query.label == "do(light, brightness)"
    pairs = torch.stack([query.do["light"], query.do["brightness"]], dim=1)
    original = torch.stack([factual["light"], factual["brightness"]], dim=1)
    assert sorted(pairs.tolist()) == sorted(original.tolist())


def test_a_query_with_values() -> None:
    data = painted()
    factual, groups = data.part("test"), data.group[data.split["test"]].numpy()
    query = draw_query({"brightness": 90, "shape": "right"}, model(data), factual, groups, seed=0)
    assert query.label == "do(brightness = 90 lx, shape = right)"
    assert query.do["brightness"].tolist() == [90.0] * len(groups)
    assert query.do["shape"].tolist() == [1] * len(groups)


@pytest.mark.parametrize(
    ("spec", "error", "text"),
    [
        ("brightnes", UnknownNameError, "Did you mean 'brightness'"),
        ("image", DataError, "image 'image'"),
        ({"brightness": 900}, SupportError, "900"),
    ],
)
def test_bad_queries(spec: object, error: type[Exception], text: str) -> None:
    data = painted()
    with pytest.raises(error, match=text):
        draw_query(spec, model(data), data.part("test"), data.group[data.split["test"]].numpy(), seed=0)  # type: ignore[arg-type]
