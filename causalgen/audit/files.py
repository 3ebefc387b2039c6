"""Classifiers from files and from `module:function`; code and pickles are read only if their author is trusted."""

import sys
import warnings
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from ..errors import DataError, RenamedWarning, UntrustedCodeError, warn
from ..own_code import FLAGS, import_code

__all__ = ["load_classifier"]

PICKLES = (".pkl", ".pickle", ".joblib")


def load_classifier(source: str | Path, *, trust_code: bool = False, trust_pickle: bool | None = None) -> Any:
    """The classifier behind a name, for `as_classifier`.

    Args:
        source: A folder of `causalgen.predictors.save`; a file `.onnx`; a file `.pt`, `.pt2` or `.pth` of TorchScript,
            `torch.export.save` or `torch.save`; a pickle `.pkl` or `.joblib`; or `module:name` or `file.py:name`, a function,
            module or estimator that is imported, from the working directory too.
        trust_code: Whether such code is imported, and pickles and exported programs (which contain pickles) are read.
            All of these run the code that they contain.
        trust_pickle: The earlier name of `trust_code`.

    Raises:
        UntrustedCodeError: The source is Python code or a pickle, and is not trusted.
        DataError: The source does not exist, or cannot be read.
        CheckpointError: The folder holds no classifier of causalgen.
        ImportError: onnxruntime is missing.
    """
    if trust_pickle is not None:
        warn("trust_pickle is now called trust_code: it trusts all code that comes with files.", RenamedWarning)
        trust_code = trust_code or trust_pickle
    path = Path(source)
    if path.is_dir():
        from ..predictors import load

        return load(path)
    if not path.is_file() and ":" in str(source):
        return _imported(str(source), trust_code)
    if not path.is_file():
        raise DataError(
            f"Expected a classifier in '{source}'; there is no such file or folder. Give a folder, a .onnx or .pt file, or "
            "module:function."
        )
    suffix = path.suffix.lower()
    if suffix == ".onnx":
        from .onnx import load_onnx

        return load_onnx(path)
    if suffix in (".pt", ".pt2", ".pth"):
        return _torch(path, trust_code)
    if suffix in PICKLES:
        return _pickled(path, trust_code)
    raise DataError(f"Expected a classifier as .onnx, .pt, .pt2, .pth, {', '.join(PICKLES)}; got '{path}'.")


def _imported(source: str, trust_code: bool) -> Any:
    """The object that module:name refers to; the working directory is on the path."""
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.append(str(Path.cwd()))
    return import_code(source, trust=trust_code, what="a classifier")


def _torch(path: Path, trust_code: bool) -> Any:
    """Load TorchScript, which has its own interpreter; else, if trusted, an exported program or a pickled module."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with suppress(RuntimeError, ValueError):
            return torch.jit.load(path, map_location="cpu")
        if not trust_code:
            raise _untrusted(path)
        try:
            return _exported(path) if _is_exported(path) else _module(path)
        except Exception as error:  # a pickle may raise anything
            raise DataError(f"Expected a torch module in '{path}'; it cannot be read: {error}.") from None


def _is_exported(path: Path) -> bool:
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith("archive_format") for name in archive.namelist())


def _exported(path: Path) -> Any:
    program = torch.export.load(path).module()
    return lambda images: program(images)  # an exported program is fixed in evaluation mode, and eval() fails


def _module(path: Path) -> torch.nn.Module:
    found = torch.load(path, map_location="cpu", weights_only=False)
    if not isinstance(found, torch.nn.Module):
        raise ValueError(f"it holds a {type(found).__name__}, and weights alone are not a classifier")
    return found


def _pickled(path: Path, trust_code: bool) -> Any:
    if not trust_code:
        raise _untrusted(path)
    import joblib

    try:
        return joblib.load(path)
    except Exception as error:
        raise DataError(f"Expected a pickled classifier in '{path}'; it cannot be read: {error}.") from None


def _untrusted(path: Path) -> UntrustedCodeError:
    return UntrustedCodeError(
        f"Expected a file that can be read without running its code, ONNX or TorchScript; '{path}' is neither. "
        f"Pickles, and exported programs, which contain pickles, are read only if you trust their author ({FLAGS})."
    )
