"""The guarantee of training with differential privacy: a bound, its unit, and what it does not cover."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["PrivacyGuarantee", "PrivateStage"]

ROW = "one row"
"""The unit of data without groups."""
NOT_COVERED = (
    "Not covered: names, labels, supports, image sizes and grey windows of the variables, the number of training units and the "
    "settings, which count as public.",
    "Not covered: validation and test rows, and everything else that was computed from the data, such as tables, figures, "
    "losses, metrics and attribute readers. The guarantee is about the model alone.",
    "Each further fit to the same rows, including discarded ones, spends another budget: the budgets add up.",
)


@dataclass(frozen=True)
class PrivateStage:
    """The noise of one stage of training.

    Args:
        label: The stage: "attributes", or an image.
        noise_multiplier: Standard deviation of the noise, divided by the largest change of the summed gradients by one
            unit.
        sample_rate: Probability with which a unit is drawn in a step.
        steps: Number of steps.
    """

    label: str
    noise_multiplier: float
    sample_rate: float
    steps: int


@dataclass(frozen=True)
class PrivacyGuarantee:
    """(epsilon, delta)-differential privacy of the weights and buffers of a fitted model.

    Args:
        epsilon: Bound for the whole model.
        delta: Probability with which it may fail.
        unit: What is protected, such as "one row" or "one patient": adding or removing it, with all its rows.
        units: Number of training units.
        max_grad_norm: Norm at which a unit's gradient is clipped, for each mechanism.
        accountant: Name of the accountant that computed epsilon from the stages.
        stages: The stages of training, which together spend epsilon.
    """

    epsilon: float
    delta: float
    unit: str
    units: int
    max_grad_norm: float
    accountant: str
    stages: tuple[PrivateStage, ...]

    @property
    def sentences(self) -> list[str]:
        """The guarantee and its limits, in sentences."""
        return [
            f"Trained with differential privacy: epsilon {self.epsilon:.3g} at delta {self.delta:.2g} for the whole model, "
            f"for adding or removing one of its {self.units:,} training units. A unit is {self.unit}"
            f"{'' if self.unit == ROW else ', with all its rows'}; replacing one counts as removing and adding.",
            f"Accounted by {self.accountant} with Poisson sampling; gradients clipped to norm {self.max_grad_norm:g}; "
            + "; ".join(
                f"{s.label}: noise multiplier {s.noise_multiplier:.3g}, sample rate {s.sample_rate:.3g}, {s.steps:,} steps"
                for s in self.stages
            )
            + ".",
            *NOT_COVERED,
        ]

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form, which `from_dict` reads."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "PrivacyGuarantee":
        """The guarantee that `to_dict` wrote.

        Raises:
            TypeError, ValueError: An entry is missing, unknown, or not a number in its range.
        """
        stages = tuple(PrivateStage(**stage) for stage in data["stages"])
        found = cls(**{**data, "stages": stages})
        if not (0 < found.epsilon < math.inf and 0 < found.delta < 1 and found.units >= 1):
            raise ValueError(
                f"epsilon {found.epsilon}, delta {found.delta} and {found.units} units do not form a guarantee"
            )
        return found
