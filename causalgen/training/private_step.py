r"""One step of training with differential privacy: clipped gradients of single units, and noise.

.. math:: \tilde g = \frac1{qn} \Bigl(\sum_{i \in B} g_i \min\bigl(1, C / \lVert g_i \rVert\bigr) + \sigma C\, \xi\Bigr),
          \qquad \xi \sim N(0, I)

with B a Poisson sample of units (Abadi et al., Deep learning with differential privacy, 2016). Each unit passes through the
mechanism alone, as a batch of one, so that nothing can mix units. Clipping and noise are those of Opacus.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.distributions import Distribution
from torch.func import functional_call, grad_and_value, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.optim import Optimizer

from ..mechanisms import Mechanism
from ..typing import Values

__all__ = ["PrivateStep", "StepNoise", "unit_gradients"]

MOST_NUMBERS = 2**26
"""Maximum number of gradient entries in memory at once, a quarter of a GiB in 32 bits; larger batches are split."""


@dataclass(frozen=True)
class StepNoise:
    """Noise of the steps of one mechanism.

    Args:
        noise_multiplier: Standard deviation of the noise over `max_grad_norm`.
        max_grad_norm: Maximum norm of the gradient of one unit.
        expected: Expected number of units in a step.
    """

    noise_multiplier: float
    max_grad_norm: float
    expected: float


class PrivateStep:
    """Trains one mechanism by noisy steps, seeded by the operating system: noise from a known seed would hide nothing.

    Args:
        mechanism: The mechanism, with one parameter group.
        optimizer: Its optimizer.
        noise: Noise and clipping.
    """

    def __init__(self, mechanism: Mechanism, optimizer: Optimizer, noise: StepNoise) -> None:
        from .opacus_parts import DPOptimizer

        self.mechanism = mechanism
        ((self.objective, self.parameters),) = mechanism.parameter_groups().items()
        self.generator = torch.Generator(self.parameters[0].device)
        self.optimizer = DPOptimizer(
            optimizer,
            noise_multiplier=noise.noise_multiplier,
            max_grad_norm=noise.max_grad_norm,
            expected_batch_size=noise.expected,
            generator=self.generator,
            secure_mode=True,  # each draw is a sum of several, whose rounding reveals nothing
        )
        self.at_once = max(1, MOST_NUMBERS // sum(parameter.numel() for parameter in self.parameters))

    def __call__(
        self, value: Tensor, parents: Values, progress: float, rate: float, *, parts: int = 1
    ) -> dict[str, Tensor]:
        """One step on a Poisson sample; the named losses `(B,)`, none for an empty sample, whose step is noise alone.

        Args:
            value: One observed value for each unit, natural units.
            parents: Its parents.
            progress: Fraction of training that is done.
            rate: Learning rate.
            parts: Minimum number of parts into which the sample is split.
        """
        self.generator.seed()  # each time: a CPU keeps only 32 bits of a seed, few enough to try all of them
        at_once = max(1, min(self.at_once, -(-len(value) // parts)))
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        found: list[dict[str, Tensor]] = []
        self.optimizer.zero_grad()
        for rows in torch.arange(len(value), device=value.device).split(at_once) if len(value) else ():
            if found:  # the batch continues: add the gradients clipped so far
                self.optimizer.signal_skip_step()
                self.optimizer.step()
                self.optimizer.zero_grad()
            theirs = {name: tensor[rows] for name, tensor in parents.items()}
            gradients, losses = unit_gradients(self.mechanism, self.objective, value[rows], theirs, progress)
            self._give(_zero_where_not_finite(gradients))
            found.append(losses)
        if not found:
            self._give([parameter.new_zeros(0, *parameter.shape) for parameter in self.parameters])
        self.optimizer.step()
        self.optimizer.zero_grad()
        return {name: torch.cat([losses[name] for losses in found]) for name in (found[0] if found else ())}

    def _give(self, gradients: list[Tensor]) -> None:
        for parameter, gradient in zip(self.parameters, gradients, strict=True):
            parameter.grad_sample = gradient  # type: ignore[attr-defined]


def unit_gradients(
    mechanism: Mechanism, objective: str, value: Tensor, parents: Values, progress: float, randomness: str = "different"
) -> tuple[list[Tensor], dict[str, Tensor]]:
    """Return an objective's gradients, `(B, ...)` for each parameter of its group, and all objectives, `(B,)` by name.

    Args:
        mechanism: The mechanism.
        objective: The objective.
        value: Observed values `(B, ...)`, at least one.
        parents: Observed parents `(B, ...)`.
        progress: Fraction of training that is done.
        randomness: Whether units have "different" or the "same" random draws.
    """
    names = {id(parameter): f"mechanism.{name}" for name, parameter in mechanism.named_parameters()}
    group = {names[id(parameter)]: parameter.detach() for parameter in mechanism.parameter_groups()[objective]}
    module = _Objectives(mechanism, progress)

    def loss(weights: dict[str, Tensor], value: Tensor, parents: Values) -> tuple[Tensor, dict[str, Tensor]]:
        alone = {name: tensor[None] for name, tensor in parents.items()}
        losses = {name: each[0] for name, each in functional_call(module, weights, (value[None], alone)).items()}
        return losses[objective], losses

    each = vmap(grad_and_value(loss, has_aux=True), in_dims=(None, 0, 0), randomness=randomness)
    with _no_checks_of_values(), sdpa_kernel(SDPBackend.MATH):  # neither checks nor fused attention can be batched
        gradients, (_, losses) = each(group, value, dict(parents))
    return list(gradients.values()), {name: tensor.detach() for name, tensor in losses.items()}


def _zero_where_not_finite(gradients: list[Tensor]) -> list[Tensor]:
    """Leave out units whose gradient is NaN or infinite: it cannot be clipped, and would end the training."""
    finite = torch.stack([gradient.reshape(len(gradient), -1).isfinite().all(1) for gradient in gradients]).all(0)
    if finite.all():
        return gradients
    return [torch.where(finite.view(-1, *[1] * (g.dim() - 1)), g, 0.0) for g in gradients]


class _Objectives(nn.Module):
    """The objectives as the forward method of a module, whose weights torch can replace."""

    def __init__(self, mechanism: Mechanism, progress: float) -> None:
        super().__init__()
        self.mechanism, self.progress = mechanism, progress

    def forward(self, value: Tensor, parents: Values) -> dict[str, Tensor]:
        return self.mechanism.objectives(value, parents, self.progress)


@contextmanager
def _no_checks_of_values() -> Iterator[None]:
    """Keep torch's distributions from looking at values, which differ between the units of a batch."""
    before = Distribution._validate_args
    Distribution.set_default_validate_args(False)
    try:
        yield
    finally:
        Distribution.set_default_validate_args(before)
