"""Counterfactuals of all units of a data set as files: Parquet shards with attributes and images, and a manifest.

manifest.json                           what was asked, the variables, and every shard with its size and checksum
data/train-00000-of-00012.parquet       one row per unit; images are PNG files in their cells, as Hugging Face publishes them

A shard is written under another name and then renamed, so that it exists completely or not at all. Its content depends
only on its position, so a process that continues an interrupted folder writes the same bytes as without the
interruption.
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from uuid import uuid4

import pandas as pd
import pyarrow as pa
from pyarrow import parquet
from torch import Tensor

from ..augmentation import AugmentedDraw, AugmentedUnits, Piece
from ..errors import DataError, RunFolderError
from ..files import no_room, sha256_of, write_whole
from ..graph import Variable
from .counterfactual_files import ROW, file_names
from .image_files import file_content
from .resumable_folder import earlier_content, weights_digest

__all__ = ["MANIFEST", "CounterfactualShards", "Shard"]

MANIFEST, DATA = Path("manifest.json"), Path("data")
SPLIT, ANSWERED, SUPPORTED = "split", "answered", "supported"
PIECES = 16
"""Number of pieces in a shard: 4,096 units of 32 x 32 pixels."""
WHAT = "folder of counterfactuals"
KEY = b"causalgen"
"""Entry in the header of a shard: the question to which it belongs."""
IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


@dataclass(frozen=True)
class Shard:
    """Some units of one split, in one file.

    Args:
        name: Name of the file.
        pieces: The units, in pieces; each piece is answered at once.
    """

    name: str
    pieces: tuple[Piece, ...]

    @property
    def units(self) -> int:
        """Number of units."""
        return self.pieces[-1].stop - self.pieces[0].start


class CounterfactualShards:
    """A folder of counterfactuals of all units.

    Args:
        folder: The folder; new, or an unfinished one of the same model, data and plan, which is continued.
        units: The units as observed, with one counterfactual each.
        ignored: Name of a file in the folder to ignore, such as a lock.

    Raises:
        DataError: An attribute has the name of another column.
        RunFolderError: The folder holds something else, or it is finished, or one of its shards was altered.
    """

    def __init__(self, folder: Path, units: AugmentedUnits, *, ignored: str = "") -> None:
        self.folder, self.units = folder, units
        self._check_names()
        earlier = earlier_content(folder, MANIFEST, self._asked, WHAT, ignored=ignored)
        if earlier is not None and earlier["finished"]:
            self._check_finished(earlier["shards"])

    @cached_property
    def shards(self) -> list[Shard]:
        """All shards, in the order of the splits and of their rows."""
        found = []
        for split in self.units.plan.splits:
            own = [piece for piece in self.units.pieces if piece.split == split]
            parts = [tuple(own[start : start + PIECES]) for start in range(0, len(own), PIECES)]
            found += [Shard(f"{split}-{i:05d}-of-{len(parts):05d}.parquet", part) for i, part in enumerate(parts)]
        return found

    def begin(self) -> list[Shard]:
        """Write the manifest of an unfinished folder, and return the shards that it lacks."""
        (self.folder / DATA).mkdir(parents=True, exist_ok=True)
        self._describe({"finished": False})
        return [shard for shard in self.shards if not self._is_whole(shard)]

    def write(self, shard: Shard) -> None:
        """Answer the units of a shard, and write it; memory holds one piece of it at a time.

        Raises:
            StorageError: The disk is full, or the folder cannot be written.
        """
        path = self.folder / DATA / shard.name
        temporary = path.with_name(f".{shard.name}.{uuid4().hex}.part")
        try:
            with parquet.ParquetWriter(temporary, self._schema, compression="zstd") as writer:
                for piece in shard.pieces:
                    writer.write_table(self._table(piece))
            temporary.replace(path)
        except OSError as error:
            raise no_room(path, error) from error
        finally:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)

    def finish(self) -> pd.DataFrame:
        """Write the manifest of the finished folder; return its shards with their units, one row each.

        Raises:
            RunFolderError: A shard is missing.
        """
        for left in (self.folder / DATA).glob(".*.part"):  # left by a process that was killed
            left.unlink()
        found = [self._entry(shard) for shard in self.shards]
        self._describe({"finished": True, "units": sum(entry["units"] for entry in found), "shards": found})
        return pd.DataFrame(found)

    def _check_names(self) -> None:
        graph = self.units.data.graph
        made = [ROW, SPLIT, ANSWERED, SUPPORTED, *(f"{name}_cf" for name in graph.nodes)]
        if clash := [name for name in graph.nodes if name in made]:
            raise DataError(
                f"Expected nodes with other names than the columns {', '.join(made)}; got '{clash[0]}'. Rename it."
            )

    def _check_finished(self, entries: list[dict[str, Any]]) -> None:
        """Refuse a finished folder, unless shards are missing: these will be written again."""
        missing = False
        for entry in entries:
            path = self.folder / DATA / entry["file"]
            if not path.exists():
                missing = True
            elif sha256_of(path) != entry["sha256"]:
                raise RunFolderError(
                    f"Expected the shard '{path}' as the manifest describes it; got one with another checksum. Delete it, and "
                    "run the same command again to write it anew."
                )
        if not missing:
            raise RunFolderError(
                f"Expected a new or unfinished {WHAT} in '{self.folder}'; got a finished one, whose {len(entries)} shards are "
                "intact. Use it, or choose another with --out."
            )

    @cached_property
    def _asked(self) -> dict[str, Any]:
        """What decides every byte of the folder."""
        plan, data = self.units.plan, self.units.data
        return {
            "do": plan.describe(data.graph),
            "splits": list(plan.splits),
            "seed": plan.seed,
            "data": data.digest(),
            "model": weights_digest(self.units.scm.state_dict()),
        }

    def _describe(self, more: dict[str, Any]) -> None:
        data = self.units.data
        variables = [data.graph[name].to_dict() for name in data.graph.nodes]
        content = {"causalgen": "counterfactuals", "name": data.name, "asked": self._asked, "source": data.source}
        write_whole(
            self.folder / MANIFEST, json.dumps(content | {"variables": variables} | more, indent=2, default=str) + "\n"
        )

    @cached_property
    def _key(self) -> bytes:
        return hashlib.sha256(json.dumps(self._asked, sort_keys=True).encode()).hexdigest().encode()

    @cached_property
    def _schema(self) -> pa.Schema:
        graph = self.units.data.graph
        label = next(iter(self.units.data.split[self.units.plan.splits[0]].tolist()))
        fields = [(SPLIT, pa.string()), (ROW, pa.string() if isinstance(label, str) else pa.scalar(label).type)]
        fields += [(name, _type(graph[name])) for name in graph.attributes]
        fields += [(f"{name}_cf", _type(graph[name])) for name in (*graph.attributes, *graph.images)]
        fields += [(ANSWERED, pa.bool_()), (SUPPORTED, pa.bool_())]
        return pa.schema(fields, metadata={KEY: self._key})

    def _is_whole(self, shard: Shard) -> bool:
        """Return whether the shard exists and belongs to this question."""
        try:
            found = parquet.read_metadata(self.folder / DATA / shard.name)
        except (OSError, pa.ArrowException):
            return False
        return found.num_rows == shard.units and (found.metadata or {}).get(KEY) == self._key

    def _table(self, piece: Piece) -> pa.Table:
        """Return the units of a piece in order; where the intervention has no value, counterfactual cells are empty."""
        observed, world = self.units.draws(piece)
        graph = self.units.data.graph
        rows = observed.rows.tolist()
        places = {int(place): position for position, place in enumerate(world.places)}
        positions = [places.get(place) for place in range(piece.start, piece.stop)]
        columns: dict[str, Any] = {SPLIT: [piece.split] * len(rows), ROW: rows}
        columns |= {name: _cells(graph[name], observed.values[name]) for name in graph.attributes}
        for name in graph.attributes:
            columns[f"{name}_cf"] = _at(_cells(graph[name], world.values[name]), positions)
        for name in graph.images:
            columns[f"{name}_cf"] = _at(list(self._images(graph[name], world)), positions)
        columns[ANSWERED] = [position is not None for position in positions]
        columns[SUPPORTED] = _at(world.supported.tolist(), positions)
        return pa.table({name: pa.array(columns[name], self._schema.field(name).type) for name in self._schema.names})

    def _images(self, variable: Variable, world: AugmentedDraw) -> Iterator[dict[str, Any]]:
        names = file_names(ROW, [label if isinstance(label, int | float) else str(label) for label in world.rows])
        bits = self.units.data.bits(variable.name)
        for name, image in zip(names, world.values[variable.name], strict=True):
            content, suffix = file_content(image, variable, bits)
            yield {"bytes": content, "path": f"{name}{suffix}"}

    def _entry(self, shard: Shard) -> dict[str, Any]:
        """The entry of a shard in the manifest."""
        path = self.folder / DATA / shard.name
        if not self._is_whole(shard):
            raise RunFolderError(
                f"Expected the shard '{path}', which was written; it is gone or was changed. Run the same command again."
            )
        marks = parquet.read_table(path, columns=[ANSWERED, SUPPORTED])
        answered, supported = (sum(filter(None, marks[name].to_pylist())) for name in (ANSWERED, SUPPORTED))
        about = {"file": shard.name, "split": shard.pieces[0].split, "units": shard.units, ANSWERED: answered}
        return about | {SUPPORTED: supported, "bytes": path.stat().st_size, "sha256": sha256_of(path)}


def _type(variable: Variable) -> pa.DataType:
    if variable.is_image:
        return IMAGE
    if variable.labels is None:
        return pa.float64()
    with suppress(pa.ArrowException):
        return pa.array(list(variable.labels)).type
    return pa.string()


def _cells(variable: Variable, values: Tensor) -> list[Any]:
    """Return values of an attribute as cells; labels of several types become text."""
    if variable.labels is None:
        return values.double().tolist()
    labels = list(variable.labels)
    labels = list(map(str, labels)) if pa.types.is_string(_type(variable)) else labels
    return [labels[int(code)] for code in values]


def _at(cells: list[Any], positions: list[int | None]) -> list[Any]:
    return [None if position is None else cells[position] for position in positions]
