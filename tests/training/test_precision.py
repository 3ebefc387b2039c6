"""The precision that "auto" stands for."""

import pytest
import torch

from causalgen.training.fabric import precision_on

CPU = torch.device("cpu")


@pytest.mark.parametrize("tiles", [False, True])
@pytest.mark.parametrize("vectors", [False, True])
def test_auto_is_bfloat16_where_the_processor_multiplies_in_it(
    monkeypatch: pytest.MonkeyPatch, *, tiles: bool, vectors: bool
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: tiles)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: vectors)
    assert precision_on(CPU, "auto") == ("bf16-mixed" if tiles or vectors else "32-true")
    assert precision_on(CPU, "32-true") == "32-true"
    assert precision_on(CPU, "bf16-mixed") == "bf16-mixed"
