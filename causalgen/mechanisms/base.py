"""The contract of every mechanism: a structural assignment x := f(u, pa) with noise u ~ p(u).

A mechanism has access to its own `Variable` and those of its parents, never to a graph. It takes and returns values in
natural units; scaling is internal, fitted once by `initialize` and kept in buffers. Discrete values are int64 codes.
The first dimension of every tensor is the unit; the caller flattens particles.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import Enum
from functools import wraps
from types import MappingProxyType
from typing import Any, ClassVar, TypeAlias, TypeVar

import pyro
import torch
from pyro import poutine
from torch import Tensor, nn
from torch.distributions import Distribution

from ..graph import Kind, Variable
from ..typing import Noise, Values
from .identification import Identifiability, Identification

M = TypeVar("M", bound="Mechanism")
Batches: TypeAlias = Callable[[], Iterator[tuple[Tensor, Values]]]
"""Makes one pass over a split on each call: values and parents of a few units at a time, in natural units."""

__all__ = ["Abduction", "Abductive", "Batches", "Density", "Mechanism", "Observable"]


class Abduction(Enum):
    """How a mechanism finds the noise of an observed unit."""

    BIJECTIVE = "bijective"
    """The noise is the unique solution of x = f(u, pa)."""
    POSTERIOR = "posterior"
    """An exact draw from p(u | x, pa)."""
    VARIATIONAL = "variational"
    """A draw from an approximation q(u | x, pa)."""
    POINT = "point"
    """One fitted noise, neither unique nor a posterior draw."""
    NONE = "none"
    """No abduction: sampling and interventions only."""

    @property
    def is_random(self) -> bool:
        """Whether repeated abduction gives different noise, so that particles carry information."""
        return self in (Abduction.POSTERIOR, Abduction.VARIATIONAL)


CONVENTIONS = {
    Abduction.BIJECTIVE: "one of many invertible maps with the same distribution",
    Abduction.POSTERIOR: "one of many noises with the same distribution of the variable",
    Abduction.VARIATIONAL: "an approximate posterior of a latent, which is one of many with the same distribution",
    Abduction.POINT: "one fitted noise, which is one of many with the same distribution",
}
"""Default assumption of a mechanism, by its kind of abduction."""


def _marking(initialize: Callable[..., None]) -> Callable[..., None]:
    """Wrap `initialize` so that the mechanism counts as fitted afterwards, unless it has to be trained (again)."""

    @wraps(initialize)
    def marked(self: "Mechanism", value: Tensor, parents: Values) -> None:
        initialize(self, value, parents)
        # New scalers make earlier weights meaningless, so a trainable mechanism has to be trained again.
        self._initialized.fill_(not self.trainable)

    return marked


def _recording(construct: Callable[..., None]) -> Callable[..., None]:
    """Wrap `__init__` so that it records its options for `spec`, as passed to the outermost class."""

    @wraps(construct)
    def recorded(self: "Mechanism", *arguments: Any, **options: Any) -> None:
        if "options" not in vars(self):  # the constructor of a base class runs inside and takes other options
            given = {**(construct.__kwdefaults__ or {}), **options}
            given = {name: value for name, value in given.items() if name not in ("variable", "parents")}
            vars(self)["options"] = {k: list(v) if isinstance(v, tuple) else v for k, v in given.items()}
        construct(self, *arguments, **options)

    recorded.__kwdefaults__ = construct.__kwdefaults__  # type: ignore[attr-defined]
    return recorded


class Mechanism(nn.Module, ABC):
    """Structural assignment of one variable given its parents.

    The keyword-only options of a subclass are recorded, so that `spec` can rebuild it.

    Args:
        variable: The variable that is assigned.
        parents: Parent variables by name, in the order in which the graph lists them.
        options: Further options to record.

    Raises:
        ValueError: A volume that the mechanism cannot assign, or an image parent with more or fewer dimensions than the image.
    """

    kinds: ClassVar[tuple[Kind, ...]] = ()
    """Kinds of variable that the mechanism can assign; empty for one that checks its variable itself."""
    parent_kinds: ClassVar[tuple[Kind, ...]] = ("continuous", "binary", "categorical", "ordinal", "image")
    """Kinds of variable that its parents may have; empty for a mechanism of roots."""
    volumes: ClassVar[bool] = False
    """Whether it can assign volumes, which are images of shape (C, D, H, W)."""
    known: ClassVar[bool] = False
    """Whether it is declared, and never learned from data."""
    privacy_obstacle: str = "it does not declare that the loss of a unit depends on that unit alone"
    """What keeps it from being trained with differential privacy; empty for a mechanism whose data reach it through gradients
    of its objectives and through `initialize` alone, where the objective of a unit depends on no other unit."""
    limits: ClassVar[Mapping[str, int]] = MappingProxyType({})
    """Maximum values of whole-number options whose cost grows faster than that of a width."""
    parts: ClassVar[tuple[str, ...]] = ()
    """Options that choose a part, by its word or by a mapping with the part's options."""
    by_parent: ClassVar[tuple[str, ...]] = ()
    """Options that are one number, or a mapping of parents to numbers."""
    few_images: ClassVar[Mapping[str, Any]] = MappingProxyType({})
    """Options that suit a table with few images better than the defaults."""
    published_residual: ClassVar[float] = 0.0
    """Share of the pixel residual that the published benchmark carries (see `causalgen.metrics.protocol`)."""
    earlier_options: ClassVar[Mapping[str, Any]] = MappingProxyType({})
    """Options of models that were saved before these could be chosen, where they differ from the defaults."""
    works: tuple[str, ...] = ()
    """Keys of the works that a report cites for this mechanism (see `causalgen.reports.citations`)."""
    outside: tuple[str, ...] = ()
    """Files that a saved model needs next to its own, as text."""
    abduction: Abduction = Abduction.NONE
    tolerance: float = 1e-4
    """Maximum error, in natural units, that is left in a null intervention where `composes` holds."""
    pace: float = 1.0
    """Factor on the learning rate, for losses that need a smaller one."""
    momentum: float = 0.9
    """Decay of the optimizer's running mean of gradients."""
    _initialized: Tensor
    guided: bool = False
    """Whether changed parents have more weight than in the distribution: the result is then an edit, not a counterfactual."""

    def __init__(self, variable: Variable, parents: Mapping[str, Variable], **options: Any) -> None:
        super().__init__()
        self._check_dimensions(variable, parents)
        self.variable = variable
        self.parents = dict(parents)
        self.options: dict[str, Any] = {**vars(self).get("options", {}), **options}
        # A buffer, so that saving and loading keep the mark.
        self.register_buffer("_initialized", torch.tensor(False))

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "__init__" in vars(cls):
            cls.__init__ = _recording(cls.__init__)  # type: ignore[method-assign]
        changed = {"objectives", "initialize", "track", "settle"} & vars(cls).keys() and "privacy_obstacle" not in vars(
            cls
        )
        if changed and not (isinstance(cls.privacy_obstacle, str) and cls.privacy_obstacle):
            cls.privacy_obstacle = (
                Mechanism.privacy_obstacle
            )  # a base class without kinds declares nothing about these methods
        if "initialize" in vars(cls):
            cls.initialize = _marking(cls.initialize)  # type: ignore[method-assign]

    def _check_dimensions(self, variable: Variable, parents: Mapping[str, Variable]) -> None:
        if variable.is_volume and not self.volumes:
            raise ValueError(
                f"Expected an image of shape (C, H, W) for {type(self).__name__}; got the volume '{variable.name}' of shape "
                f"{variable.shape}. Choose a mechanism for volumes, such as conv-vae or flow-matching."
            )
        for parent in parents.values():
            if variable.is_image and parent.is_image and parent.is_volume != variable.is_volume:
                raise ValueError(
                    f"Expected image parents of '{variable.name}' with as many dimensions as its shape {variable.shape}; got "
                    f"'{parent.name}' of shape {parent.shape}. An image and a volume cannot be compared place by place."
                )

    @property
    def fitted(self) -> bool:
        """Whether training has ended, or `initialize` if nothing is trained, or `declare_fitted` was called.

        A mechanism that has no trainable parameter and no `initialize` method has nothing to fit: it counts as fitted.
        """
        has_nothing = type(self).initialize is Mechanism.initialize and not self.trainable
        return has_nothing or bool(self._initialized)

    @property
    def trainable(self) -> bool:
        """Whether training would change a parameter; a frozen mechanism has no such parameter."""
        return any(p.requires_grad for group in self.parameter_groups().values() for p in group)

    def declare_fitted(self: M) -> M:
        """Declare parameters and scalers, set by hand or copied, as fitted; returns the mechanism."""
        self._initialized.fill_(True)
        return self

    @property
    def trained_before(self) -> Mapping[str, "Mechanism"]:
        """Parts that are trained before this mechanism, each in a separate stage, by name; fixed afterwards."""
        return {}

    def spec(self) -> dict[str, Any]:
        """JSON-able options that rebuild this mechanism (see `catalog.build`)."""
        return dict(self.options)

    @_marking
    def initialize(self, value: Tensor, parents: Values) -> None:
        """Fit scalers and similar buffers to the training split.

        Args:
            value: Observed values of this variable, `(N, ...)` in natural units.
            parents: Observed values of the parents, `(N, ...)` each.
        """

    @abstractmethod
    def noise(self, batch_shape: tuple[int, ...] = ()) -> dict[str, Distribution]:
        """Distribution p(u) of each named noise with the given batch shape.

        It does not depend on the parents: a learned or conditional prior has to be reparametrised.
        """

    @abstractmethod
    def forward(self, noise: Noise, parents: Values, *, changed: frozenset[str] = frozenset()) -> Tensor:
        """The assignment f(u, pa), in natural units.

        Args:
            noise: Named noise, `(B, ...)` each.
            parents: Values of the parents, `(B, ...)` each.
            changed: Names of parents whose values differ from the factual ones; most mechanisms ignore this.
        """

    def objectives(self, value: Tensor, parents: Values, progress: float) -> dict[str, Tensor]:
        """Named losses per unit, `(B,)`; those named in `parameter_groups` are minimised, all are logged.

        Args:
            value: Observed values, natural units.
            parents: Observed parents, natural units.
            progress: Fraction of training that is done, in [0, 1], for schedules.
        """
        return {}

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        """Parameters that each objective trains; empty for a mechanism that `initialize` fits completely.

        An objective updates its own group only; without a gradient, its group is not updated.
        """
        parameters = [p for p in self.parameters() if p.requires_grad]
        return {"loss": parameters} if parameters else {}

    def track(self, value: Tensor, parents: Values) -> None:
        """Update the parts that have no gradient to match the weights; called after every step of training.

        Args:
            value: Observed values of a batch, without the shifts that training adds.
            parents: Observed parents.
        """

    def settle(self, batches: Batches) -> None:
        """Fit the parts that depend on trained weights and have no gradient; called when training ends.

        Args:
            batches: Passes over the training split.
        """

    @property
    def identification(self) -> Identification:
        """The assumption of this mechanism's abduction, and the resulting status of its counterfactuals.

        A subclass overrides this if its counterfactuals are identified or bounded; all others are conventions.
        """
        if self.abduction is Abduction.NONE:
            return Identification(Identifiability.NONE, "no noise is abducted")
        if self.variable.is_discrete:
            return Identification(Identifiability.BOUNDED, "a coupling of the labels under different parents")
        return Identification(Identifiability.CONVENTION, CONVENTIONS[self.abduction])

    @property
    def composes(self) -> bool:
        """Whether a null intervention returns the value by construction, regardless of the learned weights."""
        return self.abduction is Abduction.BIJECTIVE

    @property
    def selection(self) -> tuple[str, ...]:
        """Objectives whose sum on the validation split selects the best epoch; if empty, the last epoch is kept."""
        return tuple(self.parameter_groups())

    def device_and_dtype(self) -> tuple[torch.device, torch.dtype]:
        """Device and floating dtype of the first parameter or buffer."""
        tensors: Iterable[Tensor] = (*self.parameters(), *self.buffers())
        for tensor in tensors:
            if tensor.is_floating_point():
                return tensor.device, tensor.dtype
        return torch.device("cpu"), torch.get_default_dtype()

    @property
    def _zero(self) -> Tensor:
        """A scalar 0 on the mechanism's device and of its floating dtype, for the parameters of its noise."""
        device, dtype = self.device_and_dtype()
        return torch.zeros((), device=device, dtype=dtype)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *arguments: Any) -> None:
        """Treat weights that were saved before the mark existed as fitted."""
        state_dict.setdefault(f"{prefix}_initialized", torch.tensor(True))
        super()._load_from_state_dict(state_dict, prefix, *arguments)

    def extra_repr(self) -> str:
        arguments = ", ".join(self.parents) or "no parents"
        return f"{self.variable.name} := f(noise, {arguments}), abduction={self.abduction.value}"


class Abductive(Mechanism):
    """A mechanism that can abduct: find noise that is consistent with an observed value."""

    draws_from: ClassVar[str | None] = None
    """Distribution of the numbers from which an exact posterior is drawn, see `fresh`; None without such a draw."""

    def fresh(self, count: int) -> Tensor:
        """Numbers from `draws_from` for `count` units, `(count, ...)`, from which `abduct_from` makes the noise."""
        raise NotImplementedError(f"{type(self).__name__} draws no noise from its exact posterior")

    def abduct_from(self, fresh: Tensor, value: Tensor, parents: Values) -> Noise:
        """`abduct` with given numbers instead of new ones, for a mechanism with `draws_from`."""
        raise NotImplementedError(f"{type(self).__name__} draws no noise from its exact posterior")

    @abstractmethod
    def abduct(self, value: Tensor, parents: Values, *, draw: bool = True) -> Noise:
        """Noise given the observed value and parents.

        Args:
            value: `(B, ...)`, natural units. To draw k particles, the caller repeats the units.
            parents: `(B, ...)` each.
            draw: Draw from a variational posterior, or take its mean. An exact posterior over discrete choices has no
                useful mean and is always drawn from.
        """


class Observable(Mechanism):
    """A mechanism with a likelihood, so that its node can be observed in a Pyro program."""

    @abstractmethod
    def observe(self, name: str, parents: Values, value: Tensor | None = None) -> Tensor:
        """Emit the `pyro.sample` sites of this node and return its value.

        Args:
            name: Name of the value's site; further sites are called `name.<noise>`.
            parents: Values of the parents.
            value: Observed value; None samples it.
        """

    def estimate_log_prob(self, value: Tensor, parents: Values) -> Tensor:
        """Log of an unbiased estimate of p(value | pa), `(B,)`: the likelihood given one draw of the latents from p(u).

        A mechanism with a known density, or with a posterior of its latents, overrides this with a better estimate.
        """
        with poutine.trace() as tracer, pyro.plate("units", len(value)):
            self.observe(self.variable.name, parents, value)
        site = tracer.trace.nodes[self.variable.name]
        return site["fn"].log_prob(site["value"])  # type: ignore[attr-defined]


class Density(Observable):
    """A mechanism whose log p(x | pa) is known exactly."""

    @abstractmethod
    def log_prob(self, value: Tensor, parents: Values) -> Tensor:
        """Log density (or log probability) in natural units, `(B,)`."""

    def estimate_log_prob(self, value: Tensor, parents: Values) -> Tensor:
        return self.log_prob(value, parents)

    def objectives(self, value: Tensor, parents: Values, progress: float) -> dict[str, Tensor]:
        return {"loss": -self.log_prob(value, parents)}
