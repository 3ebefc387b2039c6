"""A model that is read back answers bit for bit as before it was saved: weights keep their layout in memory."""

from pathlib import Path

import pytest
import torch
from mechanism_cases import CASES, Case, data

from causalgen.nn import load_module, save_module

IMAGES = [case for case in CASES if case.variable.is_image]


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("case", IMAGES, ids=str)
def test_weights_keep_their_layout_in_memory(case: Case, channels_last: bool, tmp_path: Path) -> None:
    mechanism = case.build()
    mechanism.initialize(*data(case))
    if channels_last and not case.variable.is_volume:  # as training lays out convolutions
        mechanism.to(memory_format=torch.channels_last)
    save_module(mechanism, tmp_path, "mechanism", {})
    again = load_module(tmp_path, "mechanism", lambda _: case.build())
    for (name, ours), (_, theirs) in zip(mechanism.state_dict().items(), again.state_dict().items(), strict=True):
        assert torch.equal(ours, theirs), name
        assert ours.stride() == theirs.stride(), name


@pytest.mark.parametrize("claim", [["nothing.of.that.name"], ["weight", "bias"], [3], []])
def test_a_file_may_claim_any_layout_and_changes_no_weight(claim: list, tmp_path: Path) -> None:
    layer = torch.nn.Conv2d(3, 4, 3)
    save_module(layer, tmp_path, "layer", {"channels_last": claim})
    again = load_module(tmp_path, "layer", lambda _: torch.nn.Conv2d(3, 4, 3))
    assert torch.equal(layer.weight, again.weight)
    assert torch.equal(layer.bias, again.bias)
