"""A damaged picture restored by the model of a run, and its counterfactual, kept in a folder."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from PIL import Image

from ..datasets.formats import WIDE, at_slice, read_header, read_picture
from ..datasets.table.pixels import Rendering, on_ground
from ..errors import DataError, SupportWarning
from ..grammar import parse_do, parse_values
from ..graph import Variable
from ..reports.figure_files import write_figure
from ..reports.image_files import write_images
from ..reports.restoration_plot import SHOWN_DRAWS, interval, plot_restoration
from ..scm import Counterfactual, Damage, Posterior, ancestral_model, restore
from ..spreadsheets import write_csv
from .asking import (
    UNKNOWN_FILES,
    answer_place,
    check_particles,
    fitted_model,
    inferred_notes,
    renderings_of,
    windows_of,
)
from .output import writing
from .outside import read_image, read_paths
from .saved_model import Asked, SavedModel, seed_of

__all__ = ["Restoration", "read_mask", "restore_outside"]

LEVEL = 0.9
"""Level of the pixel intervals."""
PARTICLES = 50
HIDDEN = 128
"""Grey level of a mask at or above which a pixel is hidden."""


@dataclass(frozen=True)
class Restoration:
    """A restored image and its files.

    Args:
        posterior: The restored unit.
        counterfactual: What it would have been, if requested.
        table: Attributes, one row each: value, whether it was inferred, interval or share of the draws, and the counterfactual.
        notes: What a reader must know, in sentences.
        folder: The folder of all files.
        csv: The table as CSV.
        grid: The PNG grid.
        images: Restored and counterfactual image: mean, both ends of the interval, and draws.
    """

    posterior: Posterior
    counterfactual: Counterfactual | None
    table: pd.DataFrame
    notes: tuple[str, ...]
    folder: Path
    csv: Path
    grid: Path
    images: tuple[Path, ...]


def restore_outside(
    run: Asked,
    image: str,
    damage: Damage,
    values: Sequence[str] = (),
    do: Sequence[str] = (),
    out: Path | None = None,
    *,
    words: Sequence[str] = (),
    particles: int | None = None,
) -> Restoration:
    """Restore a damaged picture, and answer what the image would have been.

    Args:
        run: A run with a fitted model, or a saved model.
        image: The file of the picture; node=file where the model has several images.
        damage: What happened to the image.
        values: Attributes as text, "digit=7"; those that are not given are inferred.
        do: Interventions as text; none for the restored image alone.
        out: Output folder; None for one named after the query below the run's `restorations`.
        words: Words about the damage, for the name of that folder.
        particles: Number of draws of the image; None for 50.

    Raises:
        CheckpointError: The run has no fitted model yet, or a corrupted one.
        DataError: A file cannot be read, or does not fit the damage.
        NotObservableError: The image's mechanism has no latents to infer.
        RunFolderError: The output cannot be written.
    """
    whole = fitted_model(run)
    interventions = parse_do(whole.graph, do)
    [(node, path)] = read_paths(whole.graph, [image]).items()
    given = parse_values(whole.graph, values)
    check_particles(particles)
    folder = answer_place(
        run, [str(path), *words, *values, *do], particles, out, parent="restorations", table="restored.csv"
    )
    scm = ancestral_model(whole, {node, *given, *interventions})
    seen = damage.steps(scm.graph[node])[-1].variable
    known = renderings_of(run)
    rendering = None if known is None else known.get(node, Rendering())
    _check_size(path if rendering is None else at_slice(path, rendering.slice), seen, scm.graph[node])
    picture, notes = read_image(path, seen, rendering)
    with warnings.catch_warnings(record=True) as raised:
        warnings.simplefilter("always")
        posterior = restore(
            scm,
            {name: [value] for name, value in given.items()} | {node: picture},
            damage,
            image=node,
            particles=particles or PARTICLES,
            seed=seed_of(run),
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SupportWarning)  # the table has a column for it
        result = posterior.counterfactual(interventions, seed=seed_of(run)) if interventions else None
    unknown = (UNKNOWN_FILES,) if isinstance(run, SavedModel) else ()
    found = (*unknown, *notes, *inferred_notes(posterior, damaged=True), *(str(each.message) for each in raised))
    worlds = _worlds(posterior, result, node)
    table = _table(posterior, result)
    with writing(folder):
        images = _write_images(folder / "images", worlds, scm.graph[node], windows_of(run).get(node))
        write_csv(table, folder / "restored.csv")
        hidden = None if damage.mask is None else np.asarray(damage.mask) != 0
        figure = plot_restoration(
            picture[0],
            worlds,
            scm.graph[node],
            seen=seen,
            hidden=hidden,
            level=LEVEL,
            title="" if result is None else result.title,
        )
        grid = write_figure(figure, folder / "grid.png", dpi=160)
    return Restoration(posterior, result, table, found, folder, folder / "restored.csv", grid, images)


def read_mask(path: Path) -> np.ndarray:
    """Read which pixels a mask hides, bool `(H, W)`: white, opaque ones of a picture; nonzero ones of an array.

    Raises:
        DataError: The file is not an image.
    """
    header = read_header(path)
    picture = header if isinstance(header, str) else read_picture(path)
    if isinstance(picture, str):
        raise DataError(
            f"Expected an image as the mask in '{path}'; got {picture}. Save it as PNG, white where hidden."
        )
    if not isinstance(picture, Image.Image):
        return picture != 0
    if picture.mode in WIDE:  # which Pillow would clip at 255
        return np.asarray(picture) >= HIDDEN * 257
    return np.asarray(on_ground(picture, "black").convert("L")) >= HIDDEN


def _check_size(path: Path, seen: Variable, image: Variable) -> None:
    """Refuse a picture of another size, which resizing would damage further, or of other colours."""
    header = read_header(path)
    if isinstance(header, str):
        raise DataError(f"Expected a damaged picture in '{path}'; got {header}. Check the path, or save it as PNG.")
    channels, height, width = seen.shape
    if (header.height, header.width) != (height, width):
        factor = image.shape[1] // max(header.height, 1)
        smaller = factor > 1 and (header.height * factor, header.width * factor) == image.shape[1:]
        remedy = f"Add --downsample {factor}." if smaller else "Crop or resize picture and mask to that size."
        raise DataError(
            f"Expected a picture of {height}x{width} pixels (height x width) in '{path}', as this damage makes it of "
            f"'{image.name}'; got {header.height}x{header.width}. {remedy}"
        )
    if header.colour and channels == 1:
        raise DataError(
            f"Expected a grey picture in '{path}', as this damage makes it of '{image.name}'; got one with colours. Save it in "
            "grey."
        )
    if not header.colour and channels == 3:
        raise DataError(
            f"Expected a picture with colours in '{path}', since '{image.name}' has them; got a grey one. Add --grey if the "
            "colours are lost."
        )


def _worlds(posterior: Posterior, result: Counterfactual | None, node: str) -> dict[str, Any]:
    """Draws of the image `(k, C, H, W)`, restored and counterfactual."""
    assert posterior.completed is not None
    worlds = {"restored": posterior.completed.by_particle()[node][:, 0]}
    return worlds if result is None else {**worlds, "counterfactual": result[node][:, 0]}


def _table(posterior: Posterior, result: Counterfactual | None) -> pd.DataFrame:
    """Return one row per attribute."""
    graph = posterior.scm.graph
    inferred = posterior.inferred().set_index("variable")
    rows = []
    for name in graph.attributes:
        row: dict[str, Any] = {"attribute": name, "inferred": name in inferred.index}
        row["value"] = inferred["value"][name] if row["inferred"] else _typical(graph[name], posterior.factual[name])
        for column in ("low", "high", "share"):
            row[column] = inferred[column][name] if row["inferred"] else None
        if result is not None:
            after = result[name][:, 0]
            row["counterfactual"] = _typical(graph[name], after)
        rows.append(row)
    return pd.DataFrame(rows)


def _typical(variable: Variable, draws: torch.Tensor) -> Any:
    """The mean of draws, or their most frequent label."""
    return variable.decode(int(draws.mode().values)) if variable.is_discrete else float(draws.mean())


def _write_images(
    folder: Path, worlds: Mapping[str, Any], variable: Variable, window: tuple[float, float] | None
) -> tuple[Path, ...]:
    files: list[Path] = []
    for stem, draws in worlds.items():
        low, high = interval(draws, LEVEL)
        images = {"": draws.mean(0).numpy(), "-low": low, "-high": high}
        images |= {f"-draw-{number}": draws[number].numpy() for number in range(min(SHOWN_DRAWS, len(draws)))}
        names = [stem + name for name in images]
        files += write_images(folder, names, np.stack(list(images.values())), variable, window=window)
    return tuple(files)
