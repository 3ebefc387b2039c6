"""The empirical mechanism's quantiles."""

import torch

from causalgen.graph import Variable
from causalgen.mechanisms import Empirical


def test_a_tied_value_has_the_middle_of_its_quantiles() -> None:
    """Of 0, 0, 0, 1, 2 the values have the middle ranks 1.5, 3.5 and 4.5: stretched to [0, 1], 0, 2/3 and 1."""
    mechanism = Empirical(Variable("x", "continuous"), {})
    mechanism.initialize(torch.tensor([0.0, 0.0, 0.0, 1.0, 2.0]), {})
    noise = mechanism.abduct(torch.tensor([0.0, 1.0, 2.0]), {})["u"]
    assert torch.allclose(noise, torch.tensor([0.0, 2 / 3, 1.0]), atol=1e-3)
