"""Further questions about an effect of a study: in groups, along doses, in each row, and with proxy columns."""

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
import pandas as pd

from ..datasets.table import read_table
from ..datasets.table.column_match import read_matched
from ..datasets.table.words import MissingWord, counts_text, table_without_words, undeclared
from ..effects.adjusted import adjusted
from ..effects.columns import Column, marked_rows
from ..effects.further import FurtherAnswers, FurtherQuestions
from ..effects.groups import check_by
from ..effects.question import EffectQuestion
from ..effects.target_effect import carried_formula
from ..errors import DataError, nearest
from ..graph import CausalGraph, Estimand
from .data_section import OwnData, Source
from .sources import own_index
from .study_sections import GROUP, Effect, Mediation

__all__ = ["further_answers", "further_checks", "study_rows"]


def further_answers(
    effect: Effect,
    graph: CausalGraph,
    table: pd.DataFrame,
    rows: pd.DataFrame | None,
    seed: int,
    notes: list[str],
    data: Source | None = None,
) -> FurtherAnswers | None:
    """Answer all questions that the table can answer, and note the others; None without questions.

    Args:
        effect: The effect.
        graph: The graph of the table.
        table: The rows of the study.
        rows: Those of the user's table, rows without assigned values included; None without proxies.
        seed: Seed of all random numbers.
        notes: Receives questions that cannot be answered, columns of the target that were matched by short names, and the
            values of the target that were read as missing.
        data: The data of the study, whose words for missing values apply to the target too.
    """
    columns = []
    for name, proxy in effect.proxies.items():
        assert rows is not None
        fitted = marked_rows(rows, proxy.fitted_on) if proxy.source == "predicted" else None
        random = proxy.labelled_at_random
        columns.append(Column(name, proxy.source, proxy=proxy.column, labelled_at_random=random, fitted_on=fitted))
    target = None
    if effect.target is not None:
        target, said = _target(effect, graph, data)
        notes += said
    questions = FurtherQuestions(effect.by, effect.doses, effect.units, columns, target)
    if not questions:
        return None
    names = ("adjustment", "instrument", "weights", "cluster", "event", "horizon", "missing")
    words = {name: getattr(effect, name) for name in names}
    question = EffectQuestion(graph, table, effect.treatment, effect.outcome, effect.contrast, **words)
    return questions.answer(graph, question, level=effect.level, seed=seed, rows=rows, notes=notes)


def study_rows(effect: Effect | Mediation, data: Source) -> pd.DataFrame | None:
    """Every row of the study's own table, missing values included; None where neither proxies nor `missing` need them.

    Under `data: missing: model` these are the rows that the study uses, complete or not.

    Args:
        effect: The effect or nested question.
        data: The data of the study.

    Raises:
        DataError: The study has no table of the user, or a column does not exist.
    """
    modelled = isinstance(data, OwnData) and data.missing == "model"
    proxies = effect.proxies if isinstance(effect, Effect) else {}
    if not proxies and effect.missing == "drop" and not modelled:
        return None
    if not isinstance(data, OwnData):
        word = "proxies" if proxies else f"`missing: {effect.missing}`"
        raise DataError(
            f"Expected a table of your own for {word}; a data set of the catalog has every value. Leave it out."
        )
    index, found = own_index(data), {}
    raw = table_without_words(read_table(data.table), partial(_words_of, data))[0]
    for name, attribute in index.attributes.items():
        labels = attribute.variable.labels
        values = attribute.values if labels is None else np.array([*labels, None], dtype=object)[attribute.values]
        found[name] = pd.Series(values).mask(attribute.missing)
    named = [column for proxy in proxies.values() for column in (proxy.column, proxy.fitted_on)]
    for column in named:
        if column in (None, "none"):
            continue
        if column not in raw:
            raise DataError(
                f"Expected a column '{column}' in '{index.name}'; got none." + nearest(str(column), raw.columns)
            )
        found.setdefault(str(column), raw[column].reset_index(drop=True))
    if effect.cluster == GROUP and GROUP not in found:
        groups = np.arange(index.count) if index.every_group is None else index.every_group
        found[GROUP] = pd.Series(groups, dtype="Int64").mask(groups < 0)
    rows = pd.DataFrame(found).set_axis(index.labels)
    return rows.iloc[np.sort(np.concatenate([index.rows, *index.incomplete.values()]))] if index.incomplete else rows


def further_checks(
    effect: Effect, graph: CausalGraph, estimand: Estimand, data: Source
) -> Iterator[tuple[str, partial]]:
    """Checks of the questions against the graph, each with the entry that it concerns."""
    asked = {"by": effect.by, "doses": effect.doses is not None, "units": effect.units, "proxies": effect.proxies}
    asked["target"] = effect.target is not None
    for entry in (entry for entry, given in asked.items() if given):
        yield entry, partial(adjusted, estimand)
    attributes = graph.project(graph.attributes)
    for name in effect.by if estimand.method == "backdoor" else ():
        yield "by", partial(check_by, attributes, estimand, name)
    if effect.target is not None:
        yield "target", partial(_carried, effect, attributes, data)
    if effect.doses is not None:
        yield "doses", partial(_continuous, graph, str(effect.treatment))
        yield "doses", partial(_several, effect.doses)
    for name in effect.proxies:
        yield "proxies", partial(graph.require, name)
        yield "proxies", partial(_declared, effect, graph, estimand, name)


def _target(effect: Effect, graph: CausalGraph, data: Source | None) -> tuple[pd.DataFrame, list[str]]:
    """Read the table of the target population, with notes on how it was read."""
    target, note = read_matched(str(effect.target), graph.nodes)
    target, counts = table_without_words(target, partial(_words_of, data))
    return target, [*([note] if note else []), *(f"{counts_text(name, found)}." for name, found in counts.items())]


def _words_of(data: Source | None, column: str) -> list[MissingWord]:
    """Words that stand for missing values in a column or node of a study's tables."""
    if not isinstance(data, OwnData):
        return []
    said = data.variables.get(column)
    own, labels = ((), ()) if said is None else (said.missing_words, said.labels or ())
    return undeclared([*data.missing_words, *own], labels)


def _carried(effect: Effect, graph: CausalGraph, data: Source) -> None:
    """Refuse, before anything is trained, an effect that no columns of the target can transport."""
    target = _target(effect, graph, data)[0]
    names = ("treatment", "outcome", "adjustment", "missing")
    carried_formula(graph, target, **{name: getattr(effect, name) for name in names})


def _continuous(graph: CausalGraph, treatment: str) -> None:
    if graph[treatment].kind != "continuous":
        raise DataError(
            f"Expected a continuous treatment for a dose-response curve; '{treatment}' is {graph[treatment].kind}. Leave "
            "`doses` out."
        )


def _several(doses: str | Sequence[float]) -> None:
    if not isinstance(doses, str) and len(set(doses)) < 2:
        raise DataError(f"Expected `doses: auto`, or at least two different doses for a curve; got {doses}. Add one.")


def _declared(effect: Effect, graph: CausalGraph, estimand: Estimand, name: str) -> None:
    """Refuse, before anything is trained, a proxy that no correction could use."""
    proxy, used = effect.proxies[name], [str(effect.treatment), effect.outcome, *adjusted(estimand).adjustment]
    if name not in used:
        raise DataError(
            f"Expected proxies of columns that the estimate uses: {', '.join(used)}; got '{name}'. Leave it out."
        )
    if proxy.source == "predicted" and proxy.fitted_on is None:
        raise DataError(
            f"Expected `fitted_on` with predicted '{name}': the column that marks the rows on which the predictor was fitted, "
            "or `none` if it was fitted on other data; got neither."
        )
    if proxy.source == "predicted" and not proxy.labelled_at_random:
        raise DataError(
            f"Expected the labelled rows of predicted '{name}' to be a random sample, which its correction rests on. If they "
            "are one, add `labelled_at_random: true`."
        )
    if proxy.source == "measured" and graph[name].is_discrete:
        raise DataError(
            f"Expected a continuous column as measured; '{name}' is {graph[name].kind}, and a wrong label is no additive "
            "error. Declare it `predicted`, with a random sample of labelled rows."
        )
