"""Pearl's three steps: abduct the noise once, then act and predict any number of times.

1. abduction: the noise of the observed units, `StructuralCausalModel.abduct`
2. action: replace the mechanisms of the nodes in `do`
3. prediction: run the remaining mechanisms under the *same* noise, `Posterior.counterfactual`
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import networkx as nx
import numpy as np
import pandas as pd
import torch
from torch import Tensor

from ..errors import AbductionError, SupportWarning, warn
from ..graph import Variable
from ..mechanisms import Mechanism
from ..nn import seeded
from ..typing import Noise
from .ambiguity import find_ambiguity
from .ambiguity_result import Ambiguity
from .couplings import COUPLINGS, Turn
from .interpolation import generate, interpolate
from .interventions import act, check_interventions, differs, world_graph
from .results import Counterfactual, Samples
from .transfer import WithNoise, style_interventions
from .values import in_unit_order

if TYPE_CHECKING:
    from .completion import Completed
    from .model import StructuralCausalModel

__all__ = ["Posterior"]

FEW_DRAWS = 2
"""Effective sample size of draws below which they have no interval."""


class Posterior:
    """Observed units with their abducted noise.

    Args:
        scm: The model.
        factual: Observed values `(B, ...)` by node; for missing ones, the mean of their draws, or the most frequent
            label.
        noise: Abducted noise by node, `(k * B, ...)`, particle-major.
        particles: Number of particles k, or None.
        labels: Row label of each unit, `(B,)`, if there are any.
        completed: The draws of missing values; None if all were given.
        coupled: Noise by node in the counterfactual world of units for which its parents change, `(k * B, ...)`; None
            for `noise`, as in Pearl's three steps.
    """

    def __init__(
        self,
        scm: "StructuralCausalModel",
        factual: dict[str, Tensor],
        noise: dict[str, Noise],
        particles: int | None,
        labels: pd.Index | None = None,
        completed: "Completed | None" = None,
        coupled: dict[str, Noise] | None = None,
    ) -> None:
        self.scm = scm
        self.factual = factual
        self.noise = noise
        self.particles = particles
        self.labels = labels
        self.completed = completed
        self.coupled = coupled or {}

    @property
    def units(self) -> int:
        """Number of observed units B."""
        return len(next(iter(self.factual.values())))

    @torch.no_grad()
    def counterfactual(self, do: Mapping[str, Any], *, seed: int | None = None) -> Counterfactual:
        """What the observed units would have been under `do`.

        Nodes that descend from no intervened node keep their factual values bitwise; `do={}` returns the factual.

        Args:
            do: Interventions by node: a value or label, one per unit (a series goes by its row labels), a callable
                `(value, parents) -> value` where `value` is what the node would have been in this world, a replacing
                `Mechanism`, or a text as on the command line: "felt-tip", "4", the shift "+1", or "thickness*1.2".
            seed: Seed of replacing mechanisms, the only fresh randomness.

        Raises:
            UnknownNameError: An intervened name is not a node.
            SupportError: An intervened value lies outside its variable's support.
            DataError: A value that does not fit its variable, or a series of other rows than the units.
            AbductionError: A node to recompute has a mechanism that cannot abduct.
        """
        graph = self.scm.graph
        do = check_interventions(graph, do)
        do = {name: in_unit_order(name, what, self.labels, self.units) for name, what in do.items()}
        world = world_graph(graph, do)
        # In the graph under `do`, a node that loses its arrow from an intervened node keeps its factual value bit for
        # bit.
        changed = set(do).union(*(nx.descendants(world, name) for name in do))
        values = self.particle_values()
        inside = torch.ones(self.units * (self.particles or 1), dtype=torch.bool, device=self.scm.like.device)
        strained = []
        with seeded(seed, self.scm.like.device):
            for name in world:
                if name in do:
                    values[name] = act(
                        graph[name],
                        self._per_unit(name, do[name]),
                        natural=lambda name=name: self._natural(name, values, changed, do),  # type: ignore[misc]
                        parents={p: values[p] for p in graph.parents(name)},
                        values=values,
                        count=len(inside),
                        like=self.scm.like,
                    )
                elif name in changed:
                    values[name] = self._predict(name, values, changed, do)
                if name in changed and (name not in do or isinstance(do[name], WithNoise)):
                    # Nodes that are not recomputed were observed together with their parents.
                    known = self.scm.supports[name](values, len(inside))
                    strained += [name] if not known.all() else []
                    inside &= known
        if strained:
            _warn_of_support(inside, do, strained)
        _warn_of_overflow({name: values[name] for name in graph.nodes if name in changed}, do)
        return Counterfactual(
            graph,
            self.factual,
            {n: self._restore(t) for n, t in values.items()},
            do,
            self._restore(inside),
            self.particles,
            labels=self.labels,
            completed=None if self.completed is None else self.completed.by_particle(),
            guided=tuple(
                n
                for n, mechanism in self.scm.mechanisms.items()
                if mechanism.guided
                and changed.intersection(world.predecessors(n))
                and not isinstance(do.get(n), Mechanism)
            ),
        )

    def transfer(
        self,
        style: "Posterior | Mapping[str, Any] | pd.DataFrame",
        take: Sequence[str] | str,
        *,
        hold: bool = False,
        seed: int | None = None,
    ) -> Counterfactual:
        """What these units would have been with attributes of other units: do(`take` := the values of `style`).

        A style that no attribute records is taken as a named part of the noise: "image.z" is the vector of a VAE's
        latents, and "image.local" its map (see `Mechanism.noise`). The node is then computed from its parents and from
        that noise.

        Args:
            style: The other units, one or as many as these, in their order: a posterior, whose inferred values are
                represented by their mean or most frequent label, or a mapping or data frame of values by node. Noise is
                taken draw by draw if the numbers of particles agree, else by its mean.
            take: Attributes to take from them, one or several, and parts of the noise of other nodes as "node.part".
            hold: Whether all other attributes keep their values; by default they respond to those that are taken.
            seed: As in `counterfactual`.

        Raises:
            UnknownNameError: A name is neither a node nor a part of the noise, or `style` has no value of it.
            DataError: Nothing to take, a whole image, another number of units, or noise of a style that was not abducted.
        """
        held = self.particle_values() if hold else {}
        return self.counterfactual(style_interventions(self, style, take, held), seed=seed)

    @torch.no_grad()
    def reconstruct(self) -> Samples:
        """The units as the mechanisms compute them from their noise: equal where abduction is exact, else close.

        With particles, the first `B` of the `k * B` units are those of the first particle, and so on.

        Raises:
            AbductionError: A mechanism cannot abduct.
        """
        return Samples(self.scm.graph, generate(self.scm, self.noise))

    @torch.no_grad()
    def interpolate(self, start: int, end: int, *, steps: int = 8) -> Samples:
        """Interpolate from one of these units to another, with equally probable noise at every step.

        All nodes change: each node's noise goes from that of the first unit to that of the second, and all mechanisms
        are run again. The first and the last unit are the two units as the model gives them back.

        Args:
            start, end: Positions of the two units, from 0.
            steps: Number of units, both ends included; at least 2.

        Raises:
            DataError: No such unit, fewer than 2 steps, or a posterior with particles.
            AbductionError: A mechanism cannot abduct.
        """
        return Samples(self.scm.graph, interpolate(self, start, end, steps))

    def ambiguity(
        self,
        do: Mapping[str, Any],
        of: Any = None,
        *,
        couplings: Sequence[float | Turn] = COUPLINGS,
        draws: int | None = None,
        level: float = 0.9,
        seed: int = 0,
    ) -> Ambiguity:
        """How much of the counterfactual under `do` survives other couplings of the noises of both worlds.

        `counterfactual` keeps the noise of every unit. Worlds whose noise is only correlated with it have the same
        observational and interventional distributions: no data and no experiment distinguish them from the model's.

        Args:
            do: Interventions, as in `counterfactual`.
            of: Claims by name: each a `Claim`, a node, or a function of images `(B, C, H, W)` to numbers `(B,)`. A list of
                nodes makes a claim about each of them, None about every node that the intervention reaches.
            couplings: Correlations of the noise in both worlds, in [0, 1], or a `Turn` of the noise of images.
            draws: Number of draws per coupling, at least 4; None for about 2,000 over all units. Particles multiply it.
            level: Share of the units, in [0.5, 1), for which a claim has to hold.
            seed: Seed of the draws.

        Raises:
            UnknownNameError, SupportError, AbductionError: As in `counterfactual`.
            DataError: Claims that give no numbers, couplings outside [0, 1], or a noise that cannot be coupled.
        """
        return find_ambiguity(self, do, of, couplings, draws=draws, level=level, seed=seed)

    def with_coupled(self, noise: dict[str, Noise]) -> "Posterior":
        """The same units, with this noise by node in counterfactual worlds where the node's parents change."""
        return Posterior(self.scm, self.factual, self.noise, self.particles, self.labels, self.completed, coupled=noise)

    def inferred(self, *, level: float = 0.95) -> pd.DataFrame:
        """What was inferred for every missing attribute, one row per cell; empty if all were given.

        Columns: unit (its row label, else its position), variable, value (mean, or most frequent label), low and high
        (central interval of the draws at `level`; continuous ones), share (of the draws with that label; discrete ones),
        effective (effective sample size of the unit's draws). Interval and share are NaN where it is below 2: copies of one
        draw have no spread.
        """
        rows = []
        for name, draws in ({} if self.completed is None else self.completed.by_particle()).items():
            variable, known = self.scm.graph[name], self.completed.known[name]  # type: ignore[union-attr]
            for unit in [] if variable.is_image else (~known).nonzero()[:, 0].tolist():
                effective = float(self.completed.effective[unit])  # type: ignore[union-attr]
                found = _described(variable, draws[:, unit], level)
                if effective < FEW_DRAWS:
                    found |= dict.fromkeys(("low", "high", "share"), np.nan)
                about = {"unit": unit if self.labels is None else self.labels[unit], "variable": name}
                rows.append(about | found | {"effective": effective})
        table = pd.DataFrame(rows, columns=["unit", "variable", "value", "low", "high", "share", "effective"])
        if any(self.scm.graph[name].is_discrete for name in table["variable"]):
            # A column of numbers would turn whole labels next to means into fractions.
            table["value"] = pd.Series([row["value"] for row in rows], dtype=object)
        return table

    def particle_values(self) -> dict[str, Tensor]:
        """The factual values of every particle, `(k * B, ...)`."""
        if self.completed is not None:
            return dict(self.completed.values)
        return {name: self._repeat(tensor) for name, tensor in self.factual.items()}

    def _natural(self, name: str, values: dict[str, Tensor], changed: set[str], do: Mapping[str, Any]) -> Tensor:
        """What the node would have been without its own intervention: the factual value, bit for bit, if no parent changed."""
        if changed.isdisjoint(self.scm.graph.parents(name)):
            return values[name]
        return self._predict(name, values, changed, do)

    def _predict(self, name: str, values: dict[str, Tensor], changed: set[str], do: Mapping[str, Any]) -> Tensor:
        if name not in self.noise:
            kind = type(self.scm.mechanisms[name]).__name__
            raise AbductionError(
                f"Expected a mechanism that can abduct for '{name}', which the intervention reaches; got {kind}. "
                "Use sample(do=...) for interventional images, or fit '" + name + "' with another mechanism."
            )
        parents = {p: values[p] for p in self.scm.graph.parents(name)}
        noise = self.noise[name]
        if name in self.coupled:
            moved = torch.stack([self._moved(p, values, changed, do) for p in parents]).any(0)
            noise = {key: _where(moved, self.coupled[name][key], own) for key, own in noise.items()}
        return self.scm.assign(name, noise, parents, changed=frozenset(changed.intersection(parents)))

    def _moved(self, name: str, values: dict[str, Tensor], changed: set[str], do: Mapping[str, Any]) -> Tensor:
        """For which units a node differs from the factual, bool `(k * B,)`.

        A continuous node that is computed again differs where a parent does: its value may differ by rounding alone.
        """
        if name in changed and name not in do and not self.scm.graph[name].is_discrete:
            return torch.stack([self._moved(p, values, changed, do) for p in self.scm.graph.parents(name)]).any(0)
        return differs(values[name], self.particle_values()[name])

    def _per_unit(self, name: str, what: Any) -> Any:
        """One value per unit becomes one per unit and particle."""
        if self.particles is None or callable(what) or isinstance(what, str):
            return what
        tensor = self.scm.tensor(name, what, count=self.units)
        return self._repeat(tensor.expand(self.units, *tensor.shape[1:]))

    def _repeat(self, tensor: Tensor) -> Tensor:
        return tensor if self.particles is None else tensor.repeat(self.particles, *[1] * (tensor.dim() - 1))

    def _restore(self, tensor: Tensor) -> Tensor:
        return tensor if self.particles is None else tensor.unflatten(0, (self.particles, self.units))

    def __repr__(self) -> str:
        kinds = ", ".join(f"{name} {mechanism.abduction.value}" for name, mechanism in self.scm.mechanisms.items())
        particles = f", {self.particles} particles" if self.particles else ""
        inferred = "" if self.completed is None else ", missing values inferred"
        return f"Posterior({self.units} units{particles}{inferred}; abduction: {kinds})"


def _where(moved: Tensor, other: Tensor, own: Tensor) -> Tensor:
    """`other` for the units that moved, else `own`, `(k * B, ...)`."""
    return torch.where(moved.reshape(-1, *[1] * (own.dim() - 1)), other, own)


def _described(variable: Variable, draws: Tensor, level: float) -> dict[str, Any]:
    """Value, interval and share from the draws `(k,)` of one missing value."""
    if variable.is_discrete:
        code = draws.mode().values
        return {"value": variable.decode(int(code)), "share": float((draws == code).double().mean())}
    tail = (1 - level) / 2
    low, high = draws.quantile(draws.new_tensor([tail, 1 - tail])).tolist()
    return {"value": float(draws.mean()), "low": low, "high": high}


def _warn_of_overflow(values: Mapping[str, Tensor], do: Mapping[str, Any]) -> None:
    """Warn of answers that are not finite numbers; a picture of them would be black."""
    lost = {name: int((~torch.isfinite(v).reshape(len(v), -1).all(1)).sum()) for name, v in values.items()}
    if any(lost.values()):
        counts = ", ".join(f"{name} of {count:,} units" for name, count in lost.items() if count)
        warn(
            f"Under do({', '.join(do)}) the model gives no number for {counts}: an intervention is too far from what it was "
            "trained on. Set a value nearer to those of the data.",
            SupportWarning,
        )


def _warn_of_support(inside: Tensor, do: Mapping[str, Any], strained: list[str]) -> None:
    outside = int((~inside).sum())
    warn(
        f"{outside} of {inside.numel()} counterfactuals under do({', '.join(do)}) have parents outside the joint range seen "
        f"in training, those of {', '.join(strained)}: these values, and those of their descendants, are extrapolated. "
        "They are flagged in `supported`.",
        SupportWarning,
    )
