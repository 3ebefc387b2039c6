"""`causalgen doctor`: does this machine have everything that causalgen needs, and how fast is it?"""

import json
from typing import TYPE_CHECKING

import typer

from .failures import FAILED, failures
from .options import AsJson

if TYPE_CHECKING:
    from ..training.doctor import Diagnosis

__all__ = ["doctor"]


def doctor(as_json: AsJson = False) -> None:
    """Show versions, device, memory and the speed of a training step, and what is missing.

    Paste the output into a bug report. The command exits with 1 if a requirement is not met.
    """
    with failures():
        from ..training.doctor import diagnose

        found = diagnose()
        typer.echo(json.dumps(found.to_dict(), indent=2) if as_json else "\n".join(_lines(found)))
        if found.unmet:
            raise typer.Exit(FAILED)


PRECISIONS = {"32-true": "32 bits", "bf16-mixed": "bfloat16"}


def _lines(found: "Diagnosis") -> list[str]:
    memory = "" if found.memory is None else f", {found.memory:.0f} GiB of memory"
    steps = ", ".join(
        f"{seconds * 1e3:.0f} ms" + (f" with {threads} thread{'s' if threads > 1 else ''}" if threads else "")
        for threads, seconds in found.seconds.items()
    )
    return [
        "Versions: " + ", ".join(f"{name} {version}" for name, version in found.versions.items()),
        f"Machine: {found.system}, {found.cores} core{'s' if found.cores > 1 else ''}{memory}",
        f"Device: {found.device}",
        f"Speed: {steps} for a training step of the default image mechanism "
        f"(32 grey images, 28 x 28, {PRECISIONS[found.precision]})",
        f"Cache: {found.cache} ({found.disk:.0f} GiB free)",
        *(found.unmet or ["Requirements: all met"]),
        *(f"Optional, not installed: {name} ({command})" for name, command in found.extras.items()),
    ]
