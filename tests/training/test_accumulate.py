"""A batch in parts has the gradient of the whole, takes the same steps, and keeps less in memory."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import torch
from mechanism_cases import CASES, Case
from mechanism_cases import data as case_data
from small_fit import CONFIG, GRAPH, data, model
from torch import Tensor

from causalgen.scm import StructuralCausalModel
from causalgen.training import FitConfig, Stage, fit
from causalgen.training.fabric import fabric_for
from causalgen.training.stage import NodeTrainer

FIRST = [case for place, case in enumerate(CASES) if case.mechanism not in {c.mechanism for c in CASES[:place]}]
FIRST = [case for case in FIRST if case.build().trainable]
ATTRIBUTES = GRAPH.project(["x", "y", "g"])


@contextmanager
def nothing_drawn() -> Iterator[None]:
    """Replace draws by constants, so that those of parts equal those of the whole."""
    with pytest.MonkeyPatch.context() as patch:
        for name, constant in (("randn", 0.0), ("rand", 0.5)):
            patch.setattr(torch, name, partial(_full, constant))
            patch.setattr(torch, f"{name}_like", partial(torch.full_like, fill_value=constant))
        yield


def _full(constant: float, *size: int, **kind: Any) -> Tensor:
    return torch.full(size, constant, **kind)


def gradients(case: Case, accumulate: int) -> dict[str, Tensor]:
    value, parents = case_data(case)
    torch.manual_seed(0)
    mechanism = case.build()
    mechanism.initialize(value, parents)
    for part in mechanism.trained_before.values():
        part.declare_fitted()
    stage = Stage(batch_size=len(value), accumulate=accumulate)
    trainer = NodeTrainer(case.variable.name, mechanism.train(), stage, 10, fabric_for(FitConfig(), image=False))
    with nothing_drawn():
        trainer.train_batch({case.variable.name: value, **parents})
    return {name: p.grad for name, p in mechanism.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("case", FIRST, ids=str)
def test_parts_add_up_to_the_gradient_of_the_whole(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(NodeTrainer, "_update", lambda *_: None)
    whole, parts = gradients(case, 1), gradients(case, 3)
    assert whole
    assert whole.keys() == parts.keys()
    for name, gradient in whole.items():
        assert torch.allclose(gradient, parts[name], rtol=1e-3, atol=1e-5 * float(gradient.abs().max() + 1)), name


def test_training_in_parts_gives_the_same_attributes_but_for_rounding() -> None:
    values = {split: {name: columns[name] for name in "xyg"} for split, columns in data().items()}
    models, histories = [], []
    for accumulate in (1, 3):
        torch.manual_seed(0)
        models.append(StructuralCausalModel(ATTRIBUTES))
        config = replace(CONFIG, attributes=replace(CONFIG.attributes, accumulate=accumulate))
        histories.append(fit(models[-1], values, config).history)
    assert histories[0]["value"].to_numpy() == pytest.approx(histories[1]["value"].to_numpy(), rel=1e-3)
    for (name, whole), parts in zip(models[0].state_dict().items(), models[1].state_dict().values()):
        assert torch.allclose(whole, parts, rtol=1e-3, atol=1e-3), name


def test_parts_keep_less_in_memory() -> None:
    mechanism = model().mechanisms["im"]
    batch = {"x": torch.randn(32), "g": torch.zeros(32).long(), "im": 255 * torch.rand(32, 1, 10, 10)}
    mechanism.initialize(batch["im"], {name: batch[name] for name in "xg"})

    def most_kept(accumulate: int) -> int:
        """Greatest number of elements that one part keeps for its gradient."""
        sizes: list[int] = [0]
        stage = Stage(batch_size=32, accumulate=accumulate)
        trainer = NodeTrainer("im", mechanism.train(), stage, 10, fabric_for(FitConfig(device="cpu"), image=False))
        backward = trainer.fabric.backward
        trainer.fabric.backward = lambda *a, **o: (backward(*a, **o), sizes.append(0))  # type: ignore[assignment]

        def keep(tensor: Tensor) -> Tensor:
            sizes[-1] += tensor.numel() * (tensor.grad_fn is not None)
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            trainer.train_batch(batch)
        return max(sizes)

    assert most_kept(4) < 0.6 * most_kept(1)


def test_a_batch_has_at_least_one_part() -> None:
    with pytest.raises(ValueError, match="accumulate of at least 1; got 0"):
        Stage(accumulate=0)
