"""`causalgen audit`: how does a classifier's output on the same image change under do(attribute)?"""

import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .failures import failures

if TYPE_CHECKING:
    from ..audit import AuditReport

__all__ = ["audit"]

JOINT = re.compile(r",(?=[^,=]+=)")
"""Commas between interventions; labels may hold commas too."""
COLUMNS = (
    "intervention",
    "effect",
    "units",
    "change",
    "adjusted interval",
    "verdict",
    "decisions flipped",
    "reconstruction",
)


def audit(
    run: Annotated[Path, typer.Argument(help="The run folder.", show_default=False)],
    classifier: Annotated[
        str,
        typer.Option(
            help="A .onnx or .pt file, a folder of a causalgen classifier, or module:function.", show_default=False
        ),
    ],
    do: Annotated[
        list[str],
        typer.Option(
            help="Intervention name=value; several times for several questions; a=1,b=2 sets both at once.",
            show_default=False,
        ),
    ],
    outcome: Annotated[
        str | None, typer.Option(help="Class of interest, position or label; or a name for a single score.")
    ] = None,
    labels: Annotated[str | None, typer.Option(help="Names of the classes, such as cat,dog.")] = None,
    scale: Annotated[
        float, typer.Option(help="Factor on pixels 0 to 255; 0.00392157 for a classifier of [0, 1].")
    ] = 1.0,
    logits: Annotated[bool, typer.Option("--logits", help="The classifier gives logits.")] = False,
    unit: Annotated[str, typer.Option(help="Unit of the score.")] = "probability",
    threshold: Annotated[float | None, typer.Option(help="Least score of a positive decision.")] = None,
    margin: Annotated[
        float | None, typer.Option(help="Margin of practical size, in the unit of the score.", show_default="0.05")
    ] = None,
    subgroup: Annotated[list[str] | None, typer.Option(help="Attribute whose groups are shown apart.")] = None,
    rows: Annotated[int, typer.Option(min=1, help="Greatest number of test units.")] = 1000,
    particles: Annotated[
        int | None, typer.Option(min=1, help="Draws of each unit's noise.", show_default="4 where it is uncertain")
    ] = None,
    level: Annotated[float, typer.Option(help="Level of the intervals.")] = 0.95,
    seed: Annotated[int, typer.Option(min=0, help="Seed of units, abduction and bootstrap.")] = 0,
    trust_pickle: Annotated[
        bool, typer.Option("--trust-pickle", help="Read pickles, which run the code that they hold.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="Folder for tables and grids.", show_default="RUN/audits/CLASSIFIER")
    ] = None,
) -> None:
    """Audit a classifier of images with the model of a run.

    Every intervention is asked in full (total) and with the mediators held (direct), net of what reconstruction changes.

    Example: causalgen audit runs/morphodigits --classifier model.onnx --outcome 1 --do pen=felt-tip --margin 0.05
    """
    with failures():
        from ..studies.runfolder import read_run

        folder = read_run(run)
        from ..audit import as_classifier
        from ..audit import audit as audit_classifier
        from ..studies.asking import fitted_data, fitted_model
        from ..studies.interventions import parse_do
        from ..studies.measurements import MEASUREMENTS

        scorer = as_classifier(
            _loaded(classifier, trust_pickle),
            outcome=int(outcome) if outcome and outcome.isdecimal() else outcome,
            labels=[name.strip() for name in labels.split(",")] if labels else None,
            scale=scale,
            logits=logits,
            unit=unit,
            threshold=threshold,
        )
        scm = fitted_model(folder)
        interventions = [parse_do(scm.graph, JOINT.split(text)) for text in do]
        report = audit_classifier(
            scorer,
            scm,
            fitted_data(folder, scm),
            interventions=interventions,
            subgroups=subgroup or (),
            rows=rows,
            particles=particles,
            measure={name: MEASUREMENTS[word] for name, word in folder.study.measurements.items()},
            margin=margin,
            level=level,
            seed=seed,
        )
        paths = report.write(out or folder.path / "audits" / _slug(classifier))
        paths += _draw(report, paths[0].parent)
        _print(report)
        for path in paths:
            typer.echo(path)


def _loaded(classifier: str, trust_pickle: bool) -> object:
    from ..audit import load_classifier
    from ..errors import DataError

    try:
        return load_classifier(classifier, trust_pickle=trust_pickle)
    except ImportError as error:
        raise DataError(str(error)) from None


def _slug(text: str) -> str:
    """A folder name.

    >>> _slug("models/my pens.onnx")
    'my-pens.onnx'
    """
    return "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in Path(text).name)[:100]


def _draw(report: "AuditReport", folder: Path) -> list[Path]:
    """Grids of the images that move most: factual, reconstructed, counterfactual, each with its score."""
    import torch

    from ..reports import plot_samples

    paths, style = [], ".3f" if report.unit == "probability" else ".4g"
    for number, entry in enumerate(report.movers, 1):
        images = torch.stack([entry.factual_images, entry.null_images, entry.counterfactual_images], dim=1)
        captions = [
            f"{name}\n{score:{style}}"
            for row, *scores, inside in zip(
                entry.rows, entry.factual, entry.null, entry.counterfactual, entry.supported, strict=True
            )
            for name, score in zip(
                (f"row {row}", "reconstructed", entry.effect if inside else f"{entry.effect}, extrapolated"), scores
            )
        ]
        path = folder / f"movers-{number}-{entry.effect}.png"
        plot_samples(images.flatten(0, 1).numpy(), captions).savefig(path, dpi=160)
        paths.append(path)
    return paths


def _print(report: "AuditReport") -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    title = f"Change of {report.outcome} [{report.unit}], margin {report.margin:g}, {report.units} test units"
    table = Table(title=Text(title), title_justify="left")
    for column in COLUMNS:
        table.add_column(column)
    for row in report:
        group = "" if row.subgroup == "everyone" else f"{row.subgroup}, "
        place = (row.intervention, row.effect, f"{group}{row.stratum} ({row.units})")
        known = math.isfinite(row.adjusted_low)
        interval = f"{row.adjusted_low:+.3f} to {row.adjusted_high:+.3f}" if known else ""
        flips = f"{row.flips.value:.1%}" if row.flips and row.units else ""
        change, null = (f"{number.value:+.3f}" if row.units else "" for number in (row.change, row.null_change))
        cells = (*place, change, interval, row.verdict, flips, null)
        table.add_row(*map(Text, cells))
    console.print(table)
    for trust in report.trust:
        inside = f"{trust.intervention}, {trust.effect}: {trust.supported:.0%} of the images within joint support"
        shown = [
            f"{entry.attribute} {entry.how} with error {entry.error:.3g} {entry.unit}".rstrip()
            + f" (if nothing changed {entry.unchanged:.3g}, floor {entry.floor:.3g})"
            for entry in trust.shown
        ]
        console.print("; ".join([inside, *shown]), markup=False, highlight=False)
    for text in (*report.notes, *(f"Warning: {warning}" for warning in report.warnings)):
        console.print(text, markup=False, highlight=False)
