"""Guidance: one weight for all changed parents, or one for each."""

import pytest
import torch
from torch import Tensor

from causalgen.errors import UnknownNameError
from causalgen.graph import Variable
from causalgen.mechanisms import build

IMAGE = Variable("x", "image", shape=(1, 8, 8))
PARENTS = {name: Variable(name, "continuous") for name in ("a", "b", "c")}
VALUES = {name: torch.tensor([value]) for name, value in (("a", 0.5), ("b", -1.0), ("c", 2.0))}


def output(changed: set[str], guidance: object, **options: object) -> Tensor:
    """The guided field of a network of random weights, at noise and time .5."""
    torch.manual_seed(0)
    mechanism = build("flow-matching", IMAGE, PARENTS, {"width": 8, "guidance": guidance, **options}).eval()
    mechanism.initialize(torch.rand(8, 1, 8, 8), {name: torch.randn(8) for name in PARENTS})
    with torch.no_grad():
        for parameter in mechanism.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
        noise = torch.randn(1, 1, 8, 8)
        return mechanism._guided(VALUES, 1, frozenset(changed))(noise, torch.tensor(0.5))


def test_one_number_is_the_same_for_every_parent() -> None:
    both = {"a", "b"}
    torch.testing.assert_close(output(both, 3.0), output(both, {"a": 3.0, "b": 3}))
    assert not torch.allclose(output(both, 3.0), output(both, {"a": 3.0}), atol=1e-3)


def test_a_parent_that_is_not_named_or_not_changed_has_no_guidance() -> None:
    torch.testing.assert_close(output({"a", "b"}, {"a": 1.0}), output({"a"}, {"c": 5.0}))
    torch.testing.assert_close(output({"a"}, {"a": 3.0, "b": 7.0}), output({"a"}, 3.0))
    torch.testing.assert_close(output(set(), 3.0), output({"a", "b", "c"}, 1.0))


def test_the_field_is_linear_in_each_weight() -> None:
    """The step that adds a parent is multiplied by its weight: b, which has the greatest, is added last."""
    values = [output({"a", "b"}, {"a": 2.0, "b": weight}) for weight in (3.0, 5.0, 7.0)]
    torch.testing.assert_close(values[2] - values[1], values[1] - values[0], atol=1e-4, rtol=1e-4)
    assert float((values[1] - values[0]).abs().max()) > 1e-3


@pytest.mark.parametrize(
    ("guidance", "error", "match"),
    [
        ({"a": 11.0}, ValueError, "Expected guidance of 'a' in"),
        ({"a": "much"}, ValueError, "Expected guidance of 'a' in"),
        ({"a": float("nan")}, ValueError, "Expected guidance of 'a' in"),
        ({"aa": 2.0}, UnknownNameError, "Expected guidance of parents among a, b, c; got 'aa'"),
        ([2.0], ValueError, "a number"),
        ({"a": 2.0, "dropout": 0.0}, UnknownNameError, "dropout"),
    ],
)
def test_wrong_weights_are_refused(guidance: object, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        build("diffusion", IMAGE, PARENTS, {"width": 8, "guidance": guidance})


def test_weights_of_one_are_no_guidance_and_a_spec_keeps_them() -> None:
    plain = build("diffusion", IMAGE, PARENTS, {"width": 8, "guidance": {"a": 1}})
    assert not plain.guided
    edit = build("diffusion", IMAGE, PARENTS, {"width": 8, "guidance": {"b": 2.0}})
    assert edit.guided
    assert build("diffusion", IMAGE, PARENTS, edit.spec()).guidance == {"a": 1.0, "b": 2.0, "c": 1.0}
