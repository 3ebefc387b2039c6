"""Check a study against its graph before anything is trained; every fault names its line."""

from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from ..errors import CausalgenError, DataError, NotIdentifiableError, StudyError, SupportError
from ..grammar import check_value, compared_worlds, read_intervention
from ..grammar.outcome_labels import find_outcome_labels
from ..graph import CausalGraph, Estimand, Variable, identify, identify_nested
from ..graph.volumes import require_flat_images
from .audit_section import Audit
from .data_section import Source
from .image_readers import find_score, with_score
from .measurements import find_measurement
from .schema import Study
from .study_sections import GROUP, Curve, Effect, Measured, Mediation, Score
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
        except (CausalgenError, ImportError, ValueError, TypeError, RuntimeError) as error:
            faults.append((loc, str(error)))
    if faults:
        raise StudyError("\n".join(str(study.error(loc, message)) for loc, message in faults))


def _checks(study: Study, graph: CausalGraph) -> Iterator[Check]:
    """Every check with its entry, in the order of the file."""
    build = partial(_mechanism, graph, trust_code=study.trust_code)
    yield ("data", "name"), partial(_no_hidden_confounding, graph)
    for name, mechanism in study.mechanisms.items():
        yield ("mechanisms", name), partial(build, name, mechanism)
    if study.training.tuning is not None:
        yield ("training", "tuning"), partial(_tunable, graph, study.mechanisms, build)
    if study.training.privacy is not None:
        yield from _privacy_checks(study, graph, build)
    for name, measured in study.measured.items():
        yield ("measurements", name), partial(_measurement, graph, name, measured, trust_code=study.trust_code)
    for name, score in study.scores.items():
        yield ("scores", name), partial(_score, graph, name, score, trust_code=study.trust_code)
    for i, query in enumerate(study.evaluation.queries):
        for name in query:
            yield ("evaluation", "queries", i), partial(_attribute, graph, name)
    for name in study.evaluation.classify or ():
        yield ("evaluation", "classify"), partial(_classified, graph, name)
    for name in study.evaluation.regress or ():
        yield ("evaluation", "regress"), partial(_regressed, graph, name, study.measurements)
    for i, item in enumerate(study.gallery):
        for name, value in item.do.items():
            yield ("gallery", i, "do", name), partial(read_intervention, graph, name, value)
    for i, curve in enumerate(study.curves):
        yield ("curves", i, "node"), partial(_attribute, graph, curve.node)
        yield ("curves", i, "outcome"), partial(_response, graph, curve, study.measurements)
    for i, effect in enumerate(study.effects):
        with_outcome, outcome = _with_outcome(study, graph, effect.outcome)
        renamed = effect.model_copy(update={"outcome": outcome})
        yield from _effect_checks(with_outcome, ("effects", i), renamed, study.data)
        if effect.proxies or effect.missing != "drop":
            entry = "proxies" if effect.proxies else "missing"
            yield ("effects", i, entry), partial(_every_row, effect, study)
    for i, asked in enumerate(study.mediation):
        with_outcome, outcome = _with_outcome(study, graph, asked.outcome)
        nested = asked.model_copy(update={"outcome": outcome})
        yield from _mediation_checks(with_outcome, ("mediation", i), nested, modelled=outcome in graph)
        if asked.missing != "drop":
            yield ("mediation", i, "missing"), partial(_imputed, asked, study, attribute=outcome in graph)
    for i, audit in enumerate(study.audit):
        yield from _audit_checks(graph, ("audit", i), audit, trust_code=study.trust_code)


def _with_outcome(study: Study, graph: CausalGraph, outcome: str) -> tuple[CausalGraph, str]:
    """The graph with the outcome as a node, where it is a score or `attribute=label`, and the node's name."""
    with suppress(DataError, SupportError):  # reported at the outcome itself
        if (label := find_outcome_labels(graph, outcome)) is not None:
            return label.graph(graph), label.name
    read = study.scores.get(outcome)
    if read is None or outcome in graph or not graph.images:
        return graph, outcome
    return with_score(graph, outcome, read.image or graph.images[0]), outcome


def _effect_checks(graph: CausalGraph, loc: Loc, effect: Effect, data: Source) -> Iterator[Check]:
    for name in effect.treatments:
        yield (*loc, "treatment"), partial(_attribute, graph, name)
    yield (*loc, "outcome"), partial(_outcome, graph, effect.outcome)
    asked = (*effect.treatments, effect.outcome)
    if all(name in graph and not graph[name].is_image for name in asked):
        yield loc, partial(_identified, graph, effect)
        for do in compared_worlds(effect.treatment, effect.contrast):
            for name, value in do.items():
                yield (*loc, "contrast"), partial(_value, graph, name, value)
        if effect.methods is not None:
            yield (*loc, "methods"), partial(_methods, effect, graph)
        if effect.by or effect.doses is not None or effect.units or effect.proxies or effect.target is not None:
            yield from _further_checks(graph, loc, effect, data)
    if effect.cluster not in (None, GROUP):
        yield (*loc, "cluster"), partial(_attribute, graph, effect.cluster)
    if effect.weights is not None:
        yield (*loc, "weights"), partial(_weights, graph, effect.weights)
    if effect.event is not None or effect.horizon is not None:
        yield (*loc, "horizon" if effect.event is None else "event"), partial(_censored, graph, effect)
    if effect.negative_controls and len(effect.treatments) > 1:
        yield (*loc, "negative_controls"), partial(_one_treatment, effect)
    for name in effect.negative_controls:
        yield (*loc, "negative_controls"), partial(_attribute, graph, name)


def _further_checks(graph: CausalGraph, loc: Loc, effect: Effect, data: Source) -> Iterator[Check]:
    from .further_steps import further_checks  # loads what a study without such questions does not need

    with suppress(NotIdentifiableError, DataError):  # reported at the effect itself
        for entry, check in further_checks(effect, graph, _identified(graph, effect), data):
            yield (*loc, entry), check


def _imputed(asked: Mediation, study: Study, *, attribute: bool) -> None:
    if asked.estimand == "causation" or not attribute:
        reason = "its bounds are not pooled" if attribute else "incomplete rows have no scores"
        raise DataError(f"Expected `missing: drop` for this question, since {reason}; got {asked.missing}.")
    _every_row(asked, study)


def _every_row(effect: Effect | Mediation, study: Study) -> None:
    from .further_steps import study_rows

    study_rows(effect, study.data)


def _mediation_checks(graph: CausalGraph, loc: Loc, asked: Mediation, *, modelled: bool) -> Iterator[Check]:
    yield (*loc, "treatment"), partial(_attribute, graph, asked.treatment)
    yield (*loc, "outcome"), partial(_outcome, graph, asked.outcome)
    if all(name in graph and not graph[name].is_image for name in (asked.treatment, asked.outcome)):
        yield loc, partial(_nested, graph, asked, modelled)
        for value in asked.contrast:
            yield (*loc, "contrast"), partial(_value, graph, asked.treatment, value)
    for name, value in asked.mediators.items() if isinstance(asked.mediators, dict) else ():
        yield (*loc, "mediators", name), partial(_value, graph, name, value)
    if asked.cluster not in (None, GROUP):
        yield (*loc, "cluster"), partial(_attribute, graph, asked.cluster)


def _audit_checks(graph: CausalGraph, loc: Loc, audit: Audit, *, trust_code: bool) -> Iterator[Check]:
    from ..metrics.cohort import image_node
    from .auditing import find_scorer  # loads what a study without audits does not need

    yield (*loc, "image"), partial(image_node, graph, audit.image)
    yield loc, partial(require_flat_images, graph, "an audit")
    yield (*loc, "classifier"), partial(find_scorer, audit, trust_code=trust_code)
    for place, do in enumerate(audit.do):
        for name, value in do.items():
            yield (*loc, "do", place, name), partial(read_intervention, graph, name, value)
    for name in audit.subgroups:
        yield (*loc, "subgroups"), partial(_attribute, graph, name)


def _nested(graph: CausalGraph, asked: Mediation, modelled: bool) -> None:
    """Check that the question fits the graph; if the graph does not identify it, the fitted model may still answer."""
    if asked.contrast[0] == asked.contrast[1]:
        raise DataError(
            f"Expected two different values of '{asked.treatment}' in the contrast; got {asked.contrast[0]!r}."
        )
    question = asked.question
    _ = question.settings
    try:
        identify_nested(graph, question)
    except NotIdentifiableError:
        if not modelled:
            raise


def _one_treatment(effect: Effect) -> None:
    raise DataError(
        f"Expected negative controls for one treatment; the effect is of {', '.join(effect.treatments)}. Leave them out, or "
        "ask for an effect of each."
    )


def _identified(graph: CausalGraph, effect: Effect) -> Estimand:
    chosen = effect.adjustment is not None or effect.instrument is not None or graph.selection.sampling
    if isinstance(effect.treatment, str) and not chosen:
        return identify(graph, treatment=effect.treatment, outcome=effect.outcome)
    from ..effects.find_estimand import find_estimand

    attributes = graph.project(graph.attributes)
    return find_estimand(
        attributes, effect.treatment, effect.outcome, adjustment=effect.adjustment, instrument=effect.instrument
    )


def _no_hidden_confounding(graph: CausalGraph) -> None:
    from ..scm import StructuralCausalModel

    if graph.confounded:
        StructuralCausalModel(graph)  # the message gives the reason and a remedy


def _mechanism(graph: CausalGraph, name: str, given: Mapping[str, Any], *, trust_code: bool) -> "Mechanism":
    """The mechanism of a node before training."""
    from ..mechanisms import build
    from ..mechanisms.catalog import mechanism_class

    variable, options = graph[name], dict(given)
    word = mechanism_class(options.pop("mechanism", None), name, trust_code=trust_code)
    return build(word, variable, {p: graph[p] for p in graph.parents(name)}, options)


def _attribute(graph: CausalGraph, name: str) -> Variable:
    if graph[name].is_image:
        raise DataError(f"Expected an attribute; got the image '{name}'.")
    return graph[name]


def _value(graph: CausalGraph, name: str, value: Any) -> None:
    check_value(graph[name], value)


def _outcome(graph: CausalGraph, name: str) -> None:
    find_outcome_labels(graph, name)  # its message about labels is clearer
    variable = _attribute(graph, name)
    if variable.kind not in ("continuous", "binary"):
        label = (variable.labels or ("LABEL",))[-1]
        raise DataError(
            f"Expected a continuous or binary outcome; '{name}' is {variable.kind}. Ask for the probability of a label: "
            f"`outcome: {name}={label}`."
        )


def _weights(graph: CausalGraph, name: str) -> None:
    if _attribute(graph, name).kind != "continuous":
        raise DataError(f"Expected a continuous attribute as sampling weights; '{name}' is {graph[name].kind}.")


def _censored(graph: CausalGraph, effect: Effect) -> None:
    if effect.event is None or effect.horizon is None:
        raise DataError(
            "Expected `event` and `horizon` together, for an outcome with censoring; got one. Add the other."
        )
    if effect.proxies:
        raise DataError("Expected no `proxies` with a censored outcome; got some. Leave them out.")
    _attribute(graph, effect.event if effect.event in graph else effect.event.partition("=")[0].strip())


def _methods(effect: Effect, graph: CausalGraph) -> None:
    from ..effects.estimators.methods import choose_methods  # loads DoWhy, which a study without methods does not need

    estimand = _identified(graph, effect)
    kinds = {graph[name].kind for name in effect.treatments}
    joint = (
        "continuous" if "continuous" in kinds else "categorical"
    )  # for discrete treatments, the cells of their product
    choose_methods(
        effect.methods,
        str(kinds.pop()) if len(effect.treatments) == 1 else joint,
        ", ".join(effect.treatments),
        identified=estimand.method if estimand.method != "no effect" else "backdoor",
        population=effect.population,
    )


def _response(graph: CausalGraph, curve: Curve, measured: Container[str]) -> None:
    kind = _attribute(graph, curve.outcome).kind
    if kind not in ("continuous", "binary"):
        raise DataError(f"Expected a continuous or binary outcome; '{curve.outcome}' is {kind}. Name another one.")
    if curve.outcome == curve.node and curve.outcome not in measured:
        raise DataError(
            f"Expected an outcome that can differ from '{curve.node}'; got the same node without a measurement. "
            f"Add '{curve.node}' to the measurements, or name another outcome."
        )


def _tunable(
    graph: CausalGraph, given: Mapping[str, Mapping[str, Any]], build: Callable[[str, Mapping[str, Any]], "Mechanism"]
) -> None:
    from ..mechanisms import Abductive

    if not graph.images:
        raise DataError("Expected an image to fine-tune; got a graph without one. Remove the tuning.")
    image = graph.images[0]
    mechanism = build(image, given.get(image, {}))
    if not isinstance(mechanism, Abductive):
        raise DataError(
            f"Expected a mechanism with counterfactuals to fine-tune; '{image}' has {type(mechanism).__name__}. "
            "Choose another mechanism, or remove the tuning."
        )


def _privacy_checks(
    study: Study, graph: CausalGraph, build: Callable[[str, Mapping[str, Any]], "Mechanism"]
) -> Iterator[Check]:
    """Check that every node can be trained privately, and that nothing else uses the rows or unsupported options."""
    loc = ("training", "privacy")
    for name in graph.nodes:
        with suppress(CausalgenError, ValueError, TypeError, RuntimeError):  # reported at the mechanism itself
            mechanisms = {name: build(name, study.mechanisms.get(name, {}))}
            yield ("mechanisms", name) if name in study.mechanisms else loc, partial(_private, graph, mechanisms)
    yield loc, partial(_privacy_alone, study)


def _private(graph: CausalGraph, mechanisms: "Mapping[str, Mechanism]") -> None:
    from ..training.privacy import refuse_obstacles

    refuse_obstacles(graph, mechanisms)


def _privacy_alone(study: Study) -> None:
    from ..training import opacus_parts  # noqa: F401, its message names the extra

    training = study.training
    if training.tuning is not None:
        raise DataError(
            "Expected no `tuning` with `privacy`: its predictors are trained on the rows without privacy. Remove one "
            "of the two."
        )
    if getattr(study.data, "missing", None) == "model":
        raise DataError(
            "Expected `missing: drop` with `privacy`; got `model`, which infers missing values from other rows."
        )
    if training.precision == "bf16-mixed" or training.attributes.checkpointing or training.images.checkpointing:
        raise DataError("Expected neither `precision: bf16-mixed` nor `checkpointing` with `privacy`. Leave them out.")


def _score(graph: CausalGraph, name: str, score: Score, *, trust_code: bool) -> None:
    if name in graph:
        raise DataError(f"Expected a new name for a score; '{name}' is a node of the graph. Rename the score.")
    if not graph.images:
        raise DataError("Expected an image to read a score from; got a graph without one. Remove the scores.")
    for attribute in score.shows:
        if attribute not in graph or graph[attribute].is_image:
            known = ", ".join(graph.attributes)
            raise DataError(f"Expected `shows` to name an attribute among {known}; got '{attribute}'.")
    if score.image is not None and score.image not in graph.images:
        raise DataError(f"Expected an image among {', '.join(graph.images)}; got '{score.image}'.")
    find_score(name, score, graph, trust_code=trust_code)


def _measurement(graph: CausalGraph, name: str, measured: Measured, *, trust_code: bool) -> None:
    if not graph.images:
        raise DataError("Expected an image to measure on; got a graph without one. Remove the measurements.")
    if _attribute(graph, name).kind != "continuous":
        raise DataError(f"Expected a continuous attribute to measure on the image; '{name}' is {graph[name].kind}.")
    find_measurement(measured.measure, measured.options, name=name, trust_code=trust_code)


def _classified(graph: CausalGraph, name: str) -> None:
    if not _attribute(graph, name).is_discrete:
        raise DataError(f"Expected a discrete attribute to classify; '{name}' is {graph[name].kind}.")
    if not any(graph[child].is_image for child in graph.children(name)):
        raise DataError(f"Expected a parent of an image to classify; got '{name}'.")


def _regressed(graph: CausalGraph, name: str, measured: Container[str]) -> None:
    if _attribute(graph, name).kind != "continuous":
        raise DataError(f"Expected a continuous attribute to regress; '{name}' is {graph[name].kind}. Classify it.")
    if not any(graph[child].is_image for child in graph.children(name)):
        raise DataError(f"Expected a parent of an image to regress; got '{name}'.")
    if name in measured:
        raise DataError(
            f"Expected an attribute without a measurement to regress; '{name}' has one. Remove one of the two."
        )
