"""The image flow's density against automatic differentiation, and what it does with odd sizes."""

import pytest
import torch
from torch.distributions import Normal

from causalgen.graph import Variable
from causalgen.mechanisms import build

AGE = Variable("age", "continuous")


@pytest.mark.parametrize("shape", [(1, 4, 4), (1, 3, 4), (3, 3, 3), (2, 8, 4)])
def test_the_log_determinant_is_that_of_the_jacobian(shape: tuple[int, int, int]) -> None:
    """log p(x) = log N(z) + log |det dz/dx|, the Jacobian by automatic differentiation."""
    torch.manual_seed(0)
    flow = build("image-flow", Variable("x", "image", shape=shape), {"age": AGE}, {"width": 8, "couplings": 4}).double()
    flow.requires_grad_(False)
    value, parents = 255 * torch.rand(1, *shape).double(), {"age": torch.randn(1).double()}
    jacobian = torch.autograd.functional.jacobian(lambda x: flow.abduct(x, parents)["z"].flatten(), value)
    z = flow.abduct(value, parents)["z"]
    expected = Normal(0.0, 1.0).log_prob(z).sum() + torch.linalg.slogdet(jacobian.reshape(z.numel(), -1))[1]
    assert float(flow.log_prob(value, parents)) == pytest.approx(float(expected), rel=1e-9)


def test_abduction_is_exact_in_double_precision() -> None:
    torch.manual_seed(0)
    flow = build("image-flow", Variable("x", "image", shape=(1, 12, 20)), {"age": AGE}, {"width": 8}).double()
    value, parents = torch.randint(0, 256, (3, 1, 12, 20)).double(), {"age": torch.randn(3).double()}
    with torch.no_grad():
        assert torch.allclose(flow(flow.abduct(value, parents), parents), value, atol=1e-6)
