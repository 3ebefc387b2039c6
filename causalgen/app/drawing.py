"""Images and their differences as pictures inside a page."""

import base64
import io
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..graph import Variable
from ..reports.images import as_array, as_picture

__all__ = ["difference_limit", "difference_url", "palette", "picture_url"]

DIVERGING = "RdBu_r"
"""Blue for less, red for more, which people with red-green colour blindness distinguish."""
LEVELS = 256


def picture_url(image: Any, variable: Variable, *, longest: int | None = None) -> str:
    """A data URL of an image as PNG.

    Args:
        image: `(C, H, W)`, in the support of `variable`.
        variable: The image variable.
        longest: Pixels of the longer side, where the picture has to be smaller; None for all pixels.
    """
    picture = Image.fromarray(np.uint8(np.rint(as_picture(image, variable) * 255)))
    if longest is not None:
        picture.thumbnail((longest, longest))
    return _url(picture)


def difference_url(difference: Any, variable: Variable) -> str:
    """A data URL of counterfactual minus factual `(C, H, W)`, the mean over the channels, in diverging colours.

    All differences of a variable share one scale, so that a faint one looks faint: half the range of its support each way.
    """
    mean = as_array(difference).astype(float).mean(axis=0)
    limit = difference_limit(variable)
    places = np.rint((np.clip(mean / limit, -1, 1) + 1) / 2 * (LEVELS - 1)).astype(int)
    return _url(Image.fromarray(palette()[places]))


def difference_limit(variable: Variable) -> float:
    """The difference that has the strongest colour."""
    low, high = variable.support or (0.0, 255.0)
    return (high - low) / 2


@cache
def palette() -> NDArray[np.uint8]:
    """Colours `(256, 3)` from the strongest decrease to the strongest increase."""
    from matplotlib import colormaps

    return np.rint(colormaps[DIVERGING](np.linspace(0, 1, LEVELS))[:, :3] * 255).astype(np.uint8)


def _url(picture: Image.Image) -> str:
    buffer = io.BytesIO()
    picture.save(buffer, format="png")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
