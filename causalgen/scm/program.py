"""Nodes as Pyro sample sites, and evidence on them."""

import pyro
import pyro.distributions as dist
from pyro import poutine
from pyro.poutine.condition_messenger import ConditionMessenger
from torch import Tensor
from torch.distributions import Distribution

from ..errors import NotObservableError
from ..mechanisms import Mechanism, Observable
from ..typing import Values

__all__ = ["emit", "log_likelihood"]


def emit(name: str, mechanism: Mechanism, parents: Values, value: Tensor | None) -> Tensor:
    """Emit the sites of one node inside the plate of units and return its value.

    Raises:
        NotObservableError: Evidence, as `value` or through `pyro.condition`, on a node without likelihood.
    """
    if isinstance(mechanism, Observable):
        return mechanism.observe(name, parents, value)
    if value is not None:
        raise _not_observable(name, mechanism)
    noise = {key: _drawn(f"{name}.{key}", prior) for key, prior in mechanism.noise().items()}
    returned = pyro.deterministic(name, mechanism(noise, parents))
    # Pyro silently treats evidence on a deterministic site as an intervention.
    handlers = [h for h in poutine.runtime._PYRO_STACK if isinstance(h, ConditionMessenger)]
    if any(name in handler.data for handler in handlers):
        raise _not_observable(name, mechanism)
    return returned


def _drawn(site: str, prior: Distribution) -> Tensor:
    # A constant cannot be inferred: every other value that HMC or a guide tries would have density 0.
    if isinstance(prior, dist.Delta):
        return pyro.deterministic(site, prior.v)
    return pyro.sample(site, prior)  # type: ignore[arg-type]


def log_likelihood(name: str, mechanism: Mechanism, parents: Values, value: Tensor) -> Tensor:
    """log p(value | parents) `(B,)`; for a mechanism with latents, an estimate from one draw of them.

    Raises:
        NotObservableError: The mechanism has no likelihood.
    """
    if not isinstance(mechanism, Observable):
        raise _not_observable(name, mechanism)
    return mechanism.estimate_log_prob(value, parents)


def _not_observable(name: str, mechanism: Mechanism) -> NotObservableError:
    return NotObservableError(
        f"Expected evidence on nodes with a likelihood; '{name}' has {type(mechanism).__name__}, which has none. "
        "Intervene on it instead, or give it an observable mechanism."
    )
