r"""Flow matching for one image: a velocity field that carries Gaussian noise to images in nearly straight lines.

.. math:: x_t = (1 - t)\, u + t\, x, \qquad \frac{d x_t}{dt} = f(x_t, t, pa), \qquad
          \min_f \mathbb{E}\, \lVert f(x_t, t, pa) - (x - u) \rVert^2

(Lipman et al., Flow matching for generative modeling, 2023.) Within a batch, noise and images are paired by optimal transport,
which straightens the paths (Tong et al., Improving and generalizing flow-based generative models with minibatch optimal
transport, 2024). The pairing respects the parents: each noise is first assigned the parents of a random unit, and
pairing it with other parents costs more, since noise that is paired by the image alone would depend on the parents
(Cheng and Schwing, The curse of conditions, 2025). Image parents have no such cost: with an image parent, noise is
paired at random.

The field is Lipschitz, so its solution can be followed back: an adaptive solver finds the unique noise of an image within its
tolerance, a few steps of fixed size find a nearby point.
"""

from collections.abc import Mapping
from typing import Literal, get_args

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor
from torchdiffeq import odeint

from ..graph import Variable
from ..nn import Features
from ..typing import Noise, Values
from .base import Abduction
from .identification import Identifiability, Identification
from .transport import GUIDED_EDIT, Field, Network, TransportMechanism

__all__ = ["FlowMatching"]

Solver = Literal["euler", "midpoint", "heun3", "rk4", "dopri5"]
TOLERANCE = 1e-5
"""Relative and absolute error that an adaptive solver keeps in a step, on the [-1, 1] scale of pixels."""
GIVEN_BACK = 0.01
"""Error of its reconstructions as a share of the pixels' range: errors grow along a steep field."""
DEAR = 3.0
"""Cost of pairing parents whose features differ by one, in standard deviations of an image's cost over noises."""


class FlowMatching(TransportMechanism):
    """Conditional flow matching with inversion by an ODE solver, and classifier-free guidance.

    Noise: `z`, `(B, C, H, W)`, standard normal.

    Args:
        variable: An image variable, grey or colour, of any size, or a volume.
        parents: Parents of any kind.
        network: "u-net", or "transformer" over patches of an image, not of a volume, whose blocks all have attention.
        width: Channels of the U-Net at the coarse resolution, or of a patch of the transformer, then a multiple of 16.
        blocks: Residual blocks of the U-Net at each resolution, down and up; or blocks of the transformer.
        attention: Heads of self-attention of the U-Net at the coarse resolution, a divisor of the width; 0 for none.
        solver: A solver of torchdiffeq with steps of fixed size, or the adaptive "dopri5", which ignores `steps`.
        steps: Steps of fixed size from noise to data, and back.
        coupling: "optimal-transport" or "independent" pairs of noise and image; independent ones with image parents.
        guidance: Weight of changed parents, in [0, 10], or a mapping of some parents to theirs; other than 1 the result is a
            guided edit.
        guidance_unchanged: Weight of the other parents, in [0, 10].
        dropout: Probability with which training hides each parent; guidance needs it above 0.

    Raises:
        ValueError: An option out of range, or guidance without dropout.
        UnknownNameError: Guidance of a name that is not a parent.
    """

    works = ("flow-matching",)

    def __init__(
        self,
        variable: Variable,
        parents: Mapping[str, Variable],
        *,
        network: Network = "u-net",
        width: int = 64,
        blocks: int = 1,
        attention: int = 0,
        solver: Solver = "midpoint",
        steps: int = 10,
        coupling: Literal["optimal-transport", "independent"] = "optimal-transport",
        guidance: float | Mapping[str, float] = 1.0,
        guidance_unchanged: float = 1.0,
        dropout: float = 0.1,
    ) -> None:
        super().__init__(
            variable, parents, network=network, width=width, blocks=blocks, attention=attention, steps=steps, guidance=guidance,
            guidance_unchanged=guidance_unchanged, dropout=dropout,
        )  # fmt: skip
        if solver not in get_args(Solver):
            raise ValueError(f"Expected a solver among {', '.join(get_args(Solver))}; got {solver!r}.")
        if coupling not in ("optimal-transport", "independent"):
            raise ValueError(f"Expected coupling 'optimal-transport' or 'independent'; got {coupling!r}.")
        self.solver = solver
        self.pairs = coupling == "optimal-transport" and not any(v.is_image for v in self.parents.values())
        # Only the adaptive solver follows the field closely enough for the noise to count as the unique solution.
        if solver == "dopri5" and not self.guided:
            self.abduction = Abduction.BIJECTIVE
            self.tolerance = GIVEN_BACK * (self.high - self.low)
        else:
            self.abduction = Abduction.POINT
        self.conditions = Features({name: v for name, v in self.parents.items() if not v.is_image})

    @property
    def privacy_obstacle(self) -> str:  # type: ignore[override]
        paired = "it pairs noise with all images of a batch; set coupling: independent"
        return paired if self.pairs else ""

    @property
    def identification(self) -> Identification:
        if self.guided:
            return GUIDED_EDIT
        if not self.pairs:
            return Identification(
                Identifiability.CONVENTION,
                "flow matching with independent pairs, one of many maps with the same distribution",
            )
        return Identification(
            Identifiability.ASSUMED,
            "the gradient of a convex function of the noise, which optimal-transport pairs within batches approximate, and no "
            "hidden confounding",
        )

    def initialize(self, value: Tensor, parents: Values) -> None:
        super().initialize(value, parents)
        self.conditions.fit(parents)

    def objectives(self, value: Tensor, parents: Values, progress: float) -> dict[str, Tensor]:
        data = self.to_unit(value)
        noise, time = torch.randn_like(data), torch.rand(len(data), device=data.device, dtype=data.dtype)
        if self.pairs:
            noise = noise[_pairing(noise, data, self.conditions(parents))]
        share = time[(..., *[None] * (data.dim() - 1))]
        predicted = self.predict((1 - share) * noise + share * data, time, parents)
        return {"loss": (predicted - (data - noise)).square().flatten(1).mean(1)}

    def to_data(self, noise: Noise, field: Field) -> Tensor:
        return self._solve(noise["z"], field, 0.0, 1.0)

    def to_noise(self, state: Tensor, field: Field) -> Noise:
        return {"z": self._solve(state, field, 1.0, 0.0)}

    def _solve(self, state: Tensor, field: Field, start: float, end: float) -> Tensor:
        def velocity(time: Tensor, state: Tensor) -> Tensor:
            return field(state, time)

        if self.solver == "dopri5":
            span = state.new_tensor([start, end])
            return odeint(velocity, state, span, method="dopri5", rtol=TOLERANCE, atol=TOLERANCE)[-1]
        span = torch.linspace(start, end, self.steps + 1, device=state.device, dtype=state.dtype)
        return odeint(velocity, state, span, method=self.solver)[-1]


@torch.no_grad()
def _pairing(noise: Tensor, data: Tensor, conditions: Tensor) -> Tensor:
    """For each image the position of its noise: optimal transport between (noise, random parents) and (image, parents)."""
    conditions = conditions.expand(len(data), -1).float()
    dealt = conditions[torch.randperm(len(data), device=data.device)]
    cost = torch.cdist(data.flatten(1).float(), noise.flatten(1).float()).square()
    cost += DEAR * cost.std(dim=1, correction=0).mean() * torch.cdist(conditions, dealt).square()
    return torch.as_tensor(linear_sum_assignment(cost.cpu().numpy())[1], device=data.device)
