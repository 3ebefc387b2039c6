"""`causalgen run` and `causalgen fit`: a study file becomes a run folder, with a report or up to the fitted model."""

import sys
import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from .failures import failures
from .options import TrustCode
from .signals import exit_code, stopped_by
from .threads import Threads

__all__ = ["Device", "fit", "run"]


class Device(StrEnum):
    """Where to compute."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"
    mps = "mps"


StudyArgument = Annotated[
    str, typer.Argument(help="The study file, or the name of a shipped study.", show_default=False)
]
Out = Annotated[Path | None, typer.Option(help="Run folder.", show_default="runs/NAME, or runs/NAME-smoke")]
Smoke = Annotated[bool, typer.Option("--smoke", help="Shrink the study to well under a minute.")]
Where = Annotated[Device, typer.Option(help="Where to compute.")]
Seed = Annotated[int | None, typer.Option(min=0, max=2**32 - 1, help="Replace the study's seed.")]
Fresh = Annotated[bool, typer.Option("--fresh", help="Start over; an earlier run in that folder is kept as NAME.1.")]


def run(
    study: StudyArgument,
    out: Out = None,
    smoke: Smoke = False,
    device: Where = Device.auto,
    seed: Seed = None,
    fresh: Fresh = False,
    trust_code: TrustCode = False,
    threads: Threads = None,
) -> None:
    """Run a study: fit the model, query and evaluate it, estimate effects, write the report.

    An unfinished run of the same study in the same folder is resumed.
    """
    _execute(study, out, seed, trust_code, smoke=smoke, device=device, fresh=fresh)


def fit(
    study: StudyArgument,
    out: Out = None,
    smoke: Smoke = False,
    device: Where = Device.auto,
    seed: Seed = None,
    fresh: Fresh = False,
    trust_code: TrustCode = False,
    threads: Threads = None,
) -> None:
    """Fit the model of a study and save it, for sample, intervene and counterfactual.

    `causalgen run` with the same study and options continues from there: evaluation, effects, report.
    """
    _execute(study, out, seed, trust_code, smoke=smoke, device=device, fresh=fresh, only_fit=True)


def _execute(study: str, out: Path | None, seed: int | None, trust_code: bool, *, smoke: bool, **options: Any) -> None:
    """Run a study with the options of `run_study`, and print the result."""
    began = time.perf_counter()
    with failures():
        from ..studies.library import study_path
        from ..studies.schema import load_study

        plan = load_study(study_path(study), trust_code=trust_code)
        if seed is not None:
            plan = plan.model_copy(update={"seed": seed})
        folder = out or Path("runs") / (f"{plan.name}-smoke" if smoke else plan.name)
        command = ["causalgen", *sys.argv[1:]]
        from ..studies.runner import Invocation, run_study

        try:
            finished = run_study(plan, folder, smoke=smoke, invocation=Invocation(command, began), **options)
        except KeyboardInterrupt as stop:
            kept = f" Finished work is kept in {folder}; the same command continues from there."
            typer.echo(f"\n{stopped_by(stop)}" + (kept if (folder / "run.json").exists() else ""), err=True)
            raise typer.Exit(exit_code(stop)) from None
        from .show import print_run

        print_run(finished)
        if options.get("only_fit"):
            typer.echo(f"Model: {finished.model}")
            typer.echo(f"Query it: causalgen sample {folder}. Continue: causalgen run {study} --out {folder}.")
