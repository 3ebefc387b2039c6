"""Check a study against its graph before anything is trained; every fault names its line."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from ..errors import CausalgenError, DataError, StudyError
from ..grammar import check_value, compared_worlds, read_intervention
from ..graph import CausalGraph, Estimand, Variable, identify
from .measurements import measurement_of
from .schema import GROUP, Curve, Effect, Study
from .scores import reader, with_score
from .yaml_source import Loc

if TYPE_CHECKING:
    from ..mechanisms import Mechanism

__all__ = ["check_study"]

Check = tuple[Loc, Callable[[], Any]]


def check_study(study: Study, graph: CausalGraph) -> None:
    """Check names, values, mechanisms and effects of a study.

    Raises:
        StudyError: One line for every fault, with the line of the study.
    """
    faults: list[tuple[Loc, str]] = []
    for loc, check in _checks(study, graph):
        try:
            check()
        except (CausalgenError, ValueError, TypeError, RuntimeError) as error:
            faults.append((loc, str(error)))
    if faults:
        raise StudyError("\n".join(str(study.error(loc, message)) for loc, message in faults))


def _checks(study: Study, graph: CausalGraph) -> Iterator[Check]:
    """Every check with its entry, in the order of the file."""
    yield ("data", "name"), partial(_no_hidden_confounding, graph)
    for name in study.mechanisms:
        yield ("mechanisms", name), partial(_build, study, graph, name)
    if study.training.tuning is not None:
        yield ("training", "tuning"), partial(_tunable, study, graph)
    for name in study.measurements:
        yield ("measurements", name), partial(_measurement, study, graph, name)
    for name in study.scores:
        yield ("scores", name), partial(_score, study, graph, name)
    for i, query in enumerate(study.evaluation.queries):
        for name in query:
            yield ("evaluation", "queries", i), partial(_attribute, graph, name)
    for name in study.evaluation.classify or ():
        yield ("evaluation", "classify"), partial(_classified, graph, name)
    for name in study.evaluation.regress or ():
        yield ("evaluation", "regress"), partial(_regressed, study, graph, name)
    for i, item in enumerate(study.gallery):
        for name, value in item.do.items():
            yield ("gallery", i, "do", name), partial(read_intervention, graph, name, value)
    for i, curve in enumerate(study.curves):
        yield ("curves", i, "node"), partial(_attribute, graph, curve.node)
        yield ("curves", i, "outcome"), partial(_response, study, graph, curve)
    for i, effect in enumerate(study.effects):
        yield from _effect_checks(study, graph, ("effects", i), effect)


def _effect_checks(study: Study, graph: CausalGraph, loc: Loc, effect: Effect) -> Iterator[Check]:
    graph = with_score(study, graph, effect.outcome)
    for name in effect.treatments:
        yield (*loc, "treatment"), partial(_attribute, graph, name)
    yield (*loc, "outcome"), partial(_numeric, graph, effect.outcome, "outcome")
    asked = (*effect.treatments, effect.outcome)
    if all(name in graph and not graph[name].is_image for name in asked):
        yield loc, partial(_identified, graph, effect)
        for do in compared_worlds(effect.treatment, effect.contrast):
            for name, value in do.items():
                yield (*loc, "contrast"), partial(_value, graph, name, value)
        if effect.methods is not None:
            yield (*loc, "methods"), partial(_methods, effect, graph)
    if effect.cluster not in (None, GROUP):
        yield (*loc, "cluster"), partial(_attribute, graph, effect.cluster)
    if effect.weights is not None:
        yield (*loc, "weights"), partial(_weights, graph, effect.weights)
    if effect.negative_controls and len(effect.treatments) > 1:
        yield (*loc, "negative_controls"), partial(_one_treatment, effect)
    for name in effect.negative_controls:
        yield (*loc, "negative_controls"), partial(_attribute, graph, name)


def _one_treatment(effect: Effect) -> None:
    raise DataError(
        f"Expected negative controls for one treatment; the effect is of {', '.join(effect.treatments)}. Leave them out, or "
        "ask for an effect of each."
    )


def _identified(graph: CausalGraph, effect: Effect) -> Estimand:
    if isinstance(effect.treatment, str) and effect.adjustment is None and effect.instrument is None:
        return identify(graph, treatment=effect.treatment, outcome=effect.outcome)
    from ..effects.find_estimand import find_estimand

    attributes = graph.project([name for name in graph.nodes if not graph[name].is_image])
    return find_estimand(
        attributes, effect.treatment, effect.outcome, adjustment=effect.adjustment, instrument=effect.instrument
    )


def _no_hidden_confounding(graph: CausalGraph) -> None:
    from ..scm import StructuralCausalModel

    if graph.confounded:
        StructuralCausalModel(graph)  # the message gives the reason and a remedy


def _build(study: Study, graph: CausalGraph, name: str) -> None:
    graph.require(name)
    _mechanism(study, graph, name)


def _mechanism(study: Study, graph: CausalGraph, name: str) -> "Mechanism":
    """The mechanism of a node before training."""
    from ..mechanisms import build
    from ..mechanisms.catalog import mechanism_class

    options = dict(study.mechanisms.get(name, {}))
    word = mechanism_class(options.pop("mechanism", None), name, trust_code=study.trust_code)
    return build(word, graph[name], {p: graph[p] for p in graph.parents(name)}, options)


def _attribute(graph: CausalGraph, name: str) -> Variable:
    if graph[name].is_image:
        raise DataError(f"Expected an attribute; got the image '{name}'.")
    return graph[name]


def _value(graph: CausalGraph, name: str, value: Any) -> None:
    check_value(graph[name], value)


def _numeric(graph: CausalGraph, name: str, role: str) -> None:
    kind = _attribute(graph, name).kind
    if kind not in ("continuous", "binary"):
        raise DataError(f"Expected a continuous or binary {role}; '{name}' is {kind}.")


def _weights(graph: CausalGraph, name: str) -> None:
    if _attribute(graph, name).kind != "continuous":
        raise DataError(f"Expected a continuous attribute as sampling weights; '{name}' is {graph[name].kind}.")


def _methods(effect: Effect, graph: CausalGraph) -> None:
    from ..effects.estimators.methods import choose_methods  # loads DoWhy, which a study without methods does not need

    estimand = _identified(graph, effect)
    kinds = {graph[name].kind for name in effect.treatments}
    joint = (
        "continuous" if "continuous" in kinds else "categorical"
    )  # of discrete treatments, the cells of their product
    choose_methods(
        effect.methods,
        str(kinds.pop()) if len(effect.treatments) == 1 else joint,
        ", ".join(effect.treatments),
        identified=estimand.method if estimand.method != "no effect" else "backdoor",
        population=effect.population,
    )


def _response(study: Study, graph: CausalGraph, curve: Curve) -> None:
    _numeric(graph, curve.outcome, "outcome")
    if curve.outcome == curve.node and curve.outcome not in study.measurements:
        raise DataError(
            f"Expected an outcome that can differ from '{curve.node}'; got the same node without a measurement. "
            f"Add '{curve.node}' to the measurements, or name another outcome."
        )


def _tunable(study: Study, graph: CausalGraph) -> None:
    from ..mechanisms import Abductive

    images = [node for node in graph.nodes if graph[node].is_image]
    if not images:
        raise DataError("Expected an image to fine-tune; got a graph without one. Remove the tuning.")
    mechanism = _mechanism(study, graph, images[0])
    if not isinstance(mechanism, Abductive):
        raise DataError(
            f"Expected a mechanism with counterfactuals to fine-tune; '{images[0]}' has {type(mechanism).__name__}. "
            "Choose another mechanism, or remove the tuning."
        )


def _score(study: Study, graph: CausalGraph, name: str) -> None:
    score = study.scores[name]
    images = [node for node in graph.nodes if graph[node].is_image]
    if name in graph:
        raise DataError(f"Expected a new name for a score; '{name}' is a node of the graph. Rename the score.")
    if not images:
        raise DataError("Expected an image to read a score from; got a graph without one. Remove the scores.")
    for attribute in score.shows:
        if attribute not in graph or graph[attribute].is_image:
            attributes = ", ".join(node for node in graph.nodes if not graph[node].is_image)
            raise DataError(f"Expected `shows` to name an attribute among {attributes}; got '{attribute}'.")
    if score.image is not None and score.image not in images:
        raise DataError(f"Expected an image among {', '.join(images)}; got '{score.image}'.")
    reader(study, name)


def _measurement(study: Study, graph: CausalGraph, name: str) -> None:
    if not any(variable.is_image for variable in graph.variables.values()):
        raise DataError("Expected an image to measure on; got a graph without one. Remove the measurements.")
    if _attribute(graph, name).kind != "continuous":
        raise DataError(f"Expected a continuous attribute to measure on the image; '{name}' is {graph[name].kind}.")
    measurement_of(study, name)


def _classified(graph: CausalGraph, name: str) -> None:
    if not _attribute(graph, name).is_discrete:
        raise DataError(f"Expected a discrete attribute to classify; '{name}' is {graph[name].kind}.")
    if not any(graph[child].is_image for child in graph.children(name)):
        raise DataError(f"Expected a parent of an image to classify; got '{name}'.")


def _regressed(study: Study, graph: CausalGraph, name: str) -> None:
    if _attribute(graph, name).kind != "continuous":
        raise DataError(f"Expected a continuous attribute to regress; '{name}' is {graph[name].kind}. Classify it.")
    if not any(graph[child].is_image for child in graph.children(name)):
        raise DataError(f"Expected a parent of an image to regress; got '{name}'.")
    if name in study.measurements:
        raise DataError(
            f"Expected an attribute without a measurement to regress; '{name}' has one. Remove one of the two."
        )
