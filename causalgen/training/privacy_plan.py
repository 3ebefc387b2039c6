r"""The plan of training with differential privacy: how often units are drawn, and how much noise the budget requires.

All mechanisms of a stage see the same Poisson sample in a step. Their gradients together are one query: each of the K is
clipped to norm C and gets noise of :math:`\sqrt K \sigma C`, which hides a change of norm :math:`\sqrt K C` as one mechanism
with noise :math:`\sigma C` hides a change of norm C. The stages compose: one :math:`\sigma` is found with which all of
them together spend the budget.
"""

import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np
import pandas as pd
import torch
from scipy.optimize import brentq
from torch import Tensor

from ..errors import PrivacyError, PrivacyWarning, warn
from ..graph import CausalGraph
from ..mechanisms import build
from ..mechanisms.catalog import name_of
from ..nn import seeded
from ..scm import PrivacyGuarantee, PrivateStage, StructuralCausalModel, attribute_model
from .config import FitConfig, Stage
from .privacy import Privacy, refuse_obstacles
from .private_step import StepNoise
from .private_units import PrivateUnits

__all__ = ["PrivacyPlan", "epsilon_of", "least_noise", "private_nodes"]

ATTRIBUTES = "attributes"
LEAST_NOISE, MOST_NOISE = 0.05, 1e4
"""Range in which the noise multiplier of a budget is searched."""
PRECISION = 5e-4
"""Relative precision of the noise multiplier."""
MADE_ROWS = 2048
"""Rows drawn from declarations, to set scales, and from the fitted model, to check support."""


@dataclass(frozen=True)
class PrivacyPlan:
    """How one fit spends its budget.

    Args:
        privacy: The settings.
        units: Training rows by unit.
        delta: Probability with which the bound may fail.
        stages: The stages by label, with their noise.
        nodes: Nodes that each stage trains, by label.
        random: Source of the samples, seeded by the operating system: with known samples there is no privacy
            amplification.
    """

    privacy: Privacy
    units: PrivateUnits
    delta: float
    stages: dict[str, PrivateStage]
    nodes: dict[str, list[str]]
    random: np.random.Generator = field(default_factory=np.random.default_rng)

    @classmethod
    def of(cls, scm: StructuralCausalModel, data: object, rows: int, config: FitConfig) -> "PrivacyPlan":
        """The plan of a fit; it warns if the noise leaves little to learn.

        Args:
            scm: The model, not fitted.
            data: The data; a `Dataset` includes its groups.
            rows: Number of training rows.
            config: Settings, with `privacy`.

        Raises:
            PrivacyError: A node cannot be trained privately, delta is too large, or no noise suffices for the budget.
            ImportError: The extra `privacy` is not installed.
        """
        privacy = config.privacy
        assert privacy is not None
        refuse_obstacles(scm.graph, scm.mechanisms)
        units, nodes = PrivateUnits.of(data, rows), _nodes_by_stage(scm)
        delta, stages = privacy.delta_for(len(units)), {}
        for label in nodes:
            stage = config.attributes if label == ATTRIBUTES else config.images
            size = stage.units(len(units))
            steps = stage.epochs * max(1, len(units) // size)
            stages[label] = PrivateStage(label, math.nan, min(1.0, size / len(units)), steps)
        noise = least_noise(privacy.epsilon, delta, list(stages.values()))
        stages = {label: replace(stage, noise_multiplier=noise) for label, stage in stages.items()}
        plan = cls(privacy, units, delta, stages, nodes)
        plan._warn(scm)
        return plan

    def start(self, scm: StructuralCausalModel, seed: int) -> None:
        """Give the model new random weights, and scales from its variables' declarations: no data enter either."""
        with seeded(seed, scm.like.device):
            for mechanism in scm.mechanisms.values():
                fresh = build(type(mechanism), mechanism.variable, mechanism.parents, mechanism.spec())
                mechanism.load_state_dict(fresh.state_dict())
        scm.initialize(declared_values(scm.graph))

    def noise(self, label: str) -> StepNoise:
        """Return the noise of each mechanism of a stage."""
        stage, clip = self.stages[label], self.privacy.max_grad_norm
        together = math.sqrt(len(self.nodes[label])) * stage.noise_multiplier
        return StepNoise(together, clip, stage.sample_rate * len(self.units))

    def steps(self, label: str, stage: Stage) -> int:
        """Steps of an epoch."""
        return self.stages[label].steps // stage.epochs

    def epoch(self, label: str, stage: Stage) -> Iterator[Tensor]:
        """Rows of the steps of an epoch."""
        for _ in range(self.steps(label, stage)):
            yield self.units.draw(self.stages[label].sample_rate, self.random)

    def own_draws(self, device: torch.device) -> AbstractContextManager[None]:
        """Seed the draws of objectives, such as latents, from the operating system.

        With known draws, one unit in a sample would change the draws of later units by more than the noise hides.
        """
        return seeded(int(self.random.integers(2**63)), device)

    def finish(self, scm: StructuralCausalModel, steps: dict[str, int], seed: int) -> None:
        """Fit the joint supports to draws from the fitted model, in place of training rows, and state the guarantee.

        Args:
            scm: The fitted model.
            steps: Steps taken by each stage.
            seed: Seed of the draws.
        """
        from .opacus_parts import __version__ as version

        drawn = attribute_model(scm).sample(MADE_ROWS, seed=seed)
        for support in scm.supports.values():
            support.fit({parent: drawn[parent] for parent in support.parents})
        taken = tuple(replace(stage, steps=steps[label]) for label, stage in self.stages.items())
        scm.privacy = PrivacyGuarantee(
            epsilon_of(taken, self.delta),
            self.delta,
            self.units.meaning,
            len(self.units),
            self.privacy.max_grad_norm,
            f"the RDP accountant of Opacus {version}",
            taken,
        )

    def noise_to_signal(self, scm: StructuralCausalModel, name: str) -> float:
        """Length of the random walk of a node's noise, relative to the longest path of its clipped gradients.

        Above 1, the noise alone moves the weights farther than any signal could.
        """
        label = next(label for label, nodes in self.nodes.items() if name in nodes)
        noise, numbers = self.noise(label), sum(parameter.numel() for parameter in scm.mechanisms[name].parameters())
        return noise.noise_multiplier * math.sqrt(numbers / self.stages[label].steps) / noise.expected

    def _warn(self, scm: StructuralCausalModel) -> None:
        loud = {name: self.noise_to_signal(scm, name) for nodes in self.nodes.values() for name in nodes}
        if loud := {name: ratio for name, ratio in loud.items() if ratio > 1}:
            found = ", ".join(f"'{name}' ({ratio:.2g} times)" for name, ratio in loud.items())
            warn(
                f"Epsilon {self.privacy.epsilon:g} is more than {len(self.units):,} training units can carry: the noise moves "
                f"the weights farther than any signal could, for {found}. Expect a model that has learned almost "
                "nothing there. Use a larger batch_size or fewer epochs, a smaller mechanism, more units, or a larger epsilon.",
                PrivacyWarning,
            )


def epsilon_of(stages: Sequence[PrivateStage], delta: float) -> float:
    """Return the epsilon that stages spend together, by Opacus's accountant."""
    return _epsilon(tuple((stage.noise_multiplier, stage.sample_rate, stage.steps) for stage in stages), delta)


@cache  # a budget takes about ten of these, of up to half a second each, and `check` and `run` ask for the same ones
def _epsilon(history: tuple[tuple[float, float, int], ...], delta: float) -> float:
    from .opacus_parts import RDPAccountant

    accountant = RDPAccountant()
    accountant.history = list(history)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # at the edge of its orders the bound holds, but is not the tightest
        return float(accountant.get_epsilon(delta))


def least_noise(epsilon: float, delta: float, stages: Sequence[PrivateStage]) -> float:
    """Return the smallest noise multiplier with which stages together spend no more than `epsilon`.

    Raises:
        PrivacyError: No noise suffices.
    """

    def spent(noise: float) -> float:
        return epsilon_of([replace(stage, noise_multiplier=noise) for stage in stages], delta)

    low = high = 1.0
    while spent(high) > epsilon:
        low, high = high, 2 * high
        if high > MOST_NOISE:
            raise PrivacyError(
                f"Expected epsilon above {spent(high):.2g}, the least that is accounted for here with delta {delta:.2g}; got "
                f"{epsilon:g}. Choose a larger one."
            )
    while low == high or spent(low) <= epsilon:
        if low < LEAST_NOISE:
            return low
        low, high = low / 2, low
    found = brentq(lambda noise: math.log(spent(noise) / epsilon), low, high, rtol=PRECISION)
    while spent(found) > epsilon:
        found *= 1 + PRECISION
    return float(found)


def declared_values(graph: CausalGraph) -> dict[str, Tensor]:
    """Draw rows from the declarations of the variables, to set scales: uniform on supports and over labels."""
    with seeded(0):
        found = {}
        for name, variable in graph.variables.items():
            if variable.labels is not None:
                found[name] = torch.randint(len(variable.labels), (MADE_ROWS,))
                continue
            low, high = variable.support or (0.0, 255.0)
            size = (1, *variable.shape) if variable.is_image else (MADE_ROWS,)
            found[name] = (torch.rand(size) * (high - low) + low).expand(MADE_ROWS, *variable.shape)
        return found


def private_nodes(scm: StructuralCausalModel, plan: PrivacyPlan | None) -> pd.DataFrame:
    """Return one row per node: mechanism and privacy; with a plan also the noise, and its ratio to the signal."""
    trained = [name for nodes in _nodes_by_stage(scm).values() for name in nodes]
    rows = []
    for name, mechanism in scm.mechanisms.items():
        row = {"node": name, "mechanism": name_of(mechanism)}
        row["privacy"] = "trained privately" if name in trained else "nothing to train"
        if plan is not None:
            label = next((label for label, nodes in plan.nodes.items() if name in nodes), None)
            row |= {"noise multiplier": "", "steps": "", "noise over signal": ""}
            if label is not None:
                stage = plan.stages[label]
                row |= {"noise multiplier": f"{stage.noise_multiplier:.3g}", "steps": f"{stage.steps:,}"}
                row["noise over signal"] = f"{plan.noise_to_signal(scm, name):.2g}"
        rows.append(row)
    return pd.DataFrame(rows)


def _nodes_by_stage(scm: StructuralCausalModel) -> dict[str, list[str]]:
    """Return the nodes that each stage of `fit` trains, by its label."""
    trained = [name for name, mechanism in scm.mechanisms.items() if mechanism.trainable]
    attributes = [name for name in trained if not scm.graph[name].is_image]
    images = {name: [name] for name in trained if scm.graph[name].is_image}
    return ({ATTRIBUTES: attributes} if attributes else {}) | images
