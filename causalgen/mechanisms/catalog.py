"""The mechanisms by their names in a study file."""

from collections.abc import Mapping
from typing import Any

from ..errors import CausalgenError, DataError, UnknownNameError, nearest
from ..graph import Kind, Variable
from ..moved import keep_old_names
from ..own_code import import_code, is_code, name_of_code
from .additive_noise import AdditiveNoise
from .base import Mechanism
from .categorical import Categorical
from .conv_vae import ConvVAE
from .degradations import AddedNoise, Blur, Downsample, Grey, Mask
from .diffusion import Diffusion
from .empirical import Empirical
from .flow_matching import FlowMatching
from .gan import DCGAN, GAN
from .hierarchical_vae import HierarchicalVAE
from .image_flow import ImageFlow
from .latent_image import LatentImage
from .linear_gaussian import LinearGaussian
from .options import check_options
from .ordinal import Ordinal
from .spline_flow import SplineFlow

__all__ = ["MECHANISMS", "build", "default_for", "mechanism_class", "name_of", "words_for"]

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
    "latent": LatentImage,
    "grey": Grey,
    "mask": Mask,
    "blur": Blur,
    "downsample": Downsample,
    "noise": AddedNoise,
}
"""Mechanisms by the words of a study file; the first that can assign a kind of variable is the default of that kind."""


def words_for(kind: Kind | None) -> list[str]:
    """Return the words of the mechanisms that can learn a variable of this kind, the default first.

    >>> words_for("ordinal")
    ['ordinal']
    """
    return [word for word, mechanism in MECHANISMS.items() if kind in mechanism.kinds and not mechanism.known]


def default_for(kind: Kind) -> str:
    """Return the word of the default mechanism of a variable of this kind.

    >>> default_for("continuous"), default_for("binary"), default_for("image")
    ('spline-flow', 'categorical', 'conv-vae')
    """
    return words_for(kind)[0]


def mechanism_class(name: Any, variable: str, *, trust_code: bool) -> Any:
    """Return the class that a text names as module:Class; a word of the catalog, a class or None is returned unchanged.

    Raises:
        UntrustedCodeError: The text names code, which is not trusted.
        DataError: It cannot be imported, or is not a mechanism that can be built.
    """
    if not isinstance(name, str) or not is_code(name):
        return name
    found = import_code(name, trust=trust_code, what=f"the mechanism of '{variable}'")
    if not (isinstance(found, type) and issubclass(found, Mechanism)):
        raise DataError(f"Expected a subclass of causalgen.mechanisms.Mechanism at '{name}'; got {found!r}.")
    if missing := sorted(found.__abstractmethods__):
        raise DataError(f"Expected a complete mechanism at '{name}'; it lacks {', '.join(missing)}. Write them.")
    return found


def build(
    name: str | type[Mechanism] | None,
    variable: Variable,
    parents: Mapping[str, Variable],
    options: Mapping[str, Any] | None = None,
) -> Mechanism:
    """Build the mechanism named `name` (None: the default of the variable's kind), or of a class.

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
    name = name or default_for(variable.kind)
    if isinstance(name, type):
        return _construct_own(name, variable, parents, dict(options or {}))
    if is_code(name):
        raise UnknownNameError(
            f"Expected a mechanism for '{variable.name}' by a word or as a class; got {name!r}, which names code. Pass the "
            "class, or load the study with trust_code=True."
        )
    if name not in MECHANISMS:
        raise UnknownNameError(
            f"Expected a mechanism for '{variable.name}' among {', '.join(MECHANISMS)}; got {name!r}."
            + nearest(name, MECHANISMS)
        )
    return _construct(MECHANISMS[name], name, variable, parents, dict(options or {}))


def _construct_own(
    cls: type[Mechanism], variable: Variable, parents: Mapping[str, Variable], options: dict[str, Any]
) -> Mechanism:
    """A mechanism of a class that is not in the catalog; an error in its code becomes one message."""
    name = name_of(cls)
    try:
        return _construct(cls, name, variable, parents, options)
    except (CausalgenError, ValueError):
        raise
    except Exception as error:
        raise DataError(
            f"Expected '{name}' to build the mechanism of '{variable.name}'; it failed with {type(error).__name__}: {error}"
        ) from error


def _construct(
    cls: type[Mechanism], name: str, variable: Variable, parents: Mapping[str, Variable], options: dict[str, Any]
) -> Mechanism:
    if cls.kinds and variable.kind not in cls.kinds:  # a user's class need not declare kinds
        raise ValueError(
            f"Expected a mechanism for the {variable.kind} variable '{variable.name}' among "
            f"{', '.join(words_for(variable.kind))}; got {name!r}, which is for {' or '.join(cls.kinds)}."
        )
    wrong = [f"'{parent.name}' ({parent.kind})" for parent in parents.values() if parent.kind not in cls.parent_kinds]
    if cls.parent_kinds and wrong:
        raise ValueError(
            f"Expected {' or '.join(cls.parent_kinds)} parents for '{name}', the mechanism of '{variable.name}'; got "
            f"{', '.join(wrong)}. Choose another mechanism."
        )
    check_options(cls, name, variable.name, options)
    return cls(variable, parents, **options)


def name_of(mechanism: Mechanism | type[Mechanism]) -> str:
    """Return the catalog name of a mechanism or its class; module:Class if it is not in the catalog."""
    cls = mechanism if isinstance(mechanism, type) else type(mechanism)
    return next((name for name, known in MECHANISMS.items() if known is cls), None) or name_of_code(cls)


keep_old_names(__name__)
