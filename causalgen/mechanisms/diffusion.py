r"""Diffusion model of one image, run deterministically in both directions.

.. math:: x_t = \cos\phi\, x + \sin\phi\, \epsilon, \qquad \phi = \tfrac\pi2 (1 - t), \qquad
          v = \cos\phi\, \epsilon - \sin\phi\, x

The network predicts v (Salimans and Ho, Progressive distillation, 2022). A step of DDIM (Song, Meng and Ermon, Denoising
diffusion implicit models, 2021) turns the angle, :math:`x_{\phi'} = \cos(\phi' - \phi)\, x_\phi + \sin(\phi' - \phi)\, v`.
Abduction takes the same steps from data to noise (as a structural mechanism: Sanchez and Tsaftaris, Diffusion causal models for
counterfactual estimation, 2022). Each step evaluates the field at its own start, so the way back is close to the way
there but not the same: the noise is one fitted point.
"""

import math

import torch
from torch import Tensor

from ..typing import Values
from .base import Abduction
from .identification import Identifiability, Identification
from .transport import GUIDED_EDIT, Field, TransportMechanism

__all__ = ["Diffusion"]


class Diffusion(TransportMechanism):
    """Conditional diffusion with DDIM inversion and classifier-free guidance.

    Options, noise and errors are those of `TransportMechanism`; `steps` counts DDIM steps.
    """

    works = ("diffusion",)
    abduction = Abduction.POINT

    @property
    def identification(self) -> Identification:
        if self.guided:
            return GUIDED_EDIT
        return Identification(
            Identifiability.CONVENTION, "the deterministic path of DDIM, one of many maps with the same distribution"
        )

    def objectives(self, value: Tensor, parents: Values, progress: float) -> dict[str, Tensor]:
        data = self.to_unit(value)
        noise, time = torch.randn_like(data), torch.rand(len(data), device=data.device, dtype=data.dtype)
        angle = 0.5 * math.pi * (1 - time)[:, None, None, None]
        state = angle.cos() * data + angle.sin() * noise
        wanted = angle.cos() * noise - angle.sin() * data
        return {"loss": (self.predict(state, time, parents) - wanted).square().flatten(1).mean(1)}

    def transport(self, state: Tensor, field: Field, start: float, end: float) -> Tensor:
        # Positive from data to noise, negative from noise to data; a step has the same formula both ways.
        turn = 0.5 * math.pi * (start - end) / self.steps
        for step in range(self.steps):
            time = state.new_tensor(start + (end - start) * step / self.steps)
            state = math.cos(turn) * state + math.sin(turn) * field(state, time)
        return state
