"""Attention among the cells of a map is that of torch, after group normalisation, and added to the map."""

import pytest
import torch
from torch import nn

from causalgen.nn import SelfAttention


@pytest.mark.parametrize("heads", [1, 2, 4])
@torch.no_grad()
def test_it_is_multi_head_attention(heads: int) -> None:
    torch.manual_seed(0)
    own, reference = SelfAttention(8, heads), nn.MultiheadAttention(8, heads, batch_first=True)
    reference.in_proj_weight.copy_(own.inputs.weight[:, :, 0, 0])
    reference.in_proj_bias.copy_(own.inputs.bias)
    reference.out_proj.weight.copy_(own.output.weight[:, :, 0, 0])
    reference.out_proj.bias.copy_(own.output.bias)
    x = torch.randn(2, 8, 3, 5)
    cells = own.norm(x).flatten(2).transpose(1, 2)
    seen, _ = reference(cells, cells, cells)
    assert torch.allclose(own(x), x + seen.transpose(1, 2).unflatten(2, (3, 5)), atol=1e-6)
