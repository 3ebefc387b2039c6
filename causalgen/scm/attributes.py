"""Parts of a model that can answer on their own."""

from collections.abc import Iterable

from .model import StructuralCausalModel

__all__ = ["ancestral_model", "attribute_model"]


def attribute_model(scm: StructuralCausalModel) -> StructuralCausalModel:
    """The same model without its images, if nothing depends on them; queries about attributes run much faster on it.

    A model in which an attribute has an image parent is returned unchanged.
    """
    graph = scm.graph
    if any(graph.children(name) for name in graph.nodes if graph[name].is_image):
        return scm
    return ancestral_model(scm, [name for name in graph.nodes if not graph[name].is_image])


def ancestral_model(scm: StructuralCausalModel, nodes: Iterable[str]) -> StructuralCausalModel:
    """The same mechanisms on `nodes` and their ancestors: its answers about these are those of the whole model.

    Raises:
        UnknownNameError: A name is not a node.
    """
    kept = {ancestor for name in nodes for ancestor in (name, *scm.graph.ancestors(name))}
    part = scm.graph.project([name for name in scm.graph.nodes if name in kept])
    small = StructuralCausalModel(part, {name: scm.mechanisms[name] for name in part.nodes})
    # The mechanisms are shared, the supports are modules of each model.
    for name, support in small.supports.items():
        support.load_state_dict(scm.supports[name].state_dict())
    small.tempering = scm.tempering
    return small
