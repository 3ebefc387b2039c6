"""The source of a column (assigned, measured or predicted), and estimates that correct for it."""

from .declare import Column, marked_rows, with_proxies
from .estimate import estimate_with_proxies

__all__ = ["Column", "estimate_with_proxies", "marked_rows", "with_proxies"]
