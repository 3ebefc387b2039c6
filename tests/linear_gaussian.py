"""A linear-Gaussian model, in which every answer has a closed form."""

from causalgen.graph import CausalGraph, Variable
from causalgen.scm import StructuralCausalModel

__all__ = ["linear_gaussian"]


def linear_gaussian() -> StructuralCausalModel:
    """a = e_a; b = 1 + 2 a + .5 e_b; c = -1 + .5 a - 1.5 b + .8 e_c."""
    graph = CausalGraph("a -> b -> c; a -> c", [Variable(n, "continuous") for n in "abc"])
    model = StructuralCausalModel(graph, dict.fromkeys("abc", "linear-gaussian")).double()
    model.mechanisms["a"].set(0.0, {}, 1.0)
    model.mechanisms["b"].set(1.0, {"a": 2.0}, 0.5)
    model.mechanisms["c"].set(-1.0, {"a": 0.5, "b": -1.5}, 0.8)
    return model
