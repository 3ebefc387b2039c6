"""Benchmarks: train, time and evaluate image mechanisms alike, with one table and one page. Loaded on first use."""

from typing import TYPE_CHECKING

from ..on_use import load_on_use

if TYPE_CHECKING:
    from .plan import BenchmarkOptions
    from .run import BenchmarkResult, run_benchmark
    from .settings import BENCHMARKS, Benchmark, load_benchmark
    from .several import BenchmarksResult, run_benchmarks
    from .study import study_benchmark

__all__ = [
    "BENCHMARKS",
    "Benchmark",
    "BenchmarkOptions",
    "BenchmarkResult",
    "BenchmarksResult",
    "load_benchmark",
    "run_benchmark",
    "run_benchmarks",
    "study_benchmark",
]

load_on_use(
    __name__,
    {
        "BENCHMARKS": "settings",
        "Benchmark": "settings",
        "BenchmarkOptions": "plan",
        "BenchmarkResult": "run",
        "BenchmarksResult": "several",
        "load_benchmark": "settings",
        "run_benchmark": "run",
        "run_benchmarks": "several",
        "study_benchmark": "study",
    },
)
