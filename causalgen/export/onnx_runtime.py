"""The only module that imports onnxruntime, and that needs onnx and onnxscript: the extra `onnx`."""

import logging
import math
import shutil
from collections.abc import Iterable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

__all__ = ["half_weights", "int8", "onnx_program", "open_onnx", "require_onnx"]

OPSET = 18
NETWORK = ("Conv", "ConvTranspose", "Gemm", "MatMul")
"""Operators with nearly all weights and arithmetic; the rest stays in single precision."""
LARGE = 5_000
"""Least weights of a layer that is computed with 8-bit integers. Smaller layers hold few of the weights, but attributes,
interventions and pixels pass through them."""


def require_onnx(*names: str) -> None:
    """Raise an error early if a package of the extra is missing.

    Raises:
        ImportError: A package is missing.
    """
    missing = [name for name in names if find_spec(name) is None]
    if missing:
        raise ImportError(
            f"Expected {' and '.join(missing)} for ONNX files; not installed. Run: pip install 'causalgen[onnx]'"
        )


def open_onnx(path: Path) -> Any:
    """Open a session of onnxruntime on the CPU.

    Raises:
        ImportError: onnxruntime is missing.
    """
    try:
        import onnxruntime
    except ImportError:
        raise ImportError(
            "Expected onnxruntime, which reads ONNX files; it is not installed. Run: pip install 'causalgen[onnx]'"
        ) from None
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # log fatal errors only: failures are raised
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def onnx_program(program: torch.export.ExportedProgram, inputs: Sequence[str], outputs: Sequence[str]) -> Any:
    """Convert a captured graph to an ONNX program with these names."""
    return torch.onnx.export(
        program,
        dynamo=True,
        opset_version=OPSET,
        input_names=list(inputs),
        output_names=list(outputs),
        custom_translation_table={torch.ops.aten.nextafter.default: _next_after},
        verbose=False,
    )


def half_weights(source: Path, target: Path) -> None:
    """Write a graph that stores the weights of its convolutions and linear layers in half precision, and computes in single."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    model = onnx.load(source)
    graph = model.graph
    used = {name for node in graph.node if node.op_type in NETWORK for name in node.input}
    casts = []
    for weight in graph.initializer:
        if weight.name in used and weight.data_type == TensorProto.FLOAT:
            name, stored = weight.name, f"{weight.name}.half"
            weight.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weight).astype(np.float16), stored))
            casts.append(helper.make_node("Cast", [stored], [name], f"{name}.cast", to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.save(model, target)


def int8(source: Path, target: Path, batches: Iterable[dict[str, NDArray]]) -> None:
    """Write a graph whose large convolutions and linear layers compute with 8-bit integers.

    Args:
        source: The graph.
        target: The file to write.
        batches: Inputs of typical units, from which the ranges of all layers are estimated.
    """
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    layers = _large_layers(source)
    if not layers:  # an empty list would mean all
        shutil.copyfile(source, target)
        return

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            self.rest: Iterator[dict[str, NDArray]] = iter(batches)

        def get_next(self) -> dict[str, NDArray] | None:
            return next(self.rest, None)

    logging.disable(logging.WARNING)  # it recommends a step that has no effect here
    try:
        quantize_static(
            str(source),
            str(target),
            Reader(),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=list(NETWORK),
            nodes_to_quantize=layers,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
    finally:
        logging.disable(logging.NOTSET)


def _large_layers(path: Path) -> list[str]:
    import onnx

    graph = onnx.load(path).graph
    large = {weight.name for weight in graph.initializer if math.prod(weight.dims) >= LARGE}
    return [node.name for node in graph.node if node.op_type in NETWORK and large.intersection(node.input)]


def _next_after(value: Any, towards: Any) -> Any:
    """ONNX has no `nextafter`: a neighbour at most two units in the last place away, which lies on the same side."""
    from onnxscript import opset18 as op

    step = op.Max(op.Mul(op.Abs(value), 2.0**-23), 2.0**-126)
    return op.Where(op.Greater(towards, value), op.Add(value, step), op.Sub(value, step))
