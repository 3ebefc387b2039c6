"""Measurements on images by their study words, and the user's own measurements."""

import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..datasets.pendulum import measure_angle, measure_light, measure_shadow_length, measure_shadow_position
from ..datasets.phantom import measure_head_size, measure_ventricle_volume
from ..errors import CausalgenError, DataError, UnknownNameError, nearest
from ..metrics import as_stored, stroke_measures
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
"""Maximum number of characters to show of an error from a user's function."""


def _strokes(what: str, meaning: str) -> Callable[..., NDArray[np.float64]]:
    """Make a measurement of strokes."""
    function = stroke_measures()[what]

    def measure(images: NDArray) -> NDArray[np.float64]:
        return function(torch.from_numpy(images))

    measure.__doc__ = meaning
    return measure


def _brightness(images: NDArray) -> NDArray[np.float64]:
    """Mean of all channels and pixels, without rounding."""
    return images.reshape(len(images), -1).mean(1, dtype=np.float64)


MEASUREMENTS: dict[str, Callable[..., NDArray[np.float64]]] = {
    "area": measure_area,
    "mean": measure_mean,
    "contrast": measure_contrast,
    "sharpness": measure_sharpness,
    "gradient": measure_gradient,
    "texture": measure_texture,
    "hue": measure_hue,
    "saturation": measure_saturation,
    "stroke-thickness": _strokes(
        "thickness", "Thickness of the strokes of bright writing on a dark ground, in pixels."
    ),
    "stroke-intensity": _strokes("intensity", "Grey level of the ink of bright writing on a dark ground."),
    "stroke-hue": _strokes("hue", "Hue of coloured writing, in degrees; no number for grey."),
    "pendulum-light": measure_light,
    "pendulum-angle": measure_angle,
    "pendulum-shadow-length": measure_shadow_length,
    "pendulum-shadow-position": measure_shadow_position,
    "phantom-head-size": measure_head_size,
    "phantom-ventricle-volume": measure_ventricle_volume,
    "brightness": _brightness,
}
"""Measurements by study word, of arrays `(N, C, H, W)`; some take options, such as the threshold of an area."""
UNROUNDED = "brightness"
OF_BYTES = ("stroke-thickness", "stroke-intensity", "stroke-hue")
"""Names of measurements that reduce 16-bit images to 8 bits."""


def find_measurement(
    measure: str, options: Mapping[str, Any] | None = None, *, name: str, trust_code: bool = False, bits: int = 8
) -> Measurement:
    """The measurement that a study names.

    Args:
        measure: A key of `MEASUREMENTS`, or code as module:function.
        options: Keyword arguments of the function.
        name: What is measured, for messages.
        trust_code: Whether code is imported.
        bits: Bits of the study's images; images are rounded to them first, as files are.

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
        return _Own(measure, function, options, bits)
    if measure not in MEASUREMENTS:
        raise UnknownNameError(
            f"Expected a measurement among {', '.join(MEASUREMENTS)}, or module:function; got {measure!r}."
            + nearest(measure, MEASUREMENTS)
        )
    function = MEASUREMENTS[measure]
    _check_options(measure, function, options)
    kept = None if measure == UNROUNDED else 8 if measure in OF_BYTES else bits

    def read(images: Any) -> NDArray[np.float64]:
        pixels = torch.as_tensor(images)
        return function((pixels.detach().cpu() if kept is None else as_stored(pixels, kept)).numpy(), **options)

    return read


def find_measurements(
    given: "Mapping[str, Measured]", *, trust_code: bool = False, bits: int = 8
) -> dict[str, Measurement]:
    """The measurements that a study names, by attribute.

    Raises:
        UnknownNameError, DataError: As `find_measurement`.
    """
    return {
        name: find_measurement(said.measure, said.options, name=name, trust_code=trust_code, bits=bits)
        for name, said in given.items()
    }


class _Own:
    """A user's function, checked against the contract of a measurement."""

    def __init__(self, source: str, function: Callable[..., Any], options: Mapping[str, Any], bits: int) -> None:
        self.source, self.function, self.options, self.bits = source, function, dict(options), bits

    def __call__(self, images: Any) -> NDArray[np.float64]:
        """One number for each image.

        Raises:
            DataError: The function fails, or does not return one finite number for each image.
        """
        pixels = as_stored(torch.as_tensor(images), self.bits).numpy().astype(np.float32)
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
    except (TypeError, ValueError):  # a C function without a signature
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
