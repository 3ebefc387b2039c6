"""Finds of the page as files: a PNG, a table, and the Python and the lines of a study that reproduce them."""

import io
from collections.abc import Sequence
from typing import Any

import pandas as pd
import yaml
from PIL import Image

from ..errors import DataError
from ..reports import plot_counterfactual
from ..reports.display import as_png
from ..spreadsheets import csv_text
from ..studies.saved_model import Asked, SavedModel, seed_of
from .explorer import Answered, Explorer, WorldSetting, factual_value

__all__ = ["FORMATS", "MOST_FINDS", "find_files"]

MOST_FINDS = 50
WIDTH = 120


def find_files(explorer: Explorer, finds: Sequence[WorldSetting], kind: str) -> bytes:
    """The content of one file about all finds.

    Args:
        explorer: The explorer that answers.
        finds: The finds.
        kind: One of `FORMATS`.

    Raises:
        DataError: No finds or too many, or a format that does not exist or has nothing to show.
    """
    if kind not in FORMATS:
        raise DataError(f"Expected a format among {', '.join(FORMATS)}; got {kind!r}.")
    if not 1 <= len(finds) <= MOST_FINDS:
        raise DataError(f"Expected 1 to {MOST_FINDS} finds; got {len(finds)}. Keep some first, or remove some.")
    with explorer.turn:
        return FORMATS[kind]([explorer.answered(find) for find in finds], explorer.run)


def _png(finds: Sequence[Answered], run: Asked) -> bytes:
    """The grids of all finds, one below the other."""
    if not finds[0].counterfactual.graph.images:
        raise DataError("Expected a model with an image to make a picture; this one has none. Save the table instead.")
    figures = [
        plot_counterfactual(found.counterfactual, 1, found.truth, image=name, names=[found.unit.label])
        for found in finds
        for name in found.counterfactual.graph.images
    ]
    pictures = [Image.open(io.BytesIO(as_png(figure)[0])) for figure in figures]
    sheet = Image.new("RGB", (max(p.width for p in pictures), sum(p.height for p in pictures)), "white")
    top = 0
    for picture in pictures:
        sheet.paste(picture, (0, top))
        top += picture.height
    buffer = io.BytesIO()
    sheet.save(buffer, format="png")
    return buffer.getvalue()


def _csv(finds: Sequence[Answered], run: Asked) -> bytes:
    frames = []
    for number, found in enumerate(finds, start=1):
        frame = found.counterfactual.to_frame().reset_index(drop=True)
        frame["unit"] = str(found.unit.label)
        frame.insert(0, "find", number)
        frame.insert(2, "do", found.counterfactual.title)
        for name, value in (found.truth or {}).items():
            variable = found.counterfactual.graph[name]
            if not variable.is_image:
                true: Any = variable.decode(int(value[0])) if variable.is_discrete else float(value[0])
                frame[f"{name}_true"] = true
        frames.append(frame)
    return csv_text(pd.concat(frames, ignore_index=True)).encode()


def _python(finds: Sequence[Answered], run: Asked) -> bytes:
    own = any(found.unit.files is not None for found in finds)
    saved = isinstance(run, SavedModel)
    names = ["abducted", *(["file_unit"] if own else []), *([] if saved else ["fitted_data"]), "fitted_model"]
    data = "drawn_units(scm, run.name)" if saved else "fitted_data(run, scm)"
    lines = [
        *(["from pathlib import Path", ""] if own else []),
        f"from causalgen.studies.asking import {', '.join(names)}",
        f"from causalgen.studies.saved_model import {'drawn_units, ' if saved else ''}read_asked",
        "",
        f"run = read_asked({str(run.model if saved else run.path)!r}{', trust_code=True' if run.trust_code else ''})",
        "scm = fitted_model(run)",
        f"data = {data}",
    ]
    for number, found in enumerate(finds, start=1):
        lines += ["", f"# Find {number}: {_one_line(found.unit.label)}, {_one_line(found.counterfactual.title)}"]
        lines += _python_lines(found, f"find_{number}", seed_of(run))
    return ("\n".join(lines) + "\n").encode()


def _python_lines(found: Answered, name: str, seed: int) -> list[str]:
    particles = found.setting.draws if found.setting.draws > 1 else None
    if found.unit.files is None:
        unit = f"scm, data.rows([{found.unit.label!r}])"
        lines = []
    else:
        files = ", ".join(f"{node!r}: Path({file!r})" for node, file in found.unit.files.items())
        lines = [f"unit = file_unit(run, scm, {{{files}}}, {found.unit.given!r}, asked=scm.graph.attributes)"]
        unit = "unit.scm, unit.factual"
    lines.append(f"posterior, notes = abducted({unit}, {particles}, {seed})")
    if found.setting.hold and found.values:
        style = {node: [value] for node, value in found.values.items()}
        asked = f"posterior.transfer({style!r}, {list(found.values)!r}, hold=True, seed={seed})"
    else:
        asked = f"posterior.counterfactual({found.values!r}, seed={seed})"
    return [*lines, f"{name} = {asked}", f"print({name}.to_frame())"]


def _study(finds: Sequence[Answered], run: Asked) -> bytes:
    """A gallery of the finds about rows, with held values written out."""
    if isinstance(run, SavedModel):
        raise run.lacks("the lines of a study, which name rows of its data")
    lines, skipped = ["gallery:"], []
    for number, found in enumerate(finds, start=1):
        if found.unit.files is not None or not found.values:
            why = "of an image that is not in the data" if found.values else "without an intervention"
            skipped.append(f"# Find {number}, {why}, cannot be part of a study.")
            continue
        held = {name: factual_value(found.unit, name) for name in found.counterfactual.do if name not in found.values}
        item = {"do": found.values | held, "rows": [found.unit.label]}
        text = yaml.safe_dump([item], sort_keys=False, allow_unicode=True, width=WIDTH).rstrip("\n")
        lines += [f"  # find {number}: {_one_line(found.counterfactual.title)}"]
        lines += [f"  {line}" for line in text.splitlines()]
    if len(lines) == 1:
        raise DataError(
            "Expected a find of a row of the data, with an intervention; got none. Save the Python instead."
        )
    return ("\n".join([*lines, *skipped]) + "\n").encode()


def _one_line(text: Any) -> str:
    return " ".join(str(text).split())


FORMATS = {"png": _png, "csv": _csv, "py": _python, "yaml": _study}
"""Writer of each kind of file, by its suffix."""
