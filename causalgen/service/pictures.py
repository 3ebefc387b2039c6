"""Converts images of a request to pixels, and pixels of an answer to images."""

import base64
import binascii
import io
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image
from torch import Tensor

from ..datasets.table.pixels import Rendering
from ..errors import CausalgenError, DataError
from ..graph import Variable
from ..reports.image_files import png_bytes
from ..studies.outside import read_image

__all__ = ["MOST_PIXELS", "TooLargeError", "as_png", "from_text"]

MOST_PIXELS = 16_000_000
"""Maximum number of pixels of an image, before it is resized to that of the model."""


class TooLargeError(CausalgenError, ValueError):
    """An image with more pixels than the service accepts."""


def from_text(text: str, variable: Variable, renderings: Mapping[str, Rendering] | None) -> Tensor:
    """Pixels `(1, C, H, W)`, in the support, of an image file in base64, read as `causalgen counterfactual` reads it.

    Raises:
        DataError: It is not a usable image.
        TooLargeError: It has too many pixels.
    """
    try:
        content = base64.b64decode(text.partition(",")[2] if text.startswith("data:") else text, validate=True)
        with Image.open(io.BytesIO(content)) as image:
            width, height, kind = *image.size, (image.format or "").lower()
    except (binascii.Error, OSError, ValueError, Image.DecompressionBombError, SyntaxError):
        raise DataError(
            f"Expected '{variable.name}' as a PNG, JPEG or TIFF file in base64; got something else. Encode a file."
        ) from None
    if width * height > MOST_PIXELS:
        raise TooLargeError(
            f"Expected at most {MOST_PIXELS:,} pixels of '{variable.name}'; got {width} x {height}. Make it smaller."
        )
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"{variable.name if variable.name.isalnum() else 'image'}.{kind}"
        path.write_bytes(content)
        known = None if renderings is None else renderings.get(variable.name, Rendering())
        try:
            return read_image(path, variable, known)[0]
        except DataError as error:
            raise DataError(str(error).replace(f" in '{path}'", "").replace(str(path), path.name)) from None


def as_png(pixels: Tensor, variable: Variable) -> str:
    """An image `(C, H, W)` in its support as a PNG of 8 bits in base64."""
    if len(pixels) not in (1, 3):
        raise DataError(f"Expected images of 1 or 3 channels to write as PNG; '{variable.name}' has {len(pixels)}.")
    return base64.b64encode(png_bytes(pixels, variable)).decode()
