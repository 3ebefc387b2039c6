"""User data: attributes in a table, images in files, arrays or a PyTorch dataset."""

from typing import TYPE_CHECKING

from ...on_use import load_on_use

if TYPE_CHECKING:
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

# Images need torch; a table alone is read without.
load_on_use(
    __name__,
    {
        "DataFaultsError": "faults",
        "Fault": "faults",
        "TableIndex": "index",
        "describe_columns": "columns",
        "from_arrays": "arrays",
        "from_torch": "arrays",
        "index_table": "index",
        "load_index": "load",
        "load_table": "load",
        "read_table": "reading",
    },
)
