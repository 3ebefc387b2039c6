"""Refuses volumes where only two-dimensional images are supported."""

from ..errors import DataError
from .graph import CausalGraph

__all__ = ["require_flat_images"]


def require_flat_images(graph: CausalGraph, what: str) -> None:
    """Refuse a graph with a volume.

    Args:
        graph: The graph.
        what: What supports only images, such as "an audit".

    Raises:
        DataError: The graph has a volume.
    """
    for name in graph.images:
        if graph[name].is_volume:
            raise DataError(
                f"Expected images of two dimensions for {what}; got the volume '{name}' of shape {graph[name].shape}. A model "
                "of one slice of each volume answers this: declare `slice: [axial, 0.5]` in place of `volume: true`."
            )
