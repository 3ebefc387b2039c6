"""An estimate of the training time, from a few training steps."""

import time
from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from ..nn import seeded
from ..scm import StructuralCausalModel
from .config import FitConfig
from .fabric import fabric_for
from .private_step import StepNoise
from .stage import NodeTrainer, as_float

__all__ = ["step_seconds"]

STEPS = 5


def step_seconds(scm: StructuralCausalModel, name: str, batch: Mapping[str, Tensor], config: FitConfig) -> float:
    """Seconds of one training step of an image mechanism, including its share of parts that are trained before it.

    Mechanism and parts learn from these steps.

    Args:
        scm: The model, whose mechanisms need not be initialised.
        name: Node of the image.
        batch: Values of the node and its parents, of the size of a batch.
        config: Settings of training.
    """
    fabric = fabric_for(replace(config, devices=1, num_nodes=1), image=True)
    mechanism = scm.to(fabric.device).mechanisms[name].train()
    if not mechanism.parameter_groups():
        return 0.0  # `initialize` fits it completely
    values = {key: as_float(value.to(fabric.device)) for key, value in batch.items()}
    with seeded(config.seed, fabric.device):
        mechanism.initialize(values[name], {parent: values[parent] for parent in mechanism.parents})
        codecs = config.codecs or config.images
        before = sum(
            _least_seconds(NodeTrainer(name, inside, codecs, STEPS, fabric, part), values)
            for part, inside in mechanism.trained_before.items()
        )
        private = config.privacy
        noise = None if private is None else StepNoise(1.0, private.max_grad_norm, len(values[name]))
        own = _least_seconds(NodeTrainer(name, mechanism, config.images, STEPS, fabric, noise=noise), values)
        return own + before * codecs.epochs / config.images.epochs


def _least_seconds(trainer: NodeTrainer, values: Mapping[str, Tensor]) -> float:
    """Return the seconds of the fastest step, since the first steps include one-time costs."""
    seconds = []
    for _ in range(STEPS):
        began = time.perf_counter()
        trainer.train_batch(values)
        if trainer.fabric.device.type == "cuda":
            torch.cuda.synchronize(trainer.fabric.device)
        seconds.append(time.perf_counter() - began)
    trainer.mechanism.declare_fitted()  # so that parts trained after it can be timed
    return min(seconds)
