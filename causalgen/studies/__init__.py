"""Studies: one YAML file, one command, one run folder. Everything is loaded on first use."""

from typing import TYPE_CHECKING

from ..moved import keep_old_names
from ..on_use import load_on_use

if TYPE_CHECKING:
    from ..grammar import parse_do
    from .runfolder import RunFolder, read_run
    from .runner import run_study
    from .schema import Study, load_study

__all__ = ["RunFolder", "Study", "load_study", "parse_do", "read_run", "run_study"]

load_on_use(
    __name__,
    {
        "RunFolder": "runfolder",
        "Study": "schema",
        "load_study": "schema",
        "parse_do": ".grammar",
        "read_run": "runfolder",
        "run_study": "runner",
    },
)
keep_old_names(__name__)
