"""The rows of a split as training reads them: attributes checked and on the device, images as stored."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..datasets import Dataset
from ..datasets.table.index import Missing
from ..errors import DataError, MissingValueError
from ..graph import Variable
from ..scm import StructuralCausalModel
from ..scm.values import as_tensor, channels_first
from .holes import Rows, read_cells

__all__ = ["check_variation", "rows_of"]

PIECE = 4096
"""Number of images checked at a time: all of them may not fit in memory as floats."""


def rows_of(scm: StructuralCausalModel, data: Dataset | Mapping[str, Any], split: str, missing: Missing) -> Rows:
    """Return the columns of a split on the model's device: attributes checked and in its dtype, images as stored."""
    values: Mapping[str, Any] = data.whole(split) if isinstance(data, Dataset) else data[split]
    holes = bool(data.incomplete) if isinstance(data, Dataset) else missing == "model"
    absent = [name for name in scm.graph.nodes if name not in values]
    if absent:
        raise MissingValueError(f"Expected a column for every node; got none for {', '.join(absent)}. Add them.")
    like, graph = scm.like, scm.graph
    images = {name: _images(graph[name], values[name], like) for name in graph.nodes if graph[name].is_image}
    read = {name: read_cells(scm, name, values[name], split) if holes else (scm.tensor(name, values[name]), None)
            for name in graph.attributes}  # fmt: skip
    columns = {name: images[name] if name in images else read[name][0] for name in graph.nodes}
    sizes = {name: len(column) for name, column in columns.items()}
    if len(set(sizes.values())) > 1:
        raise DataError(f"Expected columns of one length; got {sizes}.")
    if like.is_cuda and sum(t.nbytes for t in images.values()) < torch.cuda.mem_get_info(like.device)[0] / 2:
        columns |= {name: tensor.to(like.device) for name, tensor in images.items()}
    return Rows(columns, {name: known for name, (_, known) in read.items() if known is not None})


def _images(variable: Variable, value: Any, like: Tensor) -> Tensor:
    """Return checked images: bytes stay in place, other numbers are converted to the model's dtype."""
    if isinstance(value, np.ndarray) and value.dtype == np.uint8:
        value = torch.as_tensor(value)
    if not isinstance(value, Tensor) or value.dtype != torch.uint8:
        return as_tensor(variable, value, like.cpu())
    value = channels_first(variable, value)
    for part in value.split(PIECE) if len(value) else (value,):
        as_tensor(variable, part, like)
    return value


def check_variation(scm: StructuralCausalModel, train: Rows) -> None:
    """Raise `DataError` if an attribute is constant in the training split."""
    for name in scm.graph.attributes:
        values = train.values[name][train.knowing([name])]
        if values.unique().numel() < 2:
            raise DataError(
                f"Expected '{name}' to vary in the training split; got the constant {float(values.flatten()[0]):g}. "
                "Remove it from the graph."
            )
