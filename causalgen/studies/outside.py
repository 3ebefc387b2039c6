"""An image from outside the data as a unit for counterfactuals."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from ..datasets.depth import as_levels
from ..datasets.formats import Header, at_slice, at_volume, read_header
from ..datasets.table.pixels import Rendering, decode_image, read_grey
from ..datasets.table.window import Outside
from ..errors import DataError, MissingValueError, SupportError
from ..grammar import check_value
from ..graph import CausalGraph, Variable
from ..mechanisms import Observable
from ..scm import StructuralCausalModel, ancestral_model
from .measurements import Measurement

__all__ = ["OVERRIDE", "OutsideUnit", "outside_unit", "read_image", "read_paths"]

OVERRIDE = " Give it with --set to override this."
"""End of a note about a value that the command's user may set."""


@dataclass(frozen=True)
class OutsideUnit:
    """One unit from outside the data.

    Args:
        scm: The part of the model that the unit has values for.
        factual: Its values, one unit each; attributes that have to be inferred are left out.
        notes: What was measured, resized or left out, in sentences.
    """

    scm: StructuralCausalModel
    factual: dict[str, Any]
    notes: tuple[str, ...]


def read_paths(graph: CausalGraph, texts: Sequence[str]) -> dict[str, Path]:
    """Image files by node: a path where the graph has one image, else node=path.

    Raises:
        DataError: The graph has no image, a text names no image node, or one is named twice.
    """
    nodes = graph.images
    if not nodes:
        raise DataError("Expected a model with an image; this one has none. Ask about rows of its data with --rows.")
    paths: dict[str, Path] = {}
    for text in texts:
        name, equals, path = (
            (nodes[0], "=", text) if len(nodes) == 1 else (part.strip() for part in text.partition("="))
        )
        if name not in nodes or not equals or not path.strip():
            raise DataError(
                f"Expected the image of a model with {', '.join(nodes)} as node=file; got {text!r}. "
                f"Write it as --image {nodes[0]}=file.png."
            )
        if name in paths:
            raise DataError(f"Expected one file for the image '{name}'; got '{path}' too. Ask about each separately.")
        paths[name] = Path(path)
    return paths


def outside_unit(
    scm: StructuralCausalModel,
    paths: Mapping[str, Path],
    values: Mapping[str, Any],
    *,
    asked: Collection[str],
    measurements: Mapping[str, Measurement] | None = None,
    renderings: Mapping[str, Rendering] | None = None,
    override: str = OVERRIDE,
) -> OutsideUnit:
    """A unit from image files and attribute values.

    Attributes on which neither the images nor the given attributes depend may be left out. An attribute that is not given
    is measured on the image, if the study measures it, and has to be inferred otherwise.

    Args:
        scm: The model.
        paths: Image files by node.
        values: Values of attributes, labels or numbers.
        asked: Nodes that the query intervenes on.
        measurements: Measurements on the first image, by attribute.
        renderings: By image node, how its files become pixels, as in training; None where that is unknown, and transparent
            images are then refused.
        override: How to set a value that was measured, for its note.

    Raises:
        DataError: A file is not a usable image, or a measurement gives a value that the attribute cannot have.
        MissingValueError: Some missing attributes cannot be inferred, since the mechanism of a node that depends on
            them has no likelihood; the message lists them all.
    """
    graph = scm.graph
    part = ancestral_model(scm, {*paths, *values, *asked})
    known = measurements if measurements and graph.images[0] in paths else {}
    measured = [name for name in part.graph.nodes if name not in values and name in known]
    _check_inferable(part, {*paths, *values, *measured})
    factual: dict[str, Any] = {name: [value] for name, value in values.items()}
    notes: list[str] = []
    for name, path in paths.items():
        factual[name], note = _read(
            path, graph[name], None if renderings is None else renderings.get(name, Rendering())
        )
        notes += note
    for name in measured:
        factual[name] = [_measure(graph[name], known[name], factual[graph.images[0]])]
        shown = f"{factual[name][0]:.3g}" + (f" {graph[name].unit}" if graph[name].unit else "")
        notes.append(f"{name} was measured on the image: {shown}.{override}")
    if left := [name for name in graph.nodes if name not in part.graph]:
        notes.append(f"Left out, since the image does not depend on it: {', '.join(left)}.")
    for name in paths:
        factual[name] = _scaled(factual[name], graph[name])
    return OutsideUnit(part, factual, tuple(notes))


def read_image(path: Path, variable: Variable, known: Rendering | None) -> tuple[Tensor, list[str]]:
    """Pixels `(1, C, H, W)` of a file in the support of `variable`, and how they were changed.

    Args:
        path: The file.
        variable: The image variable.
        known: How its files become pixels; None if unknown: transparent images are then refused.

    Raises:
        DataError: The file is not a usable image.
    """
    pixels, notes = _read(path, variable, known)
    return _scaled(pixels, variable), notes


def _check_inferable(scm: StructuralCausalModel, given: Collection[str]) -> None:
    """Refuse missing values that a given node depends on, if that node's mechanism has no likelihood."""
    graph = scm.graph
    missing = [graph[name] for name in graph.nodes if name not in given]
    mute = [
        name
        for name in graph.nodes
        if name in given and not isinstance(scm.mechanisms[name], Observable) and not {*graph.parents(name)} <= {*given}
    ]
    if mute:
        raise MissingValueError(
            f"Expected a value for everything that {', '.join(mute)} depends on, since the model cannot infer it from "
            "there: "
            f"{type(scm.mechanisms[mute[0]]).__name__} has no likelihood; got none of "
            f"{', '.join(variable.name for variable in missing)}. Add {' '.join(map(_option, missing))}."
        )


def _option(variable: Variable) -> str:
    """The option that gives a missing value.

    >>> _option(Variable("age", "continuous", unit="years", support=(0, 120)))
    '--set age=(years, 0 to 120)'
    """
    if variable.is_image:
        return f"--image {variable.name}=FILE"
    if variable.labels is not None:
        shown = "|".join(map(str, variable.labels[:12])) + ("|..." if len(variable.labels) > 12 else "")
        return f"--set {variable.name}={shown}"
    span = [variable.unit] if variable.unit else []
    span += ["{:g} to {:g}".format(*variable.support)] if variable.support else []
    return f"--set {variable.name}=({', '.join(span) or 'a number'})"


def _read(path: Path, variable: Variable, known: Rendering | None) -> tuple[Tensor, list[str]]:
    """Return pixels `(1, C, H, W)` on 0 to 255, and how they were changed."""
    rendering, file = known or Rendering(), path
    path = at_volume(file) if variable.is_volume else at_slice(file, rendering.slice)
    header = read_header(path)
    pixels = header if isinstance(header, str) else decode_image(path, variable.shape, rendering)
    if isinstance(header, str) or isinstance(pixels, str):
        kind = "a NIfTI or NumPy file" if variable.is_volume else "PNG"
        remedy = f"Save it as {kind}." if file.is_file() else "Check the path."
        if isinstance(header, Header) and header.wide and rendering.window is None:
            declared = f", or declare `window: [low, high]` of '{variable.name}' in the study" if known else ""
            remedy = f"Save it with 8 bits{declared}."
        raise DataError(f"Expected an image like those of '{variable.name}' in '{file}'; got {pixels}. {remedy}")
    if known is None and header.alpha and _is_transparent(path):
        raise DataError(
            f"Expected an image like those of '{variable.name}' in '{file}'; got transparent pixels, and the colour "
            "behind them is not known. Fill them, and save it without transparency."
        )
    low, high = rendering.window or (0.0, 255.0)
    if not header.wide and not 0 <= low < high <= 255:
        raise DataError(
            f"Expected grey values from {low:g} to {high:g} in '{file}', as '{variable.name}' has them; got an image of 8 "
            "bits. Save the original grey values, with 16 bits."
        )
    notes = []
    values = read_grey(path) if header.wide else None
    if values is not None and (outside := Outside.of(values, (low, high))).below + outside.above > outside.pixels / 2:
        notes.append(
            f"Of {file.name}, {outside}: '{variable.name}' has grey values from {low:g} to {high:g}. Check that the file has "
            "them in the same unit."
        )
    if header.alpha:
        notes.append(f"Transparent pixels of {file.name} show the ground, {rendering.ground}.")
    if header.size != variable.shape[1:]:
        how = {"crop": "cut and resized", "pad": "padded and resized", "stretch": "stretched"}[rendering.fit]
        if len({wanted / length for wanted, length in zip(variable.shape[1:], header.size)}) == 1:
            how = "resized"
        there, here = ("x".join(map(str, size)) for size in (header.size, variable.shape[1:]))
        axes = "depth x height x width" if variable.is_volume else "height x width"
        notes.append(f"{file.name} has {there} pixels ({axes}) and was {how} to {here}, which the model uses.")
    if header.colour and variable.shape[0] == 1:
        notes.append(f"{file.name} has colours and was converted to grey, which the model uses.")
    return as_levels({variable.name: torch.from_numpy(pixels.copy())[None]})[variable.name], notes


def _is_transparent(path: Path) -> bool:
    """Whether any pixel of a readable image is transparent."""
    with Image.open(path) as image:
        return image.has_transparency_data and image.convert("RGBA").getchannel("A").getextrema()[0] != 255


def _measure(variable: Variable, measurement: Measurement, images: Tensor) -> float:
    value = float(measurement(images)[0])
    try:
        return float(check_value(variable, value))
    except (DataError, SupportError) as error:
        raise DataError(
            f"Expected to measure '{variable.name}' on the image; got {value:g}. {error} "
            f"Give '{variable.name}' with --set, or check that the image is of the kind that the model learned."
        ) from None


def _scaled(pixels: Tensor, variable: Variable) -> Tensor:
    """Bytes scaled to the support of their variable."""
    low, high = variable.support or (0.0, 255.0)
    return pixels if (low, high) == (0.0, 255.0) else low + pixels.float() / 255 * (high - low)
