"""`causalgen mediation`: direct and indirect effects of a column, its effect on the treated, and the causes of an outcome."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from .failures import failures
from .options import (
    AsJson,
    AssumedGraph,
    Cluster,
    Kinds,
    Level,
    MissingWords,
    Outcome,
    ReportOut,
    TableFile,
    TableSeed,
)
from .tables import kinds, table_of, treatments, words_in
from .terminal import print_files, print_json
from .threads import Threads, cap_threads

if TYPE_CHECKING:
    from ..graph import CausalGraph

__all__ = ["EstimandWord", "mediation"]


class EstimandWord(StrEnum):
    """The kind of nested question."""

    natural = "natural"
    controlled = "controlled"
    path = "path"
    treated = "treated"
    causation = "causation"


def mediation(
    table: TableFile,
    graph: AssumedGraph,
    treatment: Annotated[str, typer.Option(help="The column that is set.", show_default=False)],
    outcome: Outcome,
    contrast: Annotated[
        tuple[str, str] | None,
        typer.Option(
            help="Two values: the effect compares the second with the first.",
            show_default="the two labels of a binary treatment",
        ),
    ] = None,
    estimand: Annotated[
        EstimandWord,
        typer.Option(
            help="natural: direct and indirect parts of the effect; controlled: the direct effect with mediators set; path: "
            "along some paths only; treated: among the rows with the second value; causation: bounds of the probabilities "
            "that the treatment was necessary and sufficient."
        ),
    ] = EstimandWord.natural,
    mediator: Annotated[
        list[str] | None,
        typer.Option(
            help="A column on a path between them; for controlled, with its value, such as dose=2. Repeat the "
            "option for several.",
            show_default="all of them",
        ),
    ] = None,
    path: Annotated[
        list[str] | None,
        typer.Option(help="An active path, such as 'dose -> weight -> health'; repeat the option for several."),
    ] = None,
    cluster: Cluster = None,
    missing: Annotated[str, typer.Option(help="Missing values: drop incomplete rows, or impute the cells.")] = "drop",
    missing_words: MissingWords = None,
    kind: Kinds = None,
    level: Level = 0.95,
    seed: TableSeed = 0,
    out: ReportOut = None,
    as_json: AsJson = False,
    threads: Threads = None,
) -> None:
    """Split the effect of one column of a table on another into its parts, or ask for another nested counterfactual.

    Example: causalgen mediation t.csv --graph "dose -> weight -> pain; dose -> pain" --treatment dose --outcome pain \
--contrast 1 2 --mediator weight
    """
    with failures():
        from ..graph import NestedQuestion
        from ..studies.graphs import find_graph

        assumed = find_graph(graph)
        rows = table_of(table, assumed, words_in(missing_words or ()))
        from ..datasets.declared import declare_kinds
        from ..effects import label_outcome

        assumed = declare_kinds(assumed, rows, kinds(kind or ()))
        assumed, rows, outcome = label_outcome(assumed, rows, outcome, used=[treatment])
        question = NestedQuestion(
            estimand.value,
            assumed.require(treatment),
            outcome,
            contrast,
            _mediators(assumed, mediator or (), valued=estimand is EstimandWord.controlled),
            path,
        )
        from ..mediation import estimate_nested

        cap_threads()
        answer = estimate_nested(
            assumed, rows, question, cluster=cluster, missing=cast(Any, missing), level=level, seed=seed
        )
        if as_json:
            print_json(answer.to_dict())
        else:
            typer.echo(answer)
        if out is not None:
            from ..reports.mediation import MediationFindings, write_mediation_report

            written = write_mediation_report(out, MediationFindings(answer.title, [answer]), graph=assumed)
            if not as_json:
                print_files(*written.values())


def _mediators(graph: "CausalGraph", texts: list[str] | tuple[()], *, valued: bool) -> Any:
    """Parse names of mediators, each with its value where one is required; None if there are none."""
    if not valued:
        return tuple(map(graph.require, treatments(texts, graph))) or None
    from ..errors import DataError

    found: dict[str, str] = {}
    for text in texts:
        name, sign, value = (part.strip() for part in text.rpartition("="))
        if not sign:
            raise DataError(f"Expected a mediator and the value that it is set to, such as {text}=2; got {text!r}.")
        found[graph.require(name)] = value
    return found
