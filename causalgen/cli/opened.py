"""The run that a command asks, with the fingerprint that its user expects."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ..studies.runfolder import RunFolder

__all__ = ["Sha256", "opened_run"]

Sha256 = Annotated[
    str | None,
    typer.Option(
        "--sha256", help="Refuse a run with another fingerprint; `causalgen show RUN` prints it.", show_default=False
    ),
]


def opened_run(path: Path, *, trust_code: bool, sha256: str | None) -> "RunFolder":
    """The run in a folder; errors as in `read_run` and `require_fingerprint`."""
    from ..studies.fingerprint import require_fingerprint
    from ..studies.runfolder import read_run

    run = read_run(path, trust_code=trust_code)
    require_fingerprint(run, sha256)
    return run
