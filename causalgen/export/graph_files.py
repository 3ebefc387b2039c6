"""Writes a graph in the format of another runtime, and runs the written file.

onnx         opset 18, read by onnxruntime and by most other runtimes
torch-export `torch.export.load(path).module()`, PyTorch without causalgen
"""

import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .onnx_runtime import onnx_program, open_onnx
from .runtime_graphs import AbductGraph, PredictGraph

__all__ = ["FORMATS", "Runner", "capture", "run_file", "write_file"]

FORMATS = {"onnx": ".onnx", "torch-export": ".pt2"}
"""Suffix of the files, by format."""
EXAMPLES = 3
"""Number of units in the example from which a graph is captured: a batch of one would be captured as a constant."""

Runner = Callable[[Mapping[str, NDArray]], dict[str, NDArray]]
"""Runs a written graph: arrays by the names of its inputs to arrays by the names of its outputs."""


def capture(graph: AbductGraph | PredictGraph) -> torch.export.ExportedProgram:
    """Capture the operations of a graph, for batches of any size."""
    example = tuple(torch.zeros(EXAMPLES, *port.shape, dtype=port.dtype) for port in graph.inputs)
    batch = torch.export.Dim("batch", min=1)
    with _quiet(), torch.no_grad():
        # Not strict, which takes twice as long; len(tensor) becomes a constant there, so mechanisms write tensor.shape[0].
        return torch.export.export(graph.eval(), example, dynamic_shapes=(tuple({0: batch} for _ in example),))


def write_file(program: torch.export.ExportedProgram, graph: AbductGraph | PredictGraph, path: Path) -> None:
    """Write a captured graph; the suffix of the path decides the format."""
    with _quiet():
        if path.suffix == FORMATS["onnx"]:
            onnx_program(program, [p.name for p in graph.inputs], [p.name for p in graph.outputs]).save(path)
        else:
            torch.export.save(program, path)


def run_file(path: Path, graph: AbductGraph | PredictGraph) -> Runner:
    """Return a function that runs a written graph on the CPU."""
    inputs, outputs = [port.name for port in graph.inputs], [port.name for port in graph.outputs]
    if path.suffix == FORMATS["onnx"]:
        session = open_onnx(path)
        return lambda given: dict(zip(outputs, session.run(outputs, {name: given[name] for name in inputs})))
    module = torch.export.load(path).module()

    def run(given: Mapping[str, NDArray]) -> dict[str, NDArray]:
        with torch.no_grad():
            results = module(*(torch.as_tensor(given[name]) for name in inputs))
        return {name: _array(result) for name, result in zip(outputs, results)}

    return run


def _array(tensor: Tensor) -> NDArray[Any]:
    return np.asarray(tensor.detach())


@contextmanager
def _quiet() -> Iterator[None]:
    """Suppress the exporter's own log and warnings; a failure becomes one message."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "torch.export", "onnxscript", "torch._dynamo")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels):
            logger.setLevel(level)
