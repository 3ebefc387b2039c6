"""Classifiers in ONNX files."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..errors import DataError
from ..export.onnx_runtime import open_onnx

__all__ = ["load_onnx"]

TYPES = {"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(uint8)": np.uint8}


def load_onnx(path: Path) -> Callable[[Tensor], NDArray]:
    """The classifier in an ONNX file, on the CPU: images `(B, C, H, W)` to its outputs.

    A file with an input of rank 2 gets flattened pixels. A fixed batch size is kept by padding. If there are several
    outputs, the last one is used: converted scikit-learn classifiers put their probabilities there.

    Raises:
        DataError: The file cannot be read, or does not take one tensor of pixels.
        ImportError: onnxruntime is missing.
    """
    try:
        session = open_onnx(path)
    except ImportError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"Expected an ONNX model in '{path}'; it cannot be read: {reason}.") from None
    inputs = session.get_inputs()
    if len(inputs) != 1 or inputs[0].type not in TYPES or len(inputs[0].shape) not in (2, 4):
        shown = ", ".join(f"{entry.name} {entry.type} {entry.shape}" for entry in inputs)
        raise DataError(f"Expected an ONNX model of one tensor of pixels, (B, C, H, W) or (B, pixels); got {shown}.")
    name, wanted, kind = inputs[0].name, inputs[0].shape, TYPES[inputs[0].type]

    def call(images: Tensor) -> NDArray:
        given = (images.flatten(1) if len(wanted) == 2 else images).cpu().numpy()
        pixels = given.astype(kind)
        if kind is np.uint8 and (pixels != given).any():
            raise DataError(
                f"Expected pixels 0..255 for '{path.name}', which takes bytes; got others. Leave out the scale."
            )
        if any(isinstance(n, int) and n != m for n, m in zip(wanted[1:], pixels.shape[1:])):
            raise DataError(
                f"Expected images of shape {wanted} for '{path.name}'; got {(len(pixels), *pixels.shape[1:])}. Export it "
                "for images of this size."
            )
        size = wanted[0] if isinstance(wanted[0], int) else len(pixels)
        parts = [_run(session, name, pixels[start : start + size], size) for start in range(0, len(pixels), size)]
        return np.concatenate(parts)

    return call


def _run(session: Any, name: str, pixels: NDArray, size: int) -> NDArray:
    missing = size - len(pixels)
    padded = np.concatenate([pixels, np.zeros((missing, *pixels.shape[1:]), pixels.dtype)]) if missing else pixels
    return _array(session.run(None, {name: padded})[-1])[: len(pixels)]


def _array(output: Any) -> NDArray:
    """Probabilities as an array; converters write them as one mapping per image as well."""
    if isinstance(output, list):
        return np.array([[row[label] for label in output[0]] for row in output])
    return np.asarray(output)
