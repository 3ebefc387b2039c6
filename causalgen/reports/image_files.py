"""Images of a model as files."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ..files import write_whole
from ..graph import Variable
from .images import as_picture

__all__ = ["write_images"]


def write_images(folder: Path, names: Sequence[str], images: Any, variable: Variable) -> list[Path]:
    """One PNG per image.

    Args:
        folder: Folder of the files.
        names: Names of the files, without suffix.
        images: `(N, C, H, W)`, N names, in the support of `variable`.
        variable: The image variable.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, image in zip(names, images, strict=True):
        paths.append(folder / f"{name}.png")
        buffer = io.BytesIO()
        Image.fromarray(np.uint8(np.rint(as_picture(image, variable) * 255))).save(buffer, format="png")
        write_whole(paths[-1], buffer.getvalue())
    return paths
