"""Smaller copies of an ONNX export, and their cost: size, seconds and error of the counterfactual images."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import DataError, UnknownNameError
from ..graph import CausalGraph
from ..nn import seeded
from ..scm import StructuralCausalModel
from .check import Graphs, random_numbers
from .graph_files import FORMATS, run_file
from .onnx_runtime import half_weights, int8

__all__ = ["PRECISIONS", "ExportQuestion", "compare", "shrink"]

PRECISIONS = ("half", "int8")
"""Precisions of smaller copies."""
BATCH = 32
"""Units in a batch of calibration."""
REPEATS = 5
"""Number of timed repetitions, of which the fastest counts."""


@dataclass(frozen=True)
class ExportQuestion:
    """Units, and interventions on them.

    Args:
        factual: Observed values `(B, ...)` by node, codes and natural units.
        do: Values `(B,)` by node.
        truth: True counterfactual values by node; None if the generator is unknown.
    """

    factual: dict[str, Tensor]
    do: dict[str, Tensor]
    truth: Mapping[str, Tensor] | None = None


def shrink(
    scm: StructuralCausalModel, graphs: Graphs, precision: str, calibration: Sequence[ExportQuestion], seed: int
) -> Graphs:
    """Write a copy of both files with a lower precision of convolutions and linear layers.

    "half" stores their weights in half precision and computes in single precision; "int8" stores and computes with
    8-bit integers.

    Args:
        scm: The model.
        graphs: An ONNX export.
        precision: "half" or "int8".
        calibration: Typical questions, from which the ranges of all layers are estimated for "int8".
        seed: Seed of the random draws of abduction.

    Raises:
        UnknownNameError: Another precision.
        DataError: The export is not ONNX.
    """
    if precision not in PRECISIONS:
        raise UnknownNameError(f"Expected a precision among {', '.join(PRECISIONS)}; got {precision!r}.")
    if any(path.suffix != FORMATS["onnx"] for path in graphs.files.values()):
        raise DataError("Expected an ONNX export to shrink; got another format. Export with to='onnx'.")
    files: dict[str, Path] = {}
    for name, path in graphs.files.items():
        files[name] = path.with_name(f"{name}.{precision}{path.suffix}")
        if precision == "half":
            half_weights(path, files[name])
        else:
            graph = graphs.abduct if name == "abduct" else graphs.predict
            inputs = [port.name for port in graph.inputs]
            batches = ({key: given[key] for key in inputs} for given in _inputs(scm, graphs, calibration, seed))
            int8(path, files[name], batches)
    run_abduct, run_predict = run_file(files["abduct"], graphs.abduct), run_file(files["predict"], graphs.predict)
    return replace(graphs, run_abduct=run_abduct, run_predict=run_predict, files=files)


def compare(
    scm: StructuralCausalModel, variants: Mapping[str, Graphs], questions: Sequence[ExportQuestion], seed: int
) -> pd.DataFrame:
    """Compare size, speed and error of exports, one row each; the first is the reference.

    Columns: precision; bytes (of both files); milliseconds (per unit, for abduction and prediction, with the questions in
    the given batches); error (mean absolute difference of the images to the true counterfactuals, or to the reference's
    if there is no truth; in the unit of the pixels, such as grey levels); change (of the error, relative to the
    reference's; NaN without truth); labels (share of attribute values that differ from the reference's).
    """
    graph = scm.graph
    known = all(question.truth is not None for question in questions)
    first = next(iter(variants.values()))
    random = [_random(scm, first, question, seed) for question in questions]
    reference = [first.counterfactual(q.factual, q.do, r) for q, r in zip(questions, random)]
    rows = []
    for name, graphs in variants.items():
        seconds, answers = _timed(graphs, questions, random)
        wanted = [q.truth for q in questions] if known else reference
        rows.append(
            {
                "precision": name,
                "bytes": sum(path.stat().st_size for path in graphs.files.values()),
                "milliseconds": 1e3 * seconds / sum(len(next(iter(q.factual.values()))) for q in questions),
                "error": _error(graph, answers, wanted),  # type: ignore[arg-type]
                "labels": _other_labels(graph, answers, reference),
            }
        )
    table = pd.DataFrame(rows)
    table.insert(4, "change", table["error"] / table["error"].iloc[0] - 1 if known else np.nan)
    return table


def _inputs(
    scm: StructuralCausalModel, graphs: Graphs, questions: Sequence[ExportQuestion], seed: int
) -> Iterator[dict[str, NDArray]]:
    """Inputs of both graphs, in batches."""
    for question in questions:
        random = _random(scm, graphs, question, seed)
        units = len(next(iter(question.factual.values())))
        for start in range(0, units, BATCH):
            part = slice(start, start + BATCH)
            yield graphs.arrays(
                {name: value[part] for name, value in question.factual.items()},
                {name: value[part] for name, value in question.do.items()},
                {name: value[part] for name, value in random.items()},
            )


def _random(scm: StructuralCausalModel, graphs: Graphs, question: ExportQuestion, seed: int) -> dict[str, Tensor]:
    with seeded(seed, torch.device("cpu")):
        return random_numbers(scm, graphs.abduct.random, len(next(iter(question.factual.values()))))


def _timed(
    graphs: Graphs, questions: Sequence[ExportQuestion], random: Sequence[Mapping[str, Tensor]]
) -> tuple[float, list[dict[str, NDArray]]]:
    """The fastest of some repetitions, in seconds, and the answers."""
    fastest, answers = float("inf"), []
    for _ in range(REPEATS):
        began = time.perf_counter()
        answers = [graphs.counterfactual(q.factual, q.do, r) for q, r in zip(questions, random)]
        fastest = min(fastest, time.perf_counter() - began)
    return fastest, answers


def _error(
    graph: CausalGraph, answers: Sequence[Mapping[str, NDArray]], wanted: Sequence[Mapping[str, NDArray]]
) -> float:
    """Mean absolute difference of all pixels."""
    pairs = [(a[name], np.asarray(w[name])) for a, w in zip(answers, wanted) for name in graph.images]
    return float(np.mean([np.abs(found - true).mean() for found, true in pairs])) if pairs else float("nan")


def _other_labels(
    graph: CausalGraph, answers: Sequence[Mapping[str, NDArray]], reference: Sequence[Mapping[str, NDArray]]
) -> float:
    names = [name for name in graph.nodes if graph[name].is_discrete]
    shares = [(a[name] != r[name]).mean() for a, r in zip(answers, reference) for name in names]
    return float(np.mean(shares)) if shares else 0.0
