"""Measurements on images by their study words, and the user's own measurements."""

import inspect
from collections.abc import Callable, Mapping
from functools import wraps
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..datasets.pendulum import measure_angle, measure_light, measure_shadow_length, measure_shadow_position
from ..datasets.phantom import measure_head_size, measure_ventricle_volume
from ..errors import CausalgenError, DataError, UnknownNameError, nearest
from ..metrics import stroke_measures, to_bytes
from ..morphology import measure_hue
from ..morphology.ready import (
    measure_area,
    measure_contrast,
    measure_gradient,
    measure_mean,
    measure_saturation,
    measure_sharpness,
    measure_texture,
)
from ..own_code import import_code, is_code

if TYPE_CHECKING:
    from .study_sections import Measured

__all__ = ["MEASUREMENTS", "Measurement", "find_measurement", "find_measurements"]

Measurement = Callable[[Any], NDArray[np.float64]]
"""Images `(N, C, H, W)`, tensor or array, pixels in 0..255, to one number each, `(N,)`."""
SHOWN = 300
"""Most characters to show of an error from a user's function."""


def _of_bytes(function: Callable[..., NDArray[np.float64]]) -> Callable[..., NDArray[np.float64]]:
    """The function on images that may be float tensors; they are rounded to bytes first, as files are."""

    @wraps(function)
    def measure(images: Any, **options: Any) -> NDArray[np.float64]:
        return function(to_bytes(torch.as_tensor(images)).cpu().numpy(), **options)

    return measure


def _of_levels(function: Callable[..., NDArray[np.float64]]) -> Callable[..., NDArray[np.float64]]:
    """The function on images that may be tensors, which are not rounded."""

    @wraps(function)
    def measure(images: Any) -> NDArray[np.float64]:
        return function(torch.as_tensor(images).detach().cpu().numpy())

    return measure


def _strokes(what: str, meaning: str) -> Measurement:
    """A measurement of strokes on images that may be float; they are rounded to bytes first, as files are."""
    function = stroke_measures()[what]

    def measure(images: Any) -> NDArray[np.float64]:
        return function(to_bytes(torch.as_tensor(images)))

    measure.__doc__ = meaning
    return measure


def _brightness(images: Any) -> NDArray[np.float64]:
    """Mean of all channels and pixels, without rounding."""
    return torch.as_tensor(images).double().flatten(1).mean(1).cpu().numpy()


MEASUREMENTS: dict[str, Callable[..., NDArray[np.float64]]] = {
    "area": _of_bytes(measure_area),
    "mean": _of_bytes(measure_mean),
    "contrast": _of_bytes(measure_contrast),
    "sharpness": _of_bytes(measure_sharpness),
    "gradient": _of_bytes(measure_gradient),
    "texture": _of_bytes(measure_texture),
    "hue": _of_bytes(measure_hue),
    "saturation": _of_bytes(measure_saturation),
    "stroke-thickness": _strokes(
        "thickness", "Thickness of the strokes of bright writing on a dark ground, in pixels."
    ),
    "stroke-intensity": _strokes("intensity", "Grey level of the ink of bright writing on a dark ground."),
    "stroke-hue": _strokes("hue", "Hue of coloured writing, in degrees; no number for grey."),
    "pendulum-light": _of_bytes(measure_light),
    "pendulum-angle": _of_bytes(measure_angle),
    "pendulum-shadow-length": _of_bytes(measure_shadow_length),
    "pendulum-shadow-position": _of_bytes(measure_shadow_position),
    "phantom-head-size": _of_levels(measure_head_size),
    "phantom-ventricle-volume": _of_levels(measure_ventricle_volume),
    "brightness": _brightness,
}
"""Measurements by study word; some take options, such as the threshold of an area."""


def find_measurement(
    measure: str, options: Mapping[str, Any] | None = None, *, name: str, trust_code: bool = False
) -> Measurement:
    """The measurement that a study names.

    Args:
        measure: A key of `MEASUREMENTS`, or code as module:function.
        options: Keyword arguments of the function.
        name: What is measured, for messages.
        trust_code: Whether code is imported.

    Raises:
        UnknownNameError: No measurement or option of that name.
        DataError: The code is not trusted or cannot be imported, or an option has a value of another kind.
    """
    options = dict(options or {})
    if is_code(measure):
        function = import_code(measure, trust=trust_code, what=f"the measurement '{name}'")
        if not callable(function):
            raise DataError(f"Expected a function at '{measure}'; got a {type(function).__name__}.")
        _check_options(measure, function, options)
        return _Own(measure, function, options)
    if measure not in MEASUREMENTS:
        raise UnknownNameError(
            f"Expected a measurement among {', '.join(MEASUREMENTS)}, or module:function; got {measure!r}."
            + nearest(measure, MEASUREMENTS)
        )
    function = MEASUREMENTS[measure]
    _check_options(measure, function, options)
    return function if not options else lambda images: function(images, **options)


def find_measurements(given: "Mapping[str, Measured]", *, trust_code: bool = False) -> dict[str, Measurement]:
    """The measurements that a study names, by attribute.

    Raises:
        UnknownNameError, DataError: As `find_measurement`.
    """
    return {
        name: find_measurement(said.measure, said.options, name=name, trust_code=trust_code)
        for name, said in given.items()
    }


class _Own:
    """A user's function, checked against the contract of a measurement."""

    def __init__(self, source: str, function: Callable[..., Any], options: Mapping[str, Any]) -> None:
        self.source, self.function, self.options = source, function, dict(options)

    def __call__(self, images: Any) -> NDArray[np.float64]:
        """One number for each image.

        Raises:
            DataError: The function fails, or does not return one finite number for each image.
        """
        pixels = to_bytes(torch.as_tensor(images)).cpu().numpy().astype(np.float32)
        shape, count = pixels.shape, len(pixels)
        try:
            found = self.function(pixels, **self.options)
            found = found.detach().cpu() if isinstance(found, torch.Tensor) else found
            numbers = np.asarray(found, dtype=np.float64)
        except CausalgenError:
            raise
        except Exception as error:
            reason = " ".join(str(error).split())[:SHOWN]
            raise DataError(
                f"Expected '{self.source}' to measure images {shape}; it failed with {type(error).__name__}: {reason}"
            ) from error
        if numbers.shape != (count,):
            raise DataError(
                f"Expected '{self.source}' to give one number for each image, shape ({count},); got shape {numbers.shape} "
                f"for images {shape}, which are (N, C, H, W)."
            )
        if not np.isfinite(numbers).all():
            wrong = np.flatnonzero(~np.isfinite(numbers))
            raise DataError(
                f"Expected '{self.source}' to give finite numbers; got {numbers[wrong[0]]} for {len(wrong)} of {count} images. "
                "Return a number, such as 0, for an image that shows nothing to measure."
            )
        return numbers


def _check_options(measure: str, function: Callable[..., Any], options: Mapping[str, Any]) -> None:
    try:
        parameters = list(inspect.signature(function).parameters.values())[1:]
    except (TypeError, ValueError):  # a function of C without a signature
        return
    known = {p.name: p.default for p in parameters if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD)}
    anything = any(p.kind is p.VAR_KEYWORD for p in parameters)
    for option, value in options.items():
        if option not in known and not anything:
            raise UnknownNameError(
                f"Expected an option of '{measure}' among {', '.join(known) or '(none)'}; got {option!r}."
                + nearest(option, known)
            )
        default = known.get(option, inspect.Parameter.empty)
        number = isinstance(value, int if isinstance(default, int) else int | float) and not isinstance(value, bool)
        if isinstance(default, int | float) and not isinstance(default, bool) and not number:
            kind = "a whole number" if isinstance(default, int) else "a number"
            raise DataError(f"Expected {kind} for the option '{option}' of '{measure}'; got {value!r}.")
    missing = [key for key, default in known.items() if default is inspect.Parameter.empty and key not in options]
    if missing:
        raise DataError(f"Expected the options {', '.join(missing)} of '{measure}'; they have no default. Add them.")
