"""Several benchmarks in one call: each in a separate folder, and one page with a row for each data set and mechanism.

DATA/             a folder for each, see `run`
benchmarks.md     the page
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from ..errors import DataError
from ..files import write_whole
from ..studies.schema import Study
from .overview import LEGEND
from .page import tables
from .plan import BenchmarkOptions, plan_of
from .run import BenchmarkResult, run_benchmark

__all__ = ["PAGE", "BenchmarksResult", "run_benchmarks"]

PAGE = "benchmarks.md"


@dataclass(frozen=True)
class BenchmarksResult:
    """The result of several benchmarks.

    Args:
        folder: Folder of the page and of the benchmarks.
        results: Results by the name of the benchmark.
        page: The Markdown page, also in `benchmarks.md`.
        failures: Cells that did not finish, and why.
    """

    folder: Path
    results: dict[str, BenchmarkResult]
    page: str
    failures: tuple[str, ...]


def run_benchmarks(
    sources: Sequence[str | Study],
    out: Path | str,
    *,
    options: BenchmarkOptions | None = None,
    command: Sequence[str] = (),
    console: Console | None = None,
) -> BenchmarksResult:
    """Run several benchmarks by the protocol `causalgen`, or continue those in `out`; finished cells are not repeated.

    Args:
        sources: Keys of `BENCHMARKS`, or studies, of different names.
        out: The folder.
        options: The choices of the call for all benchmarks; None for each benchmark's defaults.
        command: Command line, for the record.
        console: Console for progress; None for standard error.

    Raises:
        DataError: Two benchmarks have the same name.
        UnknownNameError, RunFolderError: As in `run_benchmark`; names are checked before the first one trains.
    """
    options, out, console = options or BenchmarkOptions(), Path(out), console or Console(stderr=True)
    names = [plan_of(source, options).benchmark.name for source in sources]
    if len(set(names)) < len(names):
        raise DataError(f"Expected benchmarks of different names; got {', '.join(names)}. Name each once.")
    results = {}
    for name, source in zip(names, sources):
        console.print(f"[bold]{name}[/]")
        results[name] = run_benchmark(source, out / name, options=options, command=command, console=console)
    failures = tuple(f"{name}: {text}" for name, found in results.items() for text in found.failures)
    lines = [
        f"# Image mechanisms on {len(names)} data sets",
        "",
        f"- command: `{' '.join(command) or 'run_benchmarks'}`",
        *(f"- {name}: [all tables]({name}/benchmark.md)" for name, found in results.items()),
        *(["- smoke run: the numbers mean nothing"] if options.smoke else []),
        "",
        *(f"**{failure}**\n" for failure in failures),
        *tables({name: found.measured for name, found in results.items()}),
        "Figures that exist for one data set only are on its page.",
        "",
        LEGEND,
        "",
    ]
    text = "\n".join(lines)
    write_whole(out / PAGE, text)
    return BenchmarksResult(out, results, text, failures)
