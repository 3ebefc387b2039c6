"""Opens the run that a command queries, and checks the fingerprint that the user expects."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ..studies.runfolder import RunFolder
    from ..studies.saved_model import Asked

__all__ = ["Sha256", "opened_model", "opened_run"]

Sha256 = Annotated[
    str | None,
    typer.Option(
        "--sha256", help="Refuse a run with another fingerprint; `causalgen show RUN` prints it.", show_default=False
    ),
]


def opened_run(path: Path, *, trust_code: bool, sha256: str | None) -> "RunFolder":
    """Open the run in a folder; raises as `read_asked` and `require_fingerprint` do.

    Raises:
        RunFolderError: It is a saved model.
    """
    from ..studies.saved_model import SavedModel

    run = opened_model(path, trust_code=trust_code, sha256=sha256)
    if isinstance(run, SavedModel):
        raise run.lacks("this command")
    return run


def opened_model(path: Path, *, trust_code: bool, sha256: str | None) -> "Asked":
    """Open the run in a folder, or a saved model; raises as `read_asked` and `require_fingerprint` do."""
    from ..studies.fingerprint import require_fingerprint
    from ..studies.saved_model import read_asked

    asked = read_asked(path, trust_code=trust_code)
    require_fingerprint(asked, sha256)
    return asked
