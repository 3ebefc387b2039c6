"""The plan of one call of a benchmark: the benchmark, its form on this machine, and the cells."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.progress import Progress

from ..datasets import Dataset, load
from ..errors import DataError
from ..studies.data_section import DataSource, OwnData
from ..studies.measurements import Measurement, find_measurement, find_measurements
from ..studies.schema import Study
from ..studies.sources import load_data
from ..training.device import device_of
from .settings import SMOKE_ROWS, Benchmark, Cell, Form, check_words, load_benchmark
from .study import study_benchmark

__all__ = ["BenchmarkOptions", "BenchmarkPlan", "plan_of"]

PROTOCOL_WORDS = ("causalgen", "published")
DEVICES = ("auto", "cpu", "cuda")
SEEDS = (0, 1, 2)
"""Default seeds of training: with one seed, the variation between training runs is unknown."""
LEAST_ROWS = 20
"""Fewer test units would be refused only after training, or give no information."""


@dataclass(frozen=True)
class BenchmarkOptions:
    """The choices of one call of a benchmark.

    Args:
        mechanisms: Image mechanisms, with a study also module:Class; None for all of the benchmark.
        seeds: Seeds of training; None for 0, 1 and 2, in a smoke run for 0. Units and queries of the evaluation are the same
            for all.
        protocols: Protocols of the evaluation; None for those of the benchmark.
        rows: Number of test units to evaluate; None for the benchmark's number.
        epochs: Epochs of every image mechanism; None for the benchmark's.
        batch_size: Units per step of every image mechanism; None for the benchmark's.
        device: "auto", "cpu" or "cuda".
        smoke: Shrink everything; the numbers then mean nothing.
    """

    mechanisms: Sequence[str] | None = None
    seeds: Sequence[int] | None = None
    protocols: Sequence[str] | None = None
    rows: int | None = None
    epochs: int | None = None
    batch_size: int | None = None
    device: str = "auto"
    smoke: bool = False

    @property
    def all_seeds(self) -> tuple[int, ...]:
        """Seeds of training, the default ones if none are given."""
        if self.seeds is not None:
            return tuple(self.seeds)
        return SEEDS[:1] if self.smoke else SEEDS


@dataclass(frozen=True)
class BenchmarkPlan:
    """One call of a benchmark.

    Args:
        benchmark: The benchmark, with the protocols of the call.
        form: Its form on this machine.
        device: "cpu" or "cuda".
        smoke: Whether everything is shrunk.
        cells: The cells in order; a fine-tuned one follows its base cell.
        study: The study that the benchmark describes, if it is about one.
    """

    benchmark: Benchmark
    form: Form
    device: str
    smoke: bool
    cells: tuple[Cell, ...]
    study: Study | None = None

    @property
    def source(self) -> DataSource | OwnData:
        """The data, shrunk in a smoke run."""
        data = self.benchmark.data
        return data.model_copy(update={"rows": SMOKE_ROWS}) if self.smoke else data

    @property
    def trust_code(self) -> bool:
        """Whether mechanisms that are not causalgen's may be imported."""
        return self.study is not None and self.study.trust_code

    @property
    def tuned(self) -> bool:
        """Whether a cell is fine-tuned."""
        return any(cell.tuned for cell in self.cells)

    def settings(self) -> dict[str, Any]:
        """JSON-able settings that all cells of a folder must share."""
        return {
            "data": self.source.model_dump(mode="json"),
            "device": self.device,
            "queries": list(self.benchmark.queries),
            "measurements": self.benchmark.measurements,
            **self.form.model_dump(mode="json", exclude={"mechanisms", "grids"}),
        }

    def load_data(self, bars: Progress) -> Dataset:
        """The data set."""
        source = self.source
        if self.study is not None:
            return load_data(source, bars)
        assert isinstance(source, DataSource)
        return load(source.name, **source.options)

    def measurements(self) -> dict[str, Measurement]:
        """Measurements on images by attribute."""
        if self.study is not None:
            return find_measurements(self.study.measured, trust_code=self.trust_code, bits=self.source.bits)
        words = self.benchmark.measurements.items()
        return {name: find_measurement(word, name=name, bits=self.source.bits) for name, word in words}


def plan_of(source: str | Study, options: BenchmarkOptions) -> BenchmarkPlan:
    """Build the plan of a call; every error that can be found before training is raised here.

    Raises:
        UnknownNameError: No benchmark, mechanism, protocol or device of that name.
        DataError: No seed, a negative one, or one twice; a number is too small; this machine lacks the device.
    """
    study = source if isinstance(source, Study) else None
    if study is None:
        benchmark = load_benchmark(str(source)).including(options.mechanisms or ())
    else:
        benchmark = study_benchmark(study, options.mechanisms)
    if options.protocols is not None:
        benchmark = benchmark.model_copy(update={"protocols": tuple(options.protocols)})
    check_words(benchmark.protocols, PROTOCOL_WORDS, "protocols")
    _check_numbers(options)
    check_words((options.device,), DEVICES, "devices of a benchmark")
    # Benchmarks have a form for CPUs and one for CUDA, so "auto" on a Mac means its CPU.
    device = "cuda" if device_of(options.device).type == "cuda" else "cpu"
    form = benchmark.form(device, smoke=options.smoke)
    if options.rows is not None:
        form = form.model_copy(update={"rows": options.rows})
    own = options.mechanisms is None or study is not None
    mechanisms = tuple(form.mechanisms if own else options.mechanisms or ())
    check_words(mechanisms, tuple(form.mechanisms), "mechanisms of the benchmark")
    cells = []
    for seed in options.all_seeds:
        for name in mechanisms:
            recipe = form.mechanisms[name].changed(options.epochs, options.batch_size)
            cell = Cell(mechanism=name, seed=seed, recipe=recipe)
            cells += [cell, cell.model_copy(update={"tuned": True})] if recipe.tuning else [cell]
    _check_labels(cells)
    return BenchmarkPlan(benchmark, form, device, options.smoke, tuple(cells), study)


def _check_labels(cells: Sequence[Cell]) -> None:
    """Raise an error for two classes with the same name, which would share a folder and a row."""
    known: dict[str, str] = {}
    for cell in cells:
        if known.setdefault(cell.word, cell.mechanism) != cell.mechanism:
            raise DataError(
                f"Expected mechanisms of different names; got {known[cell.word]} and {cell.mechanism}. Rename a class."
            )


def _check_numbers(options: BenchmarkOptions) -> None:
    seeds = options.all_seeds
    if not seeds or len(set(seeds)) < len(seeds) or min(seeds) < 0 or max(seeds) >= 2**32:
        raise DataError(f"Expected one or more different seeds of 0 to 2**32 - 1; got {list(seeds)}.")
    for name, least in (("rows", LEAST_ROWS), ("epochs", 1), ("batch_size", 1)):
        number = getattr(options, name)
        if number is not None and number < least:
            raise DataError(f"Expected {name} of at least {least}; got {number}.")
