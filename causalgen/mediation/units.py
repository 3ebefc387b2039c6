"""Units of a model with one noise each, and the values of their nodes in any nested world.

Every world of a unit runs the model's mechanisms under the *same* noise. Only the ancestors of the queried nodes are
run: an image on which the outcome does not depend is never generated.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from ..errors import AbductionError
from ..nn import seeded
from ..scm import StructuralCausalModel, ancestral_model
from ..scm.fitted import require_fitted
from ..typing import Noise

__all__ = ["ModelUnits"]


class ModelUnits:
    """Units with their noise and their own (factual or drawn) values.

    Args:
        scm: The model.
        own: Value `(N, ...)` of every node, as the noise produces it.
        noise: Noise by node; nodes that no question recomputes may lack it.
    """

    def __init__(self, scm: StructuralCausalModel, own: dict[str, Tensor], noise: dict[str, Noise]) -> None:
        self.scm = scm
        self.own = own
        self.noise = noise
        self.supported = torch.ones(self.count, dtype=torch.bool, device=scm.like.device)

    @property
    def count(self) -> int:
        """Number of units, each particle counted."""
        return len(next(iter(self.own.values())))

    @classmethod
    @torch.no_grad()
    def drawn(
        cls, scm: StructuralCausalModel, n: int, *, given: Mapping[str, Any] | None = None, seed: int = 0
    ) -> "ModelUnits":
        """`n` units of the population, or of the part in which the nodes in `given` have these values.

        The ancestors of `given` are drawn by importance weighting and carry no noise.
        """
        given = given or {}
        require_fitted(scm)
        own: dict[str, Tensor] = {}
        noise: dict[str, Noise] = {}
        with seeded(seed, scm.like.device):
            if given:
                own = dict(ancestral_model(scm, given).sample(n, given=given))
            for name, mechanism in scm.mechanisms.items():
                if name not in own:
                    noise[name] = {key: p.sample() for key, p in mechanism.noise((n,)).items()}
                    own[name] = scm.assign(name, noise[name], {p: own[p] for p in scm.graph.parents(name)})
        return cls(scm, own, noise)

    @classmethod
    def observed(
        cls, scm: StructuralCausalModel, factual: Any, *, particles: int | None = None, seed: int = 0
    ) -> "ModelUnits":
        """Observed units with abducted noise, particle-major."""
        posterior = scm.abduct(factual, particles=particles, seed=seed)
        own = {n: t.repeat(particles or 1, *[1] * (t.dim() - 1)) for n, t in posterior.factual.items()}
        return cls(scm, own, posterior.noise)

    @torch.no_grad()
    def world(self, fixed: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Every node when the nodes in `fixed` are set to one value per unit.

        Nodes that descend from none of them keep their own values bitwise.
        """
        changed = self._changed(fixed)
        values = {**self.own, **fixed}
        for name in self.scm.graph.nodes:
            if name in changed and name not in fixed:
                values[name] = self._assign(name, values, changed)
        return values

    @torch.no_grad()
    def along(
        self, treatment: str, base: Tensor, shifted: Tensor, outcome: str, active: Collection[tuple[str, ...]]
    ) -> Tensor:
        """The outcome when `shifted` acts along the active paths from the treatment and `base` along all others.

        A node has one version for each set of active paths that lead to it, and none of them is the world of `base`.
        """
        baseline = self.world({treatment: base})
        changed = self._changed([treatment])
        versions: dict[tuple[str, frozenset], Tensor] = {(treatment, frozenset([(treatment,)])): shifted}

        def version(name: str, paths: frozenset[tuple[str, ...]]) -> Tensor:
            if not paths:
                return baseline[name]
            if (name, paths) not in versions:
                parents = {
                    parent: version(parent, frozenset(path[:-1] for path in paths if path[-2] == parent))
                    for parent in self.scm.graph.parents(name)
                }
                versions[name, paths] = self._assign(name, parents, changed)
            return versions[name, paths]

        return version(outcome, frozenset(active))

    def _changed(self, fixed: Iterable[str]) -> set[str]:
        return {kin for node in fixed for kin in (node, *self.scm.graph.descendants(node))}

    def _assign(self, name: str, values: Mapping[str, Tensor], changed: set[str]) -> Tensor:
        if name not in self.noise:
            kind = type(self.scm.mechanisms[name]).__name__
            raise AbductionError(
                f"Expected a mechanism that can abduct for '{name}', which the question recomputes; got {kind}. Leave "
                f"factual out to ask for the population, or fit '{name}' with another mechanism."
            )
        parents = {p: values[p] for p in self.scm.graph.parents(name)}
        self.supported &= self.scm.supports[name](parents, self.count)
        return self.scm.assign(name, self.noise[name], parents, changed=frozenset(changed.intersection(parents)))
