"""`causalgen benchmark`: every image mechanism trained and evaluated in the same way, in one table."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from .failures import FAILED, failures
from .options import TrustCode
from .signals import exit_code, stopped_by
from .threads import Threads

__all__ = ["benchmark"]


class BenchmarkDevice(StrEnum):
    """Where to compute."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"


def benchmark(
    data: Annotated[
        list[str],
        typer.Argument(
            help="morphodigits, morphomnist, morphomnist-colour, pendulum or a study file; several make one page.",
            show_default=False,
        ),
    ],
    mechanisms: Annotated[
        str | None,
        typer.Option(
            help="Image mechanisms, such as conv-vae,diffusion; with a study also module:Class.",
            show_default="all; with a study its own and conv-vae,flow-matching,gan",
        ),
    ] = None,
    seeds: Annotated[
        str | None, typer.Option(help="Seeds of training, such as 0,1.", show_default="0,1,2; with --smoke 0")
    ] = None,
    protocols: Annotated[
        str | None, typer.Option(help="causalgen, published or both.", show_default="those of the benchmark")
    ] = None,
    rows: Annotated[int | None, typer.Option(help="Test units to evaluate.", show_default="the benchmark's")] = None,
    epochs: Annotated[
        int | None, typer.Option(help="Epochs of every mechanism.", show_default="the benchmark's")
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(help="Units per step of every mechanism.", show_default="the benchmark's")
    ] = None,
    device: Annotated[BenchmarkDevice, typer.Option(help="Where to compute.")] = BenchmarkDevice.auto,
    smoke: Annotated[bool, typer.Option("--smoke", help="Make everything tiny, to test the setup.")] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder.",
            show_default="benchmarks/DATA, or benchmarks/DATA-smoke; of several, benchmarks or benchmarks-smoke",
        ),
    ] = None,
    trust_code: TrustCode = False,
    docs: Annotated[Path | None, typer.Option(help="Copy the page to this file.", show_default=False)] = None,
    threads: Threads = None,
) -> None:
    """Train, time and evaluate image mechanisms in the same way, and write one table.

    With a study file, data and questions are the study's, and metrics that need a known truth are left out.

    Finished cells in the folder are kept, training resumes from its checkpoint, and several calls share one table.

    Example: causalgen benchmark morphodigits --mechanisms conv-vae,flow-matching

    Example: causalgen benchmark morphodigits morphomnist morphomnist-colour --mechanisms conv-vae

    Example: causalgen benchmark study.yaml --mechanisms conv-vae,gan
    """
    numbers = None if seeds is None else [_seed(word) for word in _words(seeds)]
    with failures():
        from ..benchmark import BenchmarkOptions, run_benchmark, run_benchmarks
        from ..benchmark.settings import BENCHMARKS
        from ..benchmark.several import PAGE
        from ..files import write_whole
        from ..studies.schema import load_study

        sources = [
            load_study(word, trust_code=trust_code)
            if word not in BENCHMARKS and Path(word).suffix in (".yaml", ".yml")
            else word
            for word in data
        ]
        several, command = len(sources) > 1, ["causalgen", *sys.argv[1:]]
        name = sources[0] if isinstance(sources[0], str) else sources[0].name
        place = Path("benchmarks") if several else Path("benchmarks") / name
        folder = out or (place.with_name(f"{place.name}-smoke") if smoke else place)
        try:
            options = BenchmarkOptions(
                mechanisms=None if mechanisms is None else _words(mechanisms),
                seeds=numbers,
                protocols=None if protocols is None else _words(protocols),
                rows=rows,
                epochs=epochs,
                batch_size=batch_size,
                device=device,
                smoke=smoke,
            )
            result = (
                run_benchmarks(sources, folder, options=options, command=command)
                if several
                else run_benchmark(sources[0], folder, options=options, command=command)
            )
        except KeyboardInterrupt as stop:
            typer.echo(
                f"\n{stopped_by(stop)} Finished work is kept in {folder}; the same command continues from there.",
                err=True,
            )
            raise typer.Exit(exit_code(stop)) from None
        typer.echo(result.page)
        for file in (PAGE,) if several else ("benchmark.md", "benchmark.csv"):
            typer.echo(result.folder / file)
        if docs is not None:
            docs.parent.mkdir(parents=True, exist_ok=True)
            write_whole(docs, result.page)
            typer.echo(docs)
        if result.failures:
            raise typer.Exit(FAILED)


def _words(text: str) -> list[str]:
    """Split words at commas.

    >>> _words("a, b")
    ['a', 'b']
    """
    return [word.strip() for word in text.split(",") if word.strip()]


def _seed(word: str) -> int:
    if not word.isdecimal():
        raise typer.BadParameter(f"Expected seeds such as 0,1,2; got {word!r}.", param_hint="--seeds")
    return int(word)
