"""`causalgen audit`: how does a classifier's output on the same image change under do(attribute)?"""

import math
import re
import shlex
import sys
from contextlib import ExitStack
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .failures import failures
from .opened import Sha256, opened_run
from .options import Level, TrustCode
from .terminal import print_notes, print_table
from .threads import Threads, cap_threads

if TYPE_CHECKING:
    from ..audit import AuditReport, AuditRow

__all__ = ["audit", "factor", "free_folder", "loaded", "slug"]

JOINT = re.compile(r",(?=[^,=]+=)")
"""Commas between interventions; labels may hold commas too."""
MOST_FOLDERS = 1000
EXIT = {"within the margin": 0, "beyond the margin": 3, "cannot tell": 4}
"""Exit codes by verdict, on request."""
COLUMNS = ("units", "change", "adjusted interval", "margin", "flipped", "rebuilding")


def audit(
    run: Annotated[Path, typer.Argument(help="The run folder.", show_default=False)],
    classifier: Annotated[
        str,
        typer.Option(
            help="A .onnx or .pt file, a folder of a causalgen classifier, or module:function, which needs --trust-code.",
            show_default=False,
        ),
    ],
    do: Annotated[
        list[str],
        typer.Option(
            help="Intervention name=value; repeat the option for several questions; a=1,b=2 sets both at once.",
            show_default=False,
        ),
    ],
    outcome: Annotated[
        str | None, typer.Option(help="Class of interest, as label or position; for a single score, its name.")
    ] = None,
    labels: Annotated[
        str | None, typer.Option(help="Names of the classes, in the order of the outputs, such as cat,dog.")
    ] = None,
    scale: Annotated[
        str, typer.Option(help="Factor for pixels from 0 to 255; 1/255 for a classifier that expects [0, 1].")
    ] = "1",
    logits: Annotated[bool, typer.Option("--logits", help="The classifier gives logits.")] = False,
    unit: Annotated[str, typer.Option(help="Unit of the score.")] = "probability",
    threshold: Annotated[float | None, typer.Option(help="Lowest score that counts as a positive decision.")] = None,
    margin: Annotated[
        float | None,
        typer.Option(help="Smallest change of practical importance, in the unit of the score.", show_default="0.05"),
    ] = None,
    subgroup: Annotated[list[str] | None, typer.Option(help="Attribute that defines subgroups.")] = None,
    image: Annotated[
        str | None, typer.Option(help="The image that the classifier sees.", show_default="the only one")
    ] = None,
    rows: Annotated[int, typer.Option(min=1, help="Maximum number of test units.")] = 1000,
    particles: Annotated[
        int | None, typer.Option(min=1, help="Draws of each unit's noise.", show_default="4 where it is uncertain")
    ] = None,
    level: Level = 0.95,
    seed: Annotated[int, typer.Option(min=0, help="Seed of units, abduction and bootstrap.")] = 0,
    trust_code: TrustCode = False,
    sha256: Sha256 = None,
    trust_pickle: Annotated[bool, typer.Option("--trust-pickle", hidden=True)] = False,
    out: Annotated[
        Path | None, typer.Option(help="Folder for page and tables.", show_default="RUN/audits/CLASSIFIER")
    ] = None,
    exit_code: Annotated[
        bool,
        typer.Option(
            "--exit-code", help="Exit with 3 if a change is beyond the margin, with 4 if no verdict is possible."
        ),
    ] = False,
    threads: Threads = None,
) -> None:
    """Audit a classifier of images with the model of a run.

    Each intervention has a total effect and a direct one (mediators held fixed), net of the change from reconstruction. The
    verdict is "beyond the margin", "within the margin", or "cannot tell" where other evidence raises a concern.

    Exit codes: 0 audited, 1 failed, 2 bad input. With --exit-code: 0 only if every change is within the margin, 3 if one is
    beyond it, 4 if none is but one has no verdict.

    Example: causalgen audit runs/morphodigits --classifier model.onnx --outcome 1 --do pen=felt-tip --margin 0.05
    """
    with failures(), ExitStack() as held:
        from ..errors import RenamedWarning, warn

        if trust_pickle:
            warn("--trust-pickle is now called --trust-code: it trusts all code that comes with files.", RenamedWarning)
        folder = opened_run(run, trust_code=trust_code, sha256=sha256)
        from ..audit import as_classifier
        from ..audit import audit as audit_classifier
        from ..audit.page import write_audit
        from ..grammar import parse_do
        from ..metrics.cohort import image_node
        from ..studies.asking import fitted_data, fitted_model
        from ..studies.lock import FolderLock
        from ..studies.readers import readers_of
        from ..studies.reporting import SMOKE_WARNING

        cap_threads()
        scorer = as_classifier(
            loaded(classifier, trust_code or trust_pickle),
            outcome=int(outcome) if outcome and outcome.isdecimal() else outcome,
            labels=[name.strip() for name in labels.split(",")] if labels else None,
            scale=factor(scale),
            logits=logits,
            unit=unit,
            threshold=threshold,
        )
        scm = fitted_model(folder)
        if out is None:
            held.enter_context(FolderLock(folder.path))
        interventions = [parse_do(scm.graph, JOINT.split(text)) for text in do]
        node = image_node(scm.graph, image)
        readers = readers_of(folder, scm.graph, node)
        report = audit_classifier(
            scorer,
            scm,
            fitted_data(folder, scm),
            interventions=interventions,
            subgroups=subgroup or (),
            image=node,
            rows=rows,
            particles=particles,
            measure=readers.measure,
            classifiers=readers.trained,
            margin=margin,
            level=level,
            seed=seed,
        )
        report = replace(report, notes=(*readers.notes, *report.notes))
        if folder.record.get("smoke"):
            report = replace(report, warnings=(SMOKE_WARNING, *report.warnings))
        about = {"run": str(run), "classifier": classifier, "factor on the pixels": scale}
        about |= {"decision": f"score of at least {threshold:g}"} if threshold is not None else {}
        target = out or free_folder(folder.path / "audits" / slug(classifier))
        command = shlex.join(["causalgen", *sys.argv[1:]])
        written = write_audit(target, report, scm.graph, about=about, command=command)
        _print(report)
        for path in written.values():
            typer.echo(path)
        if exit_code and (code := EXIT[report.verdict]):
            raise typer.Exit(code)


def loaded(classifier: str, trust_code: bool) -> object:
    from ..audit import load_classifier
    from ..errors import DataError

    try:
        return load_classifier(classifier, trust_code=trust_code)
    except ImportError as error:
        raise DataError(str(error)) from None


def factor(text: str) -> float:
    """Parse a number, which may be written as a fraction.

    >>> factor("1/255") * 255
    1.0
    """
    from ..errors import DataError

    try:
        return float(Fraction(text))
    except (ValueError, ZeroDivisionError, OverflowError):
        raise DataError(
            f"Expected the scale of the pixels as a number or a fraction such as 1/255; got {text!r}."
        ) from None


def free_folder(folder: Path) -> Path:
    """Return `folder`, or the first of folder-2, folder-3, ... that does not exist, so that earlier audits are kept."""
    names = (folder.with_name(f"{folder.name}-{number}") for number in range(2, MOST_FOLDERS))
    return next((path for path in (folder, *names) if not path.exists()), folder)


def slug(text: str) -> str:
    """A folder name.

    >>> slug("models/my pens.onnx")
    'my-pens.onnx'
    """
    return "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in Path(text).name)[:100]


def _print(report: "AuditReport") -> None:
    from rich.console import Console

    console = Console()
    for row in report.headline:
        console.print(report.sentence(row), style="bold", markup=False, highlight=False)
    title = f"Change of {report.outcome} [{report.unit}], margin {report.margin:g}, {report.units} test units"
    console.print(title, markup=False, highlight=False)
    for intervention, effect in dict.fromkeys((row.intervention, row.effect) for row in report):
        rows = [_cells(row) for row in report if (row.intervention, row.effect) == (intervention, effect)]
        print_table(COLUMNS, rows, title=f"{intervention}, {effect}")
    for trust in report.trust:
        inside = f"{trust.intervention}, {trust.effect}: {trust.supported:.0%} of the images within joint support"
        shown = [
            f"{entry.attribute} {entry.how} with error {entry.error:.3g} {entry.unit}".rstrip()
            + f" (images left unchanged {entry.unchanged:.3g}, real images {entry.floor:.3g})"
            for entry in trust.shown
        ]
        console.print("; ".join([inside, *shown]), markup=False, highlight=False)
    for text in filter(None, (entry.sentence() for entry in report.surviving)):
        console.print(text, markup=False, highlight=False)
    print_notes(report.notes)
    for text in report.warnings:
        console.print(f"Warning: {text}", markup=False, highlight=False)


def _cells(row: "AuditRow") -> tuple[str, ...]:
    """Return a row of the report as table cells; missing values are empty."""
    group = "" if row.subgroup == "everyone" else f"{row.subgroup}, "
    known = math.isfinite(row.adjusted_low)
    interval = f"{row.adjusted_low:+.3g} to {row.adjusted_high:+.3g}" if known else ""
    flips = f"{row.flips.value:.1%}" if row.flips and row.units else ""
    change, null = (f"{number.value:+.3g}" if row.units else "" for number in (row.change, row.null_change))
    return f"{group}{row.stratum} ({row.units})", change, interval, row.verdict.removesuffix(" the margin"), flips, null
