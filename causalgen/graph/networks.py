"""GML and GraphML, through networkx."""

from xml.etree.ElementTree import ParseError

import networkx as nx

from ..errors import GraphError
from .annotated import AnnotatedGraph, Attributes

__all__ = ["read_gml", "read_graphml", "write_gml", "write_graphml"]

FAULTS = (nx.NetworkXException, ParseError, ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError)
"""Errors that networkx raises for a malformed text."""


def read_gml(text: str) -> AnnotatedGraph:
    """Names and arrows of a graph in GML; a node is named by its label.

    Raises:
        GraphError: The text is malformed, or its edges have no direction.

    >>> read_gml('graph [directed 1 node [id 0 label "x"] node [id 1 label "y"] edge [source 0 target 1]]').edges
    [('x', 'y', {})]
    """
    try:
        network = nx.parse_gml(text)
    except FAULTS as error:
        raise _malformed("GML", error) from None
    return _annotated(network, "'directed 1'")


def read_graphml(text: str) -> AnnotatedGraph:
    """Names and arrows of a graph in GraphML; a node is named by its name (igraph) or label (yEd), else by its id.

    A document type is refused: it can define entities that expand without bound or refer to other files.

    Raises:
        GraphError: The text is malformed, has a document type, or its edges have no direction.
    """
    if "<!DOCTYPE" in text:
        raise GraphError("Expected GraphML without a document type; got <!DOCTYPE. Remove it.")
    try:
        network = nx.parse_graphml(text)
        names = {node: data.get("name") or data.get("label") or node for node, data in network.nodes(data=True)}
        if len(set(names.values())) < len(names):
            raise ValueError("two nodes have the same name")
        network = nx.relabel_nodes(network, names)
    except FAULTS as error:
        raise _malformed("GraphML", error) from None
    return _annotated(network, 'edgedefault="directed"')


def write_gml(annotated: AnnotatedGraph) -> str:
    """The graph in GML."""
    return "\n".join([*nx.generate_gml(_network(annotated)), ""])


def write_graphml(annotated: AnnotatedGraph) -> str:
    """The graph in GraphML."""
    return "\n".join([*nx.generate_graphml(_network(annotated)), ""])


def _network(annotated: AnnotatedGraph) -> nx.MultiDiGraph:
    network = nx.MultiDiGraph()
    network.add_nodes_from(annotated.nodes.items())
    network.add_edges_from(annotated.edges)
    return network


def _annotated(network: nx.Graph, remedy: str) -> AnnotatedGraph:
    if not network.is_directed():
        raise GraphError(
            f"Expected a directed graph; got one whose edges have no direction. If they have one, write {remedy}."
        )
    nodes = {str(node): _texts(data) for node, data in network.nodes(data=True)}
    return AnnotatedGraph(nodes, [(str(a), str(b), _texts(data)) for a, b, data in network.edges(data=True)])


def _texts(data: dict) -> Attributes:
    return {str(key): str(value) for key, value in data.items()}


def _malformed(what: str, error: Exception) -> GraphError:
    return GraphError(
        f"Expected a graph in {what}; it cannot be read: {str(error).rstrip('.') or type(error).__name__}."
    )
