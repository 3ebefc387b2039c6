"""`causalgen check`: is a study valid, what do its data contain, what will it do, and how long will it take?"""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .failures import BAD_INPUT, failures
from .listing import some
from .options import TrustCode
from .run import Device
from .terminal import print_table

if TYPE_CHECKING:
    from ..studies.checking import StudyCheck

__all__ = ["check"]


def check(
    study: Annotated[str, typer.Argument(help="The study file, or the name of a shipped study.", show_default=False)],
    device: Annotated[Device, typer.Option(help="Where the run would compute.")] = Device.auto,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object for machines.")] = False,
    trust_code: TrustCode = False,
) -> None:
    """Check a study, its graph and its data without training: list every fault, then what a run will do.

    Images are decoded here, and a run reuses them.
    """
    with failures():
        from rich.console import Console
        from rich.progress import Progress

        from ..datasets.table import DataFaultsError
        from ..errors import StudyError
        from ..studies.checking import check as check_study
        from ..studies.library import study_path
        from ..studies.schema import load_study

        console = Console(stderr=True)
        try:
            with Progress(console=console, transient=True, disable=not console.is_terminal) as bars:
                found = check_study(load_study(study_path(study), trust_code=trust_code), device, bars)
        except (DataFaultsError, StudyError) as error:
            if not as_json:
                raise
            faults = [fault.to_dict() for fault in getattr(error, "faults", ())]
            typer.echo(json.dumps({"error": str(error), "faults": faults}, indent=2, ensure_ascii=False))
            raise typer.Exit(BAD_INPUT) from None
        if as_json:
            typer.echo(json.dumps(found.to_dict(), indent=2, ensure_ascii=False, default=str))
        else:
            _print(found, study)


def _print(found: "StudyCheck", name: str) -> None:
    from rich.console import Console
    from rich.markup import escape

    from ..training.progress import duration

    console = Console()
    console.print(f"[bold]{found.plan.study.name}[/]  {escape(found.plan.study.question)}", highlight=False)
    print_table(found.variables.columns, found.variables.astype(str).itertuples(index=False), title="Variables")
    if found.privacy is not None:
        title = "Training with differential privacy"
        print_table(found.privacy.columns, found.privacy.itertuples(index=False), title=title)
    for line in _lines(found):
        console.print(line, markup=False, highlight=False)
    training, seconds = sum(found.training_seconds.values()), sum(found.seconds.values())
    console.print(
        f"A run takes at most about {duration(seconds)} here, of which training the model takes {duration(training)}. "
        f"No faults found. Next: causalgen run {name}",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )


def _lines(found: "StudyCheck") -> list[str]:
    from ..datasets.table.words import counts_text

    study = found.plan.study
    lines = [f"Graph: {found.plan.graph}"]
    if found.rows is not None:
        by = f", by the column '{found.data.split_by}'" if found.data is not None and found.data.split_by else ""
        lines.append("Rows: " + ", ".join(f"{count:,} {name}" for name, count in found.rows.items()) + by)
    if found.data is not None:
        lines.append(found.data.source)
        lines += [counts_text(node, counts) for node, counts in found.data.words.items()]
        lines += [f"Note: {note}" for note in found.data.notes]
        if found.data.unused:
            lines.append(f"Columns that the graph leaves out: {some(found.data.unused)}")
        if "inferred" in found.variables and found.variables["inferred"].any():
            lines.append("Correct anything inferred under `data: variables:` in the study file.")
    asked: list[tuple[str, str, Any]] = [
        ("counterfactual query measured", "counterfactual queries measured", study.evaluation.queries),
        ("grid", "grids", study.gallery),
        ("response curve", "response curves", study.curves),
        ("effect", "effects", study.effects),
        ("nested question", "nested questions", study.mediation),
        ("audit", "audits", study.audit),
    ]
    lines += [found.plan.note] if found.plan.note else []
    return [
        *lines,
        "Asked: " + ", ".join(f"{len(items)} {one if len(items) == 1 else many}" for one, many, items in asked),
    ]
