"""A page on this machine to explore the model of a run: units, interventions, and their consequences."""

from .explorer import Explorer
from .static_page import write_static_page

__all__ = ["Explorer", "write_static_page"]
