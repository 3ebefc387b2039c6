"""`causalgen run` and `causalgen fit`: turn a study file into a run folder, with a report or up to the fitted model."""

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .failures import failures, speaks
from .launching import end_with_starter, other_processes
from .options import TrustCode
from .signals import exit_code, stopped_by
from .threads import Threads

if TYPE_CHECKING:
    from ..studies.schema import Study

__all__ = ["Device", "fit", "run"]


class Precision(StrEnum):
    """Floating-point precision of the training on images."""

    auto = "auto"
    full = "32-true"
    mixed = "bf16-mixed"


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
Smoke = Annotated[bool, typer.Option("--smoke", help="Shrink the study to run in well under a minute.")]
Where = Annotated[Device, typer.Option(help="Where to compute.")]
Devices = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Processes on each machine that train together, each with a device or, on a CPU, a share of the cores.",
        show_default="the study's, else 1",
    ),
]
Nodes = Annotated[
    int | None,
    typer.Option(
        "--num-nodes",
        min=1,
        help="Machines, each with a launcher: torchrun or srun.",
        show_default="the study's, else 1",
    ),
]
InPrecision = Annotated[
    Precision | None, typer.Option("--precision", help="Replace the study's precision.", show_default=False)
]
Seed = Annotated[int | None, typer.Option(min=0, max=2**32 - 1, help="Replace the study's seed.")]
Fresh = Annotated[bool, typer.Option("--fresh", help="Start over; an earlier run in that folder is kept as NAME.1.")]


def run(
    study: StudyArgument,
    out: Out = None,
    smoke: Smoke = False,
    device: Where = Device.auto,
    devices: Devices = None,
    num_nodes: Nodes = None,
    precision: InPrecision = None,
    seed: Seed = None,
    fresh: Fresh = False,
    trust_code: TrustCode = False,
    threads: Threads = None,
) -> None:
    """Run a study: fit the model, query and evaluate it, estimate effects, write the report.

    An unfinished run of the same study in the same folder is resumed.
    """
    training = {"devices": devices, "num_nodes": num_nodes, "precision": precision and precision.value}
    _execute(study, out, Changes(seed, training), trust_code, smoke=smoke, device=device, fresh=fresh)


def fit(
    study: StudyArgument,
    out: Out = None,
    smoke: Smoke = False,
    device: Where = Device.auto,
    devices: Devices = None,
    num_nodes: Nodes = None,
    precision: InPrecision = None,
    seed: Seed = None,
    fresh: Fresh = False,
    trust_code: TrustCode = False,
    threads: Threads = None,
) -> None:
    """Fit the model of a study and save it, for sample, intervene and counterfactual.

    `causalgen run` with the same study and options continues from there: evaluation, effects, report.
    """
    training = {"devices": devices, "num_nodes": num_nodes, "precision": precision and precision.value}
    _execute(study, out, Changes(seed, training), trust_code, smoke=smoke, device=device, fresh=fresh, only_fit=True)


@dataclass(frozen=True)
class Changes:
    """The parts of a study that options replace.

    Args:
        seed: The new seed; None keeps the study's.
        training: New entries of `training:`; entries that are None keep the study's.
    """

    seed: int | None
    training: Mapping[str, Any]

    def of(self, study: "Study") -> "Study":
        """The study with these changes."""
        training = {name: value for name, value in self.training.items() if value is not None}
        changed: dict[str, Any] = {} if self.seed is None else {"seed": self.seed}
        return study.model_copy(update={**changed, "training": study.training.model_copy(update=training)})


def _execute(
    study: str, out: Path | None, changes: Changes, trust_code: bool, *, smoke: bool, device: Device, **options: Any
) -> None:
    """Run a study with the options of `run_study`, and print the result."""
    began = time.perf_counter()
    end_with_starter()
    with failures():
        from ..studies.library import study_path
        from ..studies.schema import load_study
        from ..studies.settings import fit_config

        plan = changes.of(load_study(study_path(study), trust_code=trust_code))
        folder = out or Path("runs") / (f"{plan.name}-smoke" if smoke else plan.name)
        command = ["causalgen", *sys.argv[1:]]
        fit_config(plan.training, device=device)  # refuses missing devices before other processes start
        from ..studies.runner import Invocation, run_study

        try:
            with other_processes(plan.training.devices or 1):
                finished = run_study(
                    plan, folder, smoke=smoke, device=device, invocation=Invocation(command, began), **options
                )
        except KeyboardInterrupt as stop:
            if speaks():
                kept = f" Finished work is kept in {folder}; the same command continues from there."
                typer.echo(f"\n{stopped_by(stop)}" + (kept if (folder / "run.json").exists() else ""), err=True)
            raise typer.Exit(exit_code(stop)) from None
        from .show import print_run

        print_run(finished)
        if options.get("only_fit"):
            typer.echo(f"Model: {finished.model}")
            typer.echo(f"Query it: causalgen sample {folder}. Continue: causalgen run {study} --out {folder}.")
