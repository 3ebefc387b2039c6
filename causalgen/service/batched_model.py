"""Answers batches of questions, each as the library answers it alone.

Random numbers of a question are drawn from its own seed, in the order of the library, so that an answer does not depend
on the other questions in its batch.
"""

import warnings
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..errors import SupportWarning
from ..graph.volumes import require_flat_images
from ..mechanisms import Abduction, Abductive
from ..nn import seeded
from ..scm import Counterfactual, Posterior, Samples, StructuralCausalModel
from ..scm.given_draws import noise_from
from ..scm.interventions import check_interventions
from ..scm.values import as_values
from ..typing import Noise

__all__ = ["BatchedModel", "ServedAnswer", "ServedQuestion"]


@dataclass(frozen=True)
class ServedQuestion:
    """One question to the model.

    Args:
        do: Interventions by node, checked.
        seed: Seed of the random numbers.
        factual: One unit, `(1, ...)` by node; None for samples.
        n: Number of samples.
        noise: Whether the question is for the noise only.
    """

    do: Mapping[str, Any]
    seed: int
    factual: Mapping[str, Tensor] | None = None
    n: int = 0
    noise: bool = False


@dataclass(frozen=True)
class ServedAnswer:
    """Values by node, `(1, ...)` or `(n, ...)`, or the noise of the unit; and whether a counterfactual is supported."""

    values: Mapping[str, Tensor]
    noise: Mapping[str, Noise]
    supported: bool | None = None


class BatchedModel:
    """A fitted model that answers batches of questions.

    Args:
        scm: The model.
    """

    def __init__(self, scm: StructuralCausalModel) -> None:
        require_flat_images(scm.graph, "the service")
        self.scm = scm.eval()
        self.together = all(
            mechanism.abduction is not Abduction.POSTERIOR or mechanism.draws_from is not None
            for mechanism in scm.mechanisms.values()
            if isinstance(mechanism, Abductive)
        )

    def counterfactual(self, values: Mapping[str, Any], do: Mapping[str, Any], seed: int = 0) -> ServedQuestion:
        """Ask for the counterfactual of one unit under `do`; errors as in `StructuralCausalModel.counterfactual`."""
        return ServedQuestion(self._checked(do), seed, self._factual(values))

    def abduct(self, values: Mapping[str, Any], seed: int = 0) -> ServedQuestion:
        """Ask for the noise of one unit; errors as in `StructuralCausalModel.abduct`."""
        return ServedQuestion({}, seed, self._factual(values), noise=True)

    def sample(self, n: int, do: Mapping[str, Any], seed: int = 0) -> ServedQuestion:
        """Ask for samples under `do`."""
        return ServedQuestion(self._checked(do), seed, n=n)

    @torch.no_grad()
    def __call__(self, questions: Sequence[ServedQuestion]) -> list[ServedAnswer | Exception]:
        """Return answers in the order of the questions; a question that fails yields an exception in its place."""
        found: dict[int, ServedAnswer | Exception] = {}
        units = [place for place, question in enumerate(questions) if question.factual is not None]
        for place, question in enumerate(questions):
            if question.factual is None or not self.together:
                found[place] = self._alone(question)
        if self.together and units:
            found |= dict(zip(units, self._units([questions[place] for place in units])))
        return [found[place] for place in range(len(questions))]

    def _factual(self, values: Mapping[str, Any]) -> dict[str, Tensor]:
        """Values of one unit, `(1, ...)` by node."""
        return as_values(self.scm.graph, {name: _one(value) for name, value in values.items()}, self.scm.like)

    def _checked(self, do: Mapping[str, Any]) -> dict[str, Any]:
        """Check interventions, and convert values to tensors `(1, ...)`."""
        checked = check_interventions(self.scm.graph, do)
        return {n: what if callable(what) else self.scm.tensor(n, what, count=1) for n, what in checked.items()}

    def _alone(self, question: ServedQuestion) -> ServedAnswer | Exception:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", SupportWarning)
                if question.factual is None:
                    drawn: Samples = self.scm.sample(question.n, do=question.do, seed=question.seed)
                    return ServedAnswer(drawn, {})
                posterior = self.scm.abduct(question.factual, seed=question.seed)
                if question.noise:
                    return ServedAnswer({}, posterior.noise)
                world = posterior.counterfactual(question.do, seed=question.seed)
                return ServedAnswer(world, {}, bool(world.supported[0]))
        except Exception as error:
            return error

    def _units(self, questions: Sequence[ServedQuestion]) -> list[ServedAnswer | Exception]:
        """Run one abduction for all units, and one prediction for questions that intervene on the same nodes."""
        try:
            factual = _joined([question.factual or {} for question in questions])
            noise = self._noise(factual, [question.seed for question in questions])
        except Exception:  # of one of them: each alone
            return [self._alone(question) for question in questions]
        groups: dict[tuple[Any, ...], list[int]] = defaultdict(list)
        for place, question in enumerate(questions):
            groups[(question.noise, *((name, callable(what)) for name, what in question.do.items()))].append(place)
        found: dict[int, ServedAnswer | Exception] = {}
        for places in groups.values():
            chosen = [questions[place] for place in places]
            own = {name: {part: t[places] for part, t in parts.items()} for name, parts in noise.items()}
            if chosen[0].noise:
                found |= {p: ServedAnswer({}, _unit(own, i)) for i, p in enumerate(places)}
                continue
            posterior = Posterior(self.scm, {name: t[places] for name, t in factual.items()}, own, None)
            found |= dict(zip(places, self._worlds(posterior, chosen)))
        return [found[place] for place in range(len(questions))]

    def _noise(self, factual: dict[str, Tensor], seeds: Sequence[int]) -> dict[str, Noise]:
        """Abduct the noise of every unit, each with its own seed."""
        scm, fresh = self.scm, defaultdict(list)
        for seed in seeds:
            with seeded(seed, scm.like.device):
                for name, mechanism in scm.mechanisms.items():
                    if isinstance(mechanism, Abductive) and mechanism.draws_from is not None:
                        fresh[name].append(mechanism.fresh(1))
        return noise_from(scm, factual, {name: torch.cat(numbers) for name, numbers in fresh.items()})

    def _worlds(self, posterior: Posterior, questions: Sequence[ServedQuestion]) -> list[ServedAnswer | Exception]:
        """Counterfactuals of questions that intervene on the same nodes."""
        try:
            do = {name: _together([question.do[name] for question in questions]) for name in questions[0].do}
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", SupportWarning)
                world: Counterfactual = posterior.counterfactual(do)
        except Exception:  # a shift of one of them may leave the support: each alone
            return [self._alone(question) for question in questions]
        return [
            ServedAnswer({name: tensor[i : i + 1] for name, tensor in world.items()}, {}, bool(world.supported[i]))
            for i in range(len(questions))
        ]


def _one(value: Any) -> Any:
    return value if isinstance(value, Tensor) else [value]


def _joined(units: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    return {name: torch.cat([unit[name] for unit in units]) for name in units[0]}


def _unit(noise: Mapping[str, Noise], place: int) -> dict[str, Noise]:
    return {name: {part: t[place : place + 1] for part, t in parts.items()} for name, parts in noise.items()}


def _together(whats: Sequence[Any]) -> Any:
    """Join interventions on all units: their values, or a function that applies to each unit its own intervention."""
    if not callable(whats[0]):
        return torch.cat(list(whats))

    def each(value: Tensor, parents: Mapping[str, Tensor]) -> Tensor:
        rows = [slice(place, place + 1) for place in range(len(whats))]
        parts = [what(value[row], {p: t[row] for p, t in parents.items()}) for what, row in zip(whats, rows)]
        return torch.cat([torch.as_tensor(part).to(value).reshape(1) for part in parts])

    return each
