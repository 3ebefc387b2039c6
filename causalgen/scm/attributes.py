"""The attributes of a model without its images."""

from .model import StructuralCausalModel

__all__ = ["attribute_model"]


def attribute_model(scm: StructuralCausalModel) -> StructuralCausalModel:
    """The same mechanisms without the images, where nothing depends on them: it answers about attributes much faster.

    A model in which an attribute has an image among its parents is returned as it is.
    """
    graph = scm.graph
    if any(graph.children(name) for name in graph.nodes if graph[name].is_image):
        return scm
    attributes = graph.project([name for name in graph.nodes if not graph[name].is_image])
    small = StructuralCausalModel(attributes, {name: scm.mechanisms[name] for name in attributes.nodes})
    for name, support in small.supports.items():
        support.load_state_dict(scm.supports[name].state_dict())
    return small
