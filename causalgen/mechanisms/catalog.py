"""The mechanisms by the words that a study file uses for them."""

import math
from collections.abc import Mapping
from typing import Any

from ..errors import UnknownNameError, nearest
from ..graph import Variable
from .additive_noise import AdditiveNoise
from .base import Mechanism
from .categorical import Categorical
from .conv_vae import ConvVAE
from .diffusion import Diffusion
from .empirical import Empirical
from .flow_matching import FlowMatching
from .gan import DCGAN, GAN
from .hierarchical_vae import HierarchicalVAE
from .image_flow import ImageFlow
from .linear_gaussian import LinearGaussian
from .ordinal import Ordinal
from .spline_flow import SplineFlow

__all__ = ["DEFAULTS", "KINDS", "MECHANISMS", "build", "name_of"]

MECHANISMS: dict[str, type[Mechanism]] = {
    "spline-flow": SplineFlow,
    "additive-noise": AdditiveNoise,
    "linear-gaussian": LinearGaussian,
    "empirical": Empirical,
    "categorical": Categorical,
    "ordinal": Ordinal,
    "conv-vae": ConvVAE,
    "hierarchical-vae": HierarchicalVAE,
    "diffusion": Diffusion,
    "flow-matching": FlowMatching,
    "image-flow": ImageFlow,
    "gan": GAN,
    "dcgan": DCGAN,
}
"""Mechanisms by the words of a study file."""

KINDS: dict[str, tuple[str, ...]] = {
    "spline-flow": ("continuous",),
    "additive-noise": ("continuous",),
    "linear-gaussian": ("continuous",),
    "empirical": ("continuous",),
    "categorical": ("binary", "categorical"),
    "ordinal": ("ordinal",),
    "conv-vae": ("image",),
    "hierarchical-vae": ("image",),
    "diffusion": ("image",),
    "flow-matching": ("image",),
    "image-flow": ("image",),
    "gan": ("image",),
    "dcgan": ("image",),
}
"""Kinds of variable that each mechanism can assign."""

DEFAULTS: dict[str, str] = {
    "continuous": "spline-flow",
    "binary": "categorical",
    "categorical": "categorical",
    "ordinal": "ordinal",
    "image": "conv-vae",
}
"""Mechanism of a variable for which the user names none."""

MOST = {"blocks": 256, "couplings": 256, "knots": 1_000_000, "levels": 16, "steps": 10_000}
"""Upper bounds of whole-number options; `GREATEST` for all others."""
GREATEST, LONGEST = 16_384, 64
"""Upper bound of a whole number, and of the length of a list of them."""


def build(
    name: str | None, variable: Variable, parents: Mapping[str, Variable], options: Mapping[str, Any] | None = None
) -> Mechanism:
    """Build the mechanism called `name` (None: the default of the variable's kind).

    Raises:
        UnknownNameError: No mechanism or no option of that name.
        ValueError: The mechanism cannot assign this kind of variable, or an option has a wrong value.

    >>> build(None, Variable("age", "continuous"), {})
    SplineFlow(
      age := f(noise, no parents), abduction=bijective
      ...
    """
    if variable.kind is None:
        raise ValueError(f"Expected '{variable.name}' to have a kind; got none. Declare it as a Variable with a kind.")
    name = name or DEFAULTS[variable.kind]
    if name not in MECHANISMS:
        raise UnknownNameError(
            f"Expected a mechanism for '{variable.name}' among {', '.join(MECHANISMS)}; got {name!r}."
            + nearest(name, MECHANISMS)
        )
    if variable.kind not in KINDS[name]:
        fitting = [key for key, kinds in KINDS.items() if variable.kind in kinds]
        raise ValueError(
            f"Expected a mechanism for the {variable.kind} variable '{variable.name}' among {', '.join(fitting)}; "
            f"got {name!r}, which is for {' or '.join(KINDS[name])}."
        )
    return _construct(MECHANISMS[name], name, variable, parents, dict(options or {}))


def _construct(
    cls: type[Mechanism], name: str, variable: Variable, parents: Mapping[str, Variable], options: dict[str, Any]
) -> Mechanism:
    known = cls.__init__.__kwdefaults__ or {}
    for option, value in options.items():
        if option not in known:
            raise UnknownNameError(
                f"Expected an option of '{name}' among {', '.join(known) or '(none)'}; got {option!r} "
                f"for '{variable.name}'." + nearest(option, known)
            )
        wanted = _wanted(option, known[option], value)
        if wanted:
            raise ValueError(
                f"Expected {wanted} for the option '{option}' of '{name}'; got {value!r} for '{variable.name}'."
            )
    return cls(variable, parents, **options)


def _wanted(option: str, default: Any, value: Any) -> str:
    """What an option with this default expects, if `value` is not it, else an empty string."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if isinstance(default, str):
        return "" if isinstance(value, str) else "a word"
    if isinstance(default, int):
        least, most = min(default, 1), MOST.get(option, GREATEST)  # 0 is for what can be left out
        fits = isinstance(value, int) and number and least <= value <= most
        return "" if fits else f"a whole number of at least {least} and at most {most}"
    if isinstance(default, float):
        return "" if number and 0 <= value < math.inf else "a number of at least 0 that is finite"
    widths = isinstance(value, list | tuple) and len(value) <= LONGEST
    widths = widths and all(isinstance(v, int) and not isinstance(v, bool) and 1 <= v <= GREATEST for v in value)
    return "" if widths else f"a list of at most {LONGEST} whole numbers of at least 1 and at most {GREATEST}"


def name_of(mechanism: Mechanism) -> str:
    """Catalog name of a mechanism; its import path when it is not in the catalog.

    A class from elsewhere can be used but not saved by name: put it into `MECHANISMS` first.
    """
    for name, cls in MECHANISMS.items():
        if type(mechanism) is cls:
            return name
    return f"{type(mechanism).__module__}.{type(mechanism).__qualname__}"
