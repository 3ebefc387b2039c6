"""User data: attributes in a table, images in files, arrays or a PyTorch dataset."""

from .arrays import from_arrays, from_torch
from .columns import describe_columns
from .faults import DataFaultsError, Fault
from .index import TableIndex, index_table
from .load import load_index, load_table
from .reading import read_table

__all__ = [
    "DataFaultsError",
    "Fault",
    "TableIndex",
    "describe_columns",
    "from_arrays",
    "from_torch",
    "index_table",
    "load_index",
    "load_table",
    "read_table",
]
