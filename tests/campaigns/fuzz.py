"""Mutated files at every door that reads one: an own error or an answer, soon, and no code.

    cd tests; python -m campaigns.fuzz 50000 --seed 0

Prints, by door, the number of inputs, of answers, of own errors and of failures, which are listed: any other exception,
more than two seconds of processor time, or an attempt to start a program, open a connection or unpickle.
"""

import argparse
import hashlib
import json
import random
import shutil
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from PIL import Image
from study_cases import TINY

from causalgen.datasets.table import index_table
from causalgen.errors import CausalgenError
from causalgen.grammar import parse_do
from causalgen.graph import CausalGraph, Variable, parse_graph
from causalgen.scm import StructuralCausalModel, load, save
from causalgen.studies.runfolder import read_run
from causalgen.studies.schema import load_study

__all__ = ["DOORS", "Failure", "attack"]

SECONDS = 2.0
FORBIDDEN = ("os.system", "os.exec", "os.posix_spawn", "subprocess.Popen", "socket.connect", "pickle.find_class")
"""Audit events of Python that no input may cause."""
TOKENS = [
    b"!!python/object/apply:os.system [ls]", b"&a [*a]", b"__import__('os').system('ls')", b"{{7*7}}", b"\0", b"\xff\xfe",
    b"1e999", b"-1", b"9" * 400, b"NaN", b"null", b"[" * 300, b"{" * 300, b"(" * 300, b"../" * 20, b"\r", b'"', b"'", b"=",
    b"os:system", b"os.py:system", b"<!DOCTYPE x [<!ENTITY a 'b'>]>", "‮\u2028é".encode(), b" " * 2000, b"a" * 2000, b"\n\n",
]  # fmt: skip
GRAPH = CausalGraph("sex -> size -> scan", [
    Variable("sex", "binary", labels=("f", "m")), Variable("size", "continuous", support=(-9, 9)),
    Variable("scan", "image", shape=(1, 6, 6)),
])  # fmt: skip


@dataclass(frozen=True)
class Failure:
    """An input that was not handled.

    Args:
        door: The name of its door.
        content: The input.
        what: What happened.
    """

    door: str
    content: bytes
    what: str


class _Doors:
    """What reads a file, and valid files to begin with; all files lie in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        table = pd.DataFrame({"size": np.arange(20) / 7, "sex": ["f", "m"] * 10, "age": range(20)})
        scm = StructuralCausalModel(
            GRAPH, {"scan": {"mechanism": "conv-vae", "latent": 2, "width": 4, "blocks": 1}, "size": "linear-gaussian"}
        )
        torch.manual_seed(0)
        scm.initialize({"sex": torch.arange(40) % 2, "size": torch.randn(40), "scan": torch.rand(40, 1, 6, 6) * 255})
        save(scm, folder / "model")
        png, archive = BytesIO(), BytesIO()
        Image.fromarray(np.arange(36, dtype=np.uint8).reshape(6, 6)).save(png, "png")
        np.savez_compressed(archive, images=np.zeros((20, 6, 6), np.uint8), size=np.arange(20.0))
        for number in range(20):
            (folder / f"{number}.png").write_bytes(png.getvalue())
        (folder / "study.resolved.yaml").write_text(TINY)
        pictures = table.assign(scan=[f"{number}.png" for number in range(20)])
        pictures.to_csv(folder / "pictures.csv", index=False)
        record = {
            "causalgen": "0",
            "name": "a",
            "status": "finished",
            "study": "",
            "steps": {"a": {"seconds": 1}},
            "attempts": 1,
        }
        study = TINY + "gallery: [{do: {thickness: 4}, units: 2}]\nscores: {a: {measure: area}}\n"
        edges = "sex -> {size, age}; size -> age"
        dot = 'digraph { a [kind="binary" labels="[0, 1]"]; a -> {b c}; b -> c [dir=both]; "d e" -> a }'
        self.all: dict[str, tuple[bytes, Callable[[Path], Any]]] = {
            "edges": (edges.encode(), lambda path: CausalGraph(_text(path))),
            "dot": (dot.encode(), lambda path: parse_graph(_text(path), "dot")),
            "gml": (b'graph [ directed 1 node [ id 0 label "a" ] node [ id 1 label "b" ] edge [ source 0 target 1 ] ]',
                    lambda path: parse_graph(_text(path), "gml")),
            "graphml": (b'<graphml xmlns="http://graphml.graphdrawing.org/xmlns"><graph edgedefault="directed"><node id="a"/>'
                        b'<node id="b"/><edge source="a" target="b"/></graph></graphml>',
                        lambda path: parse_graph(_text(path), "graphml")),
            "graph in JSON": (json.dumps(GRAPH.to_dict()).encode(), lambda path: parse_graph(_text(path), "json")),
            "graph in YAML": (b"edges: [a -> b, b -> c]\nvariables: {a: {kind: binary, labels: [0, 1]}}",
                              lambda path: parse_graph(_text(path), "yaml")),
            "intervention": (b"size=min(size * 1.2 + 0.1, 3)", lambda path: parse_do(GRAPH, [_text(path)])),
            "study": (study.encode(), load_study),
            "run.json": (json.dumps(record).encode(), self._run),
            "description of a model": ((folder / "model" / "model.json").read_bytes(), self._model("model.json")),
            "weights": ((folder / "model" / "model.safetensors").read_bytes(), self._model("model.safetensors")),
            "CSV": (table.to_csv(index=False).encode(), lambda path: index_table(_named(path, "csv"), edges)),
            "JSON Lines": (table.to_json(orient="records", lines=True).encode(),
                           lambda path: index_table(_named(path, "jsonl"), edges)),
            "Parquet": (table.to_parquet(), lambda path: index_table(_named(path, "parquet"), edges)),
            "NumPy archive": (archive.getvalue(), lambda path: index_table(_named(path, "npz"), "size")),
            "PNG": (png.getvalue(), self._picture),
        }  # fmt: skip

    def _run(self, path: Path) -> None:
        shutil.copy(path, self.folder / "run.json")
        read_run(self.folder)

    def _model(self, name: str) -> Callable[[Path], Any]:
        """Load the model with a mutated file, whose checksums are right, as an attacker writes them."""

        def read(path: Path) -> None:
            home = self.folder / "attacked"
            shutil.copytree(self.folder / "model", home, dirs_exist_ok=True)
            shutil.copy(path, home / name)
            with suppress(ValueError, AttributeError, RecursionError):
                description = json.loads((home / "model.json").read_bytes())
                description.pop("description_sha256", None)
                description["sha256"] = hashlib.sha256((home / "model.safetensors").read_bytes()).hexdigest()
                (home / "model.json").write_text(json.dumps(description))
            load(home)

        return read

    def _picture(self, path: Path) -> None:
        shutil.copy(path, self.folder / "7.png")
        index_table(self.folder / "pictures.csv", "size -> scan")


DOORS = ("edges", "dot", "gml", "graphml", "graph in JSON", "graph in YAML", "intervention", "study", "run.json",
         "description of a model", "weights", "CSV", "JSON Lines", "Parquet", "NumPy archive", "PNG")  # fmt: skip


def attack(count: int, seed: int) -> tuple[Counter[tuple[str, str]], list[Failure]]:
    """Read `count` mutated files, at each door in turn; return what became of them, and the failures."""
    draw, found, failures = random.Random(seed), Counter[tuple[str, str]](), []
    events = _Events()
    with tempfile.TemporaryDirectory() as home, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        doors = _Doors(Path(home))
        assert tuple(doors.all) == DOORS
        for number in range(count):
            door = DOORS[number % len(DOORS)]
            valid, read = doors.all[door]
            content = _mutated(valid, draw)
            (Path(home) / "input").write_bytes(content)
            with events.watched():
                what = _outcome(read, Path(home) / "input")
            what = f"forbidden event {events.seen[0]}" if events.seen else what
            found[door, what if what in ("answer", "own error") else "failure"] += 1
            if what not in ("answer", "own error"):
                failures.append(Failure(door, content, what))
    return found, failures


class _Events:
    """Forbidden audit events while a file is read."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.on = False
        sys.addaudithook(self._hook)  # Python has no way to take it off again

    def _hook(self, event: str, _: Any) -> None:
        if self.on and event in FORBIDDEN:
            self.seen.append(event)

    @contextmanager
    def watched(self) -> Iterator[None]:
        self.seen, self.on = [], True
        try:
            yield
        finally:
            self.on = False


def _outcome(read: Callable[[Path], Any], path: Path) -> str:
    started = time.process_time()
    try:
        read(path)
        what = "answer"
    except CausalgenError:
        what = "own error"
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__}: {str(error)[:100]} ({Path(place.filename).name}:{place.lineno})"
    seconds = time.process_time() - started
    return what if seconds <= SECONDS else f"{seconds:.1f} s"


def _mutated(content: bytes, draw: random.Random) -> bytes:
    """The content after one to four changes: bits, numbers, parts left out, doubled or exchanged, and hostile words."""
    found = bytearray(content)
    for _ in range(draw.randint(1, 4)):
        place, length = draw.randrange(len(found) + 1), min(draw.randint(1, 40), len(found))
        match draw.randrange(6):
            case 0 if found:
                found[min(place, len(found) - 1)] ^= 1 << draw.randrange(8)
            case 1:
                del found[place : place + length]
            case 2:
                found[place:place] = found[place : place + length] * draw.choice((1, 2, 10, 50, 1_000))
            case 3:
                found[place:place] = draw.choice(TOKENS)
            case 4:
                other = draw.randrange(len(found) + 1)
                found[place : place + length] = found[other : other + length]
            case _:
                found[place : place + 4] = draw.randbytes(4)
    return bytes(found)


def _text(path: Path) -> str:
    return path.read_bytes().decode("utf-8", "replace")


def _named(path: Path, suffix: str) -> Path:
    return Path(shutil.copy(path, path.with_suffix(f".{suffix}")))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("count", type=int)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    found, failures = attack(asked.count, asked.seed)
    for door in DOORS:
        counts = [found[door, what] for what in ("answer", "own error", "failure")]
        print(
            f"{door:<24}{sum(counts):>8} inputs{counts[0]:>8} answers{counts[1]:>8} own errors{counts[2]:>6} failures"
        )
    print(f"{sum(found.values())} inputs, {len(failures)} failures")
    for failure in failures[:50]:
        print(f"{failure.door}: {failure.what}\n    {failure.content[:300]!r}")
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
