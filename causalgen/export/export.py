"""Export of a fitted model: two files, a description of their inputs and outputs, and the check against the model."""

import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .._version import __version__
from ..errors import CausalgenError, ExportError, UnknownNameError, nearest
from ..files import no_room, sha256_of, write_whole
from ..graph import CausalGraph, Variable
from ..graph.volumes import require_flat_images
from ..mechanisms.catalog import name_of
from ..scm import StructuralCausalModel
from ..scm.fitted import require_fitted
from .check import ExportAgreement, Graphs, agreement, check_units
from .graph_files import FORMATS, capture, run_file, write_file
from .onnx_runtime import require_onnx
from .runtime_graphs import AbductGraph, Port, PredictGraph, check_exportable

__all__ = ["DESCRIPTION", "Exported", "describe_files", "export_model"]

DESCRIPTION = "export.json"
DTYPES = {"torch.float32": "float32", "torch.int64": "int64", "torch.bool": "bool"}


@dataclass(frozen=True)
class Exported:
    """The files of an export, and how much their answers differ from the model's.

    Args:
        folder: The folder of all files.
        graphs: The two graphs, ready to run.
        agreement: Their answers next to the model's.
    """

    folder: Path
    graphs: Graphs
    agreement: ExportAgreement


def export_model(
    scm: StructuralCausalModel,
    folder: Path | str,
    *,
    to: str = "onnx",
    factual: Mapping[str, Any] | None = None,
    seed: int = 0,
) -> Exported:
    """Write abduction and prediction of a fitted model as graphs that run without causalgen.

    `abduct` maps observed units to noise, `predict` maps these, noise and interventions to counterfactuals. Inputs and outputs
    have fixed names and natural units; labels are codes, and images `(B, C, H, W)` in their support. `export.json` lists them.

    Args:
        scm: The fitted model.
        folder: Folder for the files; it is created, and files of an earlier export are replaced.
        to: "onnx" or "torch-export" (`torch.export`).
        factual: Complete units on which the export is compared with the model; None for 16 that the model draws.
        seed: Seed of these units and of the random draws of abduction.

    Raises:
        UnknownNameError: Another format.
        NotFittedError: A mechanism is not fitted.
        ExportError: A mechanism that cannot be exported, or answers that differ from the model's by more than 1e-4 of a range.
        ImportError: A package of the extra `onnx` is missing.
        StorageError: A file cannot be written.
    """
    if to not in FORMATS:
        raise UnknownNameError(f"Expected a format among {', '.join(FORMATS)}; got {to!r}." + nearest(to, FORMATS))
    if to == "onnx":
        require_onnx("onnx", "onnxscript", "onnxruntime")
    require_fitted(scm)
    require_flat_images(scm.graph, "an export")
    check_exportable(scm)
    scm.eval()
    folder = Path(folder)
    abduct, predict = AbductGraph(scm), PredictGraph(scm)
    with tempfile.TemporaryDirectory() as scratch:
        written = {name: Path(scratch) / f"{name}{FORMATS[to]}" for name in ("abduct", "predict")}
        graphs: dict[str, AbductGraph | PredictGraph] = {"abduct": abduct, "predict": predict}
        for name, graph in graphs.items():
            try:
                write_file(capture(graph), graph, written[name])
            except ImportError:
                raise
            except Exception as error:
                raise _cannot(scm, to, Path(scratch), error) from error
        units = check_units(scm, factual, seed)
        found = agreement(scm, graphs_in(written, abduct, predict), units, seed)
        found.refuse_difference()
        files = {name: folder / path.name for name, path in written.items()}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for name, path in written.items():
                shutil.copyfile(path, files[name])
        except OSError as error:
            raise no_room(folder, error) from error
    write_whole(folder / DESCRIPTION, json.dumps(_description(scm, to, files, graphs, found), indent=2) + "\n")
    return Exported(folder, graphs_in(files, abduct, predict), found)


def graphs_in(files: Mapping[str, Path], abduct: AbductGraph, predict: PredictGraph) -> Graphs:
    """Return the written graphs, ready to run."""
    return Graphs(abduct, predict, run_file(files["abduct"], abduct), run_file(files["predict"], predict), dict(files))


def describe_files(files: Mapping[str, Path]) -> dict[str, dict[str, Any]]:
    """Describe files: name, size and checksum, by content."""
    return {
        name: {
            "file": path.name,
            "bytes": path.stat().st_size,
            "sha256": sha256_of(path),
        }
        for name, path in files.items()
    }


def _description(
    scm: StructuralCausalModel,
    to: str,
    files: Mapping[str, Path],
    graphs: Mapping[str, AbductGraph | PredictGraph],
    found: ExportAgreement,
) -> dict[str, Any]:
    entries = describe_files(files)
    for name, graph in graphs.items():
        entries[name] |= {
            "inputs": [_port(port, scm.graph) for port in graph.inputs],
            "outputs": [_port(port, scm.graph) for port in graph.outputs],
        }
    return {
        "causalgen": __version__,
        "format": to,
        "graph": scm.graph.to_dict(),
        "mechanisms": {name: name_of(mechanism) for name, mechanism in scm.mechanisms.items()},
        "files": entries,
        "largest difference from the model, share of the range": found.difference,
    }


def _port(port: Port, graph: CausalGraph) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": port.name, "type": DTYPES[str(port.dtype)], "shape": ["batch", *port.shape]}
    if port.law is not None:
        entry["drawn from"] = port.law
    if port.role in ("factual", "do", "counterfactual"):
        entry |= _meaning(graph[port.node])
    return entry


def _meaning(variable: Variable) -> dict[str, Any]:
    """Describe the meaning of a variable's numbers."""
    if variable.labels is not None:
        return {"codes": [str(label) for label in variable.labels]}
    meaning: dict[str, Any] = {}
    if variable.is_image:
        channels = {1: "grey", 3: "red, green, blue"}.get(variable.shape[0], f"{variable.shape[0]} channels")
        meaning["layout"] = f"channels, height, width ({channels})"
    if variable.unit:
        meaning["unit"] = variable.unit
    if variable.support is not None:
        meaning["support"] = [str(b) if abs(b) == float("inf") else b for b in variable.support]
    return meaning


def _cannot(scm: StructuralCausalModel, to: str, scratch: Path, error: Exception) -> ExportError:
    """Return the error that names the first node whose mechanism cannot be exported alone."""
    for name, mechanism in scm.mechanisms.items():
        if not mechanism.parents:
            continue
        alone = CausalGraph(
            [(p, name) for p in scm.graph.parents(name)], [*mechanism.parents.values(), scm.graph[name]]
        )
        try:
            part = StructuralCausalModel(alone, {name: mechanism})
            for graph in (AbductGraph(part), PredictGraph(part)):
                write_file(capture(graph), graph, scratch / f"alone{FORMATS[to]}")
        except CausalgenError:
            raise
        except Exception as reason:
            remedy = "Fit the node" if to == "torch-export" else "Try --to torch-export, or fit the node"
            return ExportError(
                f"Expected a mechanism that can be written as {to}; '{name}' has '{name_of(mechanism)}', which cannot: "
                f"{_first_line(reason)}. {remedy} with another mechanism."
            )
    return ExportError(
        f"Expected a model that can be written as {to}; got: {_first_line(error)}. Report this with the model.json."
    )


def _first_line(error: BaseException) -> str:
    """Return the first line of the message of the original error."""
    while error.__cause__ is not None:
        error = error.__cause__
    text = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
    return text[:200].rstrip(".")
