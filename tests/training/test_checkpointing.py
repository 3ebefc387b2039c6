"""Checkpointed blocks give the same gradients as blocks that keep everything, and training reaches them."""

import pytest
import torch
from mechanism_cases import CASES, Case, data
from torch import Tensor

from causalgen.mechanisms.catalog import words_for
from causalgen.nn import ConvBlock, FrozenUNet, seeded
from causalgen.training import FitConfig, Stage
from causalgen.training.fabric import fabric_for
from causalgen.training.stage import NodeTrainer

FIRST = [next(case for case in CASES if case.mechanism == word) for word in words_for("image")]
FROZEN = next(case for case in CASES if case.needs_files)


def gradients(case: Case, *, checkpointing: bool) -> dict[str, Tensor]:
    value, parents = data(case)
    mechanism = case.build()
    mechanism.initialize(value, parents)
    for part in mechanism.trained_before.values():
        part.declare_fitted()
    stage = Stage(batch_size=len(value), checkpointing=checkpointing)
    trainer = NodeTrainer(case.variable.name, mechanism.train(), stage, 10, fabric_for(FitConfig(), image=True))
    blocks = [module for module in mechanism.modules() if isinstance(module, ConvBlock | FrozenUNet)]
    assert blocks
    assert all(block.checkpointed == checkpointing for block in blocks)
    for part in (*mechanism.trained_before.values(), trainer.mechanism):
        with seeded(0):
            losses = part.objectives(value, parents, 0.3)
            sum(losses[objective].mean() for objective in part.parameter_groups()).backward()
    return {name: p.grad for name, p in mechanism.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("case", [*FIRST, FROZEN], ids=str)
def test_the_gradients_are_the_same(case: Case) -> None:
    kept, again = (gradients(case, checkpointing=checkpointing) for checkpointing in (False, True))
    assert kept.keys() == again.keys()
    for name, gradient in kept.items():
        assert torch.allclose(gradient, again[name], rtol=1e-4, atol=1e-5 * float(gradient.abs().max() + 1)), name


def test_less_is_kept_in_memory() -> None:
    block, x = ConvBlock(16).train(), torch.randn(2, 16, 32, 32, requires_grad=True)

    def kept() -> int:
        saved: list[int] = []
        with torch.autograd.graph.saved_tensors_hooks(lambda t: saved.append(t.numel()) or t, lambda t: t):
            block(x)
        return sum(saved)

    everything = kept()
    block.checkpointed = True
    assert kept() < everything / 2
