"""An augmentation as files: a folder of images for each split, with a table about them.

A folder is written piece by piece. An interrupted program continues with the next piece, and writes what it would have written
without the interruption.
"""

import json
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from ..augmentation import AugmentedDraw, AugmentedUnits, Piece
from ..augmentation.folder_format import (
    COLUMNS,
    DESCRIPTION,
    DRAW,
    GROUP,
    PARTS,
    ROW,
    SET,
    SPLIT,
    SUPPORTED,
    TABLE,
    file_column,
)
from ..datasets.labels import ROW as ROW_NAME
from ..errors import DataError, RunFolderError
from ..files import write_whole
from ..graph import Variable
from ..scm.interventions import describe
from ..scm.values import to_frame
from ..spreadsheets import write_csv
from .counterfactual_files import file_names
from .image_files import write_images
from .resumable_folder import earlier_content, weights_digest

__all__ = ["AugmentedFiles", "write_augmented"]

UNSAFE = re.compile(r"[^\w.+=-]|^\.+")
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class AugmentedFiles:
    """What `write_augmented` wrote.

    Args:
        folder: The folder, which `causalgen.augmentation.AugmentedImages` reads.
        tables: Its table for each split.
        counts: One row per split: observed and counterfactual images, the latter within support, and the counterfactuals
            that were left out because they are outside the support, or because an intervention has no value for the unit.
    """

    folder: Path
    tables: Mapping[str, Path]
    counts: pd.DataFrame


def write_augmented(
    folder: str | Path, units: AugmentedUnits, *, label: str | None = None, progress: Progress | None = None
) -> AugmentedFiles:
    """Write the units of an augmentation: `augmentation.json`, and for each split a folder of PNG images with `metadata.csv`.

    Args:
        folder: The folder; empty, new, or an unfinished augmentation of the same model, data and plan, which is continued.
        units: The units and their counterfactuals.
        label: A discrete attribute whose labels become folders of classes below the splits.
        progress: Called with (pieces done, pieces in all).

    Raises:
        DataError: The label is not discrete, or an attribute has the name of a column of the table.
        RunFolderError: The folder holds something else, or cannot be written.
    """
    return _Writer(Path(folder), units, label).write(progress)


@dataclass(frozen=True)
class _Writer:
    folder: Path
    units: AugmentedUnits
    label: str | None

    def write(self, progress: Progress | None) -> AugmentedFiles:
        self._check()
        pieces = self.units.pieces
        try:
            (self.folder / PARTS).mkdir(parents=True, exist_ok=True)
            self._describe({"finished": False})
            for done, piece in enumerate(pieces):
                if not self._part(piece).exists():
                    self._write_piece(piece)
                if progress is not None:
                    progress(done + 1, len(pieces))
            return self._finish()
        except OSError as error:
            if isinstance(error, RunFolderError):
                raise
            raise RunFolderError(
                f"Expected an output folder that can be written; got '{self.folder}': {error.strerror or error}. Choose "
                "another with --out."
            ) from None

    def _check(self) -> None:
        graph = self.units.data.graph
        taken = [*COLUMNS, *(file_column(graph, image) for image in graph.images)]
        if clash := [name for name in graph.attributes if name in taken]:
            raise DataError(
                f"Expected attributes with other names than the columns {', '.join(taken)} of the table; got "
                f"'{clash[0]}'. Rename it."
            )
        if self.label is not None and not graph[graph.require(self.label)].is_discrete:
            discrete = [name for name in graph.attributes if graph[name].is_discrete]
            raise DataError(
                f"Expected a discrete attribute for the folders of classes; got '{self.label}'. Choose among "
                f"{', '.join(discrete) or 'none'}, or leave it out."
            )
        self._check_folder()

    def _check_folder(self) -> None:
        """Refuse a folder that holds anything other than this augmentation, unfinished."""
        found = earlier_content(self.folder, DESCRIPTION, self._asked, "augmentation")
        if found is not None and found["finished"]:
            raise RunFolderError(
                f"Expected a new folder, or an unfinished augmentation, in '{self.folder}'; got a finished one. Use it, or "
                "choose another with --out."
            )

    @cached_property
    def _asked(self) -> dict[str, Any]:
        """Return everything that determines the bytes of the folder."""
        plan, data = self.units.plan, self.units.data
        return {
            "do": plan.describe(data.graph),
            "per unit": plan.per_unit,
            "splits": list(plan.splits),
            "within support": plan.within_support,
            "originals": plan.originals,
            "seed": plan.seed,
            "label": self.label,
            "data": data.digest(),
            "model": weights_digest(self.units.scm.state_dict()),
        }

    def _describe(self, more: Mapping[str, Any]) -> None:
        graph, data = self.units.data.graph, self.units.data
        content = {
            "causalgen": "augmentation",
            "name": data.name,
            "asked": self._asked,
            "variables": [graph[name].to_dict() for name in graph.nodes],
            "images": {name: file_column(graph, name) for name in graph.images},
            "bits": {name: self._bits(name) for name in graph.images},
            "group": data.group_meaning,
            "source": data.source,
        }
        write_whole(self.folder / DESCRIPTION, json.dumps(content | dict(more), indent=2, default=str) + "\n")

    def _bits(self, image: str) -> int:
        """Return the bit depth of an image's files; this library writes 16-bit PNG only for grey images."""
        data = self.units.data
        return data.bits(image) if data.graph[image].shape[0] == 1 else 8

    def _part(self, piece: Piece) -> Path:
        return self.folder / PARTS / f"{piece.split}-{piece.start:09d}.parquet"

    def _write_piece(self, piece: Piece) -> None:
        """Write the images of a piece, then its table, which marks it as finished."""
        draws = list(self._drawn(piece))
        table = pd.concat([table for table, _ in draws], ignore_index=True)
        left = [draw for _, draw in draws]
        table.attrs = {"outside": sum(d.outside for d in left), "unanswered": sum(d.unanswered for d in left)}
        temporary = self._part(piece).with_suffix(".part")
        table.to_parquet(temporary)
        temporary.replace(self._part(piece))

    def _drawn(self, piece: Piece) -> Any:
        """Write the images of each draw of a piece, and yield its table."""
        for draw in self.units.draws(piece):
            files = self._write_images(draw)
            yield self._table(draw, files), draw

    def _table(self, draw: AugmentedDraw, files: Mapping[str, list[str]]) -> pd.DataFrame:
        graph, named = self.units.data.graph, self.units.data.group_names
        attributes = to_frame(graph, {name: draw.values[name] for name in graph.attributes})
        for name in attributes.columns:
            if attributes[name].dtype == object:
                attributes[name] = attributes[name].map(str)
        about = {
            SPLIT: draw.split,
            ROW: [_plain(row) for row in draw.rows],
            GROUP: draw.groups.numpy() if named is None else named[draw.groups.numpy()],
            DRAW: draw.number,
            SET: self._set(draw, attributes) if draw.number else "",
            SUPPORTED: draw.supported.numpy(),
        }
        return pd.DataFrame(dict(files) | about, index=attributes.index).join(attributes)

    def _set(self, draw: AugmentedDraw, attributes: pd.DataFrame) -> list[str]:
        """Describe the values that were set in each unit."""
        graph = self.units.data.graph
        names = [name for name in graph.nodes if name in self.units.plan.do]
        return [
            ", ".join(describe(graph[name], value) for name, value in zip(names, values))
            for values in zip(*(attributes[name].tolist() for name in names))
        ]

    def _write_images(self, draw: AugmentedDraw) -> dict[str, list[str]]:
        """Write the images, and return their paths in the folder of the split, by column."""
        graph, found = self.units.data.graph, {}
        for image in graph.images:
            root, paths = self.folder / draw.split, []
            for place, pixels in enumerate(draw.values[image]):
                home = root if len(graph.images) == 1 else root / _safe(image)
                if self.label is not None:
                    home /= self._classes[int(draw.values[self.label][place])]
                stem = f"{self._stems[draw.split][int(draw.places[place])]}-{draw.number}"
                (path,) = write_images(home, [stem], pixels[None], graph[image], self._bits(image))
                paths.append(path.relative_to(root).as_posix())
            found[file_column(graph, image)] = paths
        return found

    @cached_property
    def _stems(self) -> dict[str, list[str]]:
        """Return the file name of every unit, without the number of the draw."""
        splits = {split: self.units.data.split[split] for split in self.units.plan.splits}
        return {split: file_names(ROW_NAME, [_plain(row) for row in rows.tolist()]) for split, rows in splits.items()}

    @cached_property
    def _classes(self) -> list[str]:
        """Return the folder of every label."""
        variable: Variable = self.units.data.graph[self.label]  # type: ignore[index]
        found: list[str] = []
        for text in map(_safe, map(str, variable.labels or ())):
            found.append(text if text.lower() not in map(str.lower, found) else f"{text}-{len(found)}")
        return found

    def _finish(self) -> AugmentedFiles:
        tables, counts = {}, []
        for split in self.units.plan.splits:
            parts = [pd.read_parquet(self._part(piece)) for piece in self.units.pieces if piece.split == split]
            table = pd.concat(parts, ignore_index=True)
            counts.append(_counts(split, table, [part.attrs for part in parts]))
            tables[split] = self.folder / split / TABLE
            tables[split].parent.mkdir(exist_ok=True)
            write_csv(table, tables[split])
        self._describe({"finished": True, "counts": counts})
        shutil.rmtree(self.folder / PARTS)
        return AugmentedFiles(self.folder, tables, pd.DataFrame(counts))


def _counts(split: str, table: pd.DataFrame, left: Sequence[Mapping[Any, Any]]) -> dict[str, Any]:
    made = table[table[DRAW] > 0]
    return {
        "split": split,
        "observed": int((table[DRAW] == 0).sum()),
        "counterfactual": len(made),
        "within_support": int(made[SUPPORTED].sum()),
        "left_out_outside": sum(attrs["outside"] for attrs in left),
        "left_out_unanswered": sum(attrs["unanswered"] for attrs in left),
    }


def _safe(text: str) -> str:
    """Text as the name of a folder."""
    return UNSAFE.sub("_", text) or "_"


def _plain(label: Any) -> Any:
    """Convert a row label to a number or a text."""
    return label if isinstance(label, int | float | str) else str(label)
