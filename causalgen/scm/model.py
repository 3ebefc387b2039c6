"""The structural causal model: a graph, one mechanism per node, and the queries of the causal ladder."""

from collections.abc import Callable, Mapping
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyro
import torch
from torch import Tensor, nn

from ..errors import (
    AbductionWarning,
    GraphError,
    MissingValueError,
    NotObservableError,
    UnknownNameError,
    nearest,
    warn,
)
from ..grammar import check_value
from ..graph import CausalGraph, GraphLike, as_graph
from ..mechanisms import Abductive, Density, Mechanism, build
from ..nn import seeded
from ..typing import Noise, Values
from .chunks import in_chunks, units_at_once
from .completion import complete
from .conditioning import sample_given
from .evidence import read_evidence
from .fitted import require_fitted
from .guarantee import PrivacyGuarantee
from .interventions import act, check_interventions, listens, world_graph
from .posterior import Posterior
from .program import emit, log_likelihood
from .results import Counterfactual, Samples
from .storage import read_model, save
from .summary import as_html, as_text, summarize
from .support import JointSupport
from .tempering import Tempering
from .values import as_tensor, as_values, unit_labels

if TYPE_CHECKING:
    from ..training import FitConfig, FitResult

__all__ = ["StructuralCausalModel"]


class StructuralCausalModel(nn.Module):
    """A causal graph whose every node has a mechanism x := f(u, pa) with independent noises.

    Args:
        graph: Acyclic, without bidirected edges: hidden confounding would make the noises dependent.
        mechanisms: By node: a `Mechanism`, a catalog name such as "spline-flow", or a dict
            `{"mechanism": name, **options}`. Nodes left out get the default of their variable's kind.

    Raises:
        GraphError: The graph has bidirected edges.
        UnknownNameError: A mechanism for a name that is not a node, or of an unknown name.
    """

    def __init__(self, graph: GraphLike, mechanisms: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        graph = as_graph(graph)
        if graph.confounded:
            pairs = ", ".join(" <-> ".join(pair) for pair in graph.confounded)
            raise GraphError(
                f"Expected a graph without hidden confounding; got {pairs}. Independent noises would answer wrongly: "
                "measure the confounder and add it as a node, or use the graph for identification and effects only."
            )
        given = dict(mechanisms or {})
        for name in given:
            if name not in graph:
                raise UnknownNameError(
                    f"Expected mechanisms for the nodes {', '.join(graph.nodes)}; got '{name}'."
                    + nearest(name, graph.nodes)
                )
        self.graph = graph
        # By position, since a module's name must not contain a dot, and the name of a node may.
        self._modules_by_position = nn.ModuleList(_mechanism(graph, name, given.get(name)) for name in graph.nodes)
        self._supports_by_position = nn.ModuleList(JointSupport(_parents(graph, name)) for name in graph.nodes)
        self.privacy: PrivacyGuarantee | None = None
        """Guarantee of training with differential privacy; None if the model was trained without it."""
        self.tempering: Tempering | None = None
        """Temperatures of the evidence of images, from `causalgen.training.calibrate_evidence`; None for none."""

    @property
    def mechanisms(self) -> dict[str, Mechanism]:
        """Mechanism of each node, in topological order."""
        return dict(zip(self.graph.nodes, self._modules_by_position))  # type: ignore[arg-type]

    @property
    def supports(self) -> dict[str, JointSupport]:
        """Joint training range of each node's parents."""
        return dict(zip(self.graph.nodes, self._supports_by_position))  # type: ignore[arg-type]

    @property
    def like(self) -> Tensor:
        """A scalar on the model's device and of its floating dtype."""
        return next(t for t in chain(self.parameters(), self.buffers()) if t.is_floating_point()).new_zeros(())

    def tensor(self, name: str, value: Any, *, count: int | None = None) -> Tensor:
        """Values of one node, labels or numbers, as a checked tensor on the model's device."""
        return as_tensor(self.graph[name], value, self.like, count=count)

    @torch.no_grad()
    def initialize(self, values: Any) -> None:
        """Fit every mechanism's scalers and the joint supports to the training split; images are used as stored.

        A mechanism without trainable parameters is then fitted; the others are fitted by `causalgen.fit`. A mechanism
        whose parameters are all frozen keeps them, and counts as fitted.
        """
        self.privacy = self.tempering = None  # they do not hold for what is fitted from here on
        images = {name: torch.as_tensor(values[name]) for name in self.graph.nodes if self.graph[name].is_image}
        tensors = {name: self.tensor(name, values[name]) for name in self.graph.nodes if name not in images} | images
        for name, mechanism in self.mechanisms.items():
            parents = {p: tensors[p] for p in self.graph.parents(name)}
            parameters = list(mechanism.parameters())
            if not parameters or any(parameter.requires_grad for parameter in parameters):
                mechanism.initialize(tensors[name], parents)
            else:
                mechanism.declare_fitted()
            self.supports[name].fit(parents)

    def declare_fitted(self) -> "StructuralCausalModel":
        """Declare all mechanisms fitted whose parameters were set by hand or copied from elsewhere; return the model.

        To declare a single mechanism, call its own `declare_fitted`.
        """
        for mechanism in self.mechanisms.values():
            mechanism.declare_fitted()
        return self

    @torch.no_grad()
    def sample(
        self,
        n: int,
        *,
        do: Mapping[str, Any] | None = None,
        given: Mapping[str, Any] | None = None,
        seed: int | None = None,
    ) -> Samples:
        """Draw units from the observational world, from the world under `do`, or from either given evidence.

        Given evidence, the units are draws of the missing values of one unit, as in `abduct` (see `completion`). Under
        `do`, ten times `n` proposals of the evidence's ancestors are weighted by its likelihood and resampled.

        Args:
            n: Number of units.
            do: Interventions by node (see `Posterior.counterfactual`).
            given: Observed values by node, in the world under `do`: one value, or a label; not one per unit. A text such as
                "+1" is refused: an observed value is not a shift.
            seed: Seed; None uses torch's global state.

        Raises:
            NotFittedError: A mechanism that has to run is not fitted; a node set to a value needs no fitted mechanism.
            NotObservableError: Evidence on a node whose mechanism has no likelihood.
        """
        if not isinstance(n, int) or n < 1:
            raise ValueError(f"Expected at least one unit to sample; got n={n}.")
        do = check_interventions(self.graph, do)
        evidence = dict(given or {})
        for name, observed in evidence.items():
            self.graph.require(name)
            if isinstance(observed, str):
                evidence[name] = check_value(self.graph[name], observed)
            if name in do:
                raise ValueError(f"Expected '{name}' in either do or given; got it in both. Leave one out.")
            if (count := len(self.tensor(name, evidence[name]))) > 1:
                raise ValueError(
                    f"Expected one value of '{name}' in given, which describes one unit; got {count}. "
                    f"Ask abduct(..., particles={n}) about several units."
                )
        for name, what in do.items():
            if evidence and not callable(what) and len(self.tensor(name, what)) > 1:
                raise ValueError(
                    f"Expected one value for do({name}) together with evidence, which resamples the units; got one per unit. "
                    "Ask for one value at a time."
                )
        require_fitted(self, [name for name in self.graph.nodes if name not in do or listens(do[name])])
        self.eval()
        with seeded(seed, self.like.device):
            if not evidence:  # no weighting: every draw counts fully
                return Samples(self.graph, self.ancestral(n, do), do, float(n))
            values, size = sample_given(self, n, do, evidence)
            return Samples(self.graph, self.ancestral(n, do, values), do, size)

    @torch.no_grad()
    def abduct(self, factual: Any, *, particles: int | None = None, seed: int | None = None) -> Posterior:
        """Abduct the noise of observed units, for any number of counterfactual queries.

        Args:
            factual: Mapping or data frame with values `(B, ...)` by node. With `particles`, a node may be left out, and
                cells may be None or NaN (-1 in a tensor of codes), different ones in each unit: missing values are drawn
                from their posterior given the known ones (see `completion`). Row labels, of `Dataset.rows` or of a data
                frame's own index, are carried to the results.
            particles: None for one noise per unit: the solution, the mean of a variational posterior, or one draw from an
                exact posterior. Else the number of draws.
            seed: Seed; None uses torch's global state.

        Raises:
            NotFittedError: A mechanism of the model is not fitted.
            MissingValueError: A node is absent or NaN, and `particles` is None; or nothing is known about a unit.
            DataError, SupportError: Values that do not fit their variables, or that the model cannot produce.
            NotObservableError: A known node with a missing parent has a mechanism without likelihood.
        """
        require_fitted(self)
        self.eval()
        try:
            observed, evidence = as_values(self.graph, factual, self.like), None
        except MissingValueError:
            if particles is None:
                raise
            observed, evidence = {}, read_evidence(self.graph, factual, self.like)
        if particles is not None:
            self._check_particles(particles, complete=evidence is None)
        noise: dict[str, Noise] = {}
        with seeded(seed, self.like.device):
            completed = None if evidence is None else complete(self, evidence, particles or 1)
            repeated = {n: t.repeat(particles or 1, *[1] * (t.dim() - 1)) for n, t in observed.items()}
            if completed is not None:
                observed, repeated = completed.typical(self.graph), completed.values
            for name, mechanism in self.mechanisms.items():
                if isinstance(mechanism, Abductive) and not (completed is not None and completed.has_noise(name)):
                    parents = {p: repeated[p] for p in self.graph.parents(name)}
                    abduct = partial(mechanism.abduct, draw=particles is not None)
                    noise[name] = self._chunked(name, abduct, repeated[name], parents)
        noise = noise if completed is None else completed.with_fresh(noise)
        return Posterior(self, observed, noise, particles, unit_labels(factual), completed)

    def counterfactual(
        self, factual: Any, do: Mapping[str, Any], *, particles: int | None = None, seed: int | None = None
    ) -> Counterfactual:
        """`abduct(factual).counterfactual(do)`: what these units would have been under `do`."""
        return self.abduct(factual, particles=particles, seed=seed).counterfactual(do, seed=seed)

    def log_prob(self, values: Any) -> Tensor:
        """Joint log density of complete units `(B,)`, natural units.

        Raises:
            NotFittedError: A mechanism of the model is not fitted.
            NotObservableError: A mechanism has no exact density, such as a VAE; its bound is in its `objectives`.
        """
        require_fitted(self)
        tensors = as_values(self.graph, values, self.like)
        total = self.like.new_zeros(len(next(iter(tensors.values()))))
        for name, mechanism in self.mechanisms.items():
            if not isinstance(mechanism, Density):
                raise NotObservableError(
                    f"Expected mechanisms with an exact density; '{name}' has {type(mechanism).__name__}. "
                    "Ask for the log density of a model without it."
                )
            total = total + mechanism.log_prob(tensors[name], {p: tensors[p] for p in self.graph.parents(name)})
        return total

    def model(self, n: int, values: Values | None = None) -> dict[str, Tensor]:
        """The Pyro program of `n` units in a plate called "units", for `condition`, SVI, importance sampling or NUTS.

        Every node with a likelihood is a `pyro.sample` site of its name. Read results from the return value: under
        `poutine.do` a trace does not show interventions.

        Args:
            n: Number of units.
            values: Observed tensors by node, codes and natural units.

        Raises:
            NotFittedError: A mechanism of the model is not fitted.
        """
        require_fitted(self)
        values = dict(values or {})
        world: dict[str, Tensor] = {}
        with pyro.plate("units", n):
            for name, mechanism in self.mechanisms.items():
                parents = {p: world[p] for p in self.graph.parents(name)}
                world[name] = emit(name, mechanism, parents, values.get(name))
        return world

    def assign(self, name: str, noise: Noise, parents: Values, *, changed: frozenset[str] = frozenset()) -> Tensor:
        """Run one node's mechanism on `(B, ...)` noise and parents."""
        mechanism = self.mechanisms[name]

        def run(noise: Noise, parents: Values) -> Tensor:
            return mechanism(noise, parents, changed=changed)

        return self._chunked(name, run, noise, parents)

    def log_likelihood(self, name: str, value: Tensor, parents: Values) -> Tensor:
        """log p(value | parents) of one node on `(B, ...)` values, `(B,)`; an estimate where the mechanism has latents.

        Raises:
            NotObservableError: The mechanism has no likelihood.
        """

        def run(value: Tensor, parents: Values) -> Tensor:
            return log_likelihood(name, self.mechanisms[name], parents, value)

        return self._chunked(name, run, value, parents)

    def fit(self, data: Any, config: "FitConfig | None" = None, **options: Any) -> "FitResult":
        """Fit every mechanism in place; see `causalgen.fit`, which this calls."""
        from ..training import fit

        return fit(self, data, config, **options)

    def save(self, folder: Path | str) -> Path:
        """Write the model into `folder`, which is created, and return it: `model.json` and `model.safetensors`."""
        return save(self, folder)

    @classmethod
    def load(cls, folder: Path | str, *, trust_code: bool = False) -> "StructuralCausalModel":
        """The model that `save` wrote into `folder`.

        Args:
            folder: The folder.
            trust_code: Whether mechanisms that are not causalgen's are imported, which runs their code.

        Raises:
            UntrustedCodeError: A mechanism is not causalgen's, and `trust_code` is False.
            CheckpointError: A file is missing, corrupted, from another format, or does not fit its description.
        """
        return read_model(folder, cls, trust_code=trust_code)

    def summary(self) -> pd.DataFrame:
        """The model as a table, one row per node in topological order, indexed by name.

        Columns: kind, mechanism (the study file's word), parents, abduction (how noise is found), counterfactuals (how far the
        data determine them), assumption (what the abduction assumes), parameters (trainable ones), fitted (see
        `Mechanism.fitted`).
        """
        return summarize(self)

    def __repr__(self) -> str:
        return as_text(self)

    def _repr_html_(self) -> str:
        return as_html(self)

    def _chunked(self, name: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """Apply a mechanism's function, in pieces where images are involved."""
        involved = [self.graph[name], *(self.graph[p] for p in self.graph.parents(name))]
        shapes = [v.shape for v in involved if v.is_image]
        return in_chunks(function, *arguments, size=min(map(units_at_once, shapes))) if shapes else function(*arguments)

    def ancestral(self, n: int, do: Mapping[str, Any], fixed: Values | None = None) -> dict[str, Tensor]:
        """One draw of every node in topological order; nodes in `fixed` keep their values."""
        values = dict(fixed or {})
        for name in world_graph(self.graph, do):
            if name not in values:
                values[name] = self.draw(name, n, do, values)
        return {name: values[name] for name in self.graph.nodes}

    def draw(self, name: str, n: int, do: Mapping[str, Any], values: Mapping[str, Tensor]) -> Tensor:
        parents = {p: values[p] for p in self.graph.parents(name) if p in values}

        def natural() -> Tensor:
            noise = {k: p.sample() for k, p in self.mechanisms[name].noise((n,)).items()}
            return self.assign(name, noise, parents)

        if name not in do:
            return natural()
        return act(self.graph[name], do[name], natural=natural, parents=parents, values=values, count=n, like=self.like)

    def _check_particles(self, particles: int, *, complete: bool) -> None:
        if not isinstance(particles, int) or particles < 1:
            raise ValueError(f"Expected at least one particle; got {particles}.")
        if complete and not any(m.abduction.is_random for m in self.mechanisms.values()):
            warn(
                "There is no abduction uncertainty here: every mechanism is bijective or a point, so all particles agree.",
                AbductionWarning,
            )


def _mechanism(graph: CausalGraph, name: str, given: Any) -> Mechanism:
    if isinstance(given, Mechanism):
        expected = graph.parents(name)
        if given.variable.name != name or tuple(given.parents) != tuple(expected):
            raise GraphError(
                f"Expected the mechanism of '{name}' to have the parents {list(expected)}; got one for "
                f"'{given.variable.name}' with the parents {list(given.parents)}."
            )
        return given
    options = dict(given) if isinstance(given, Mapping) else {"mechanism": given}
    key = options.pop("mechanism", None)
    return build(key, graph[name], _parents(graph, name), options)


def _parents(graph: CausalGraph, name: str) -> dict[str, Any]:
    return {p: graph[p] for p in graph.parents(name)}
