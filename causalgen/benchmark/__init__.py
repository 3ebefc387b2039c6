"""Benchmarks: train, time and evaluate image mechanisms alike, with one table and one page. Loaded on first use."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .plan import BenchmarkOptions
    from .run import BenchmarkResult, run_benchmark
    from .settings import BENCHMARKS, Benchmark, load_benchmark
    from .study import study_benchmark

__all__ = [
    "BENCHMARKS",
    "Benchmark",
    "BenchmarkOptions",
    "BenchmarkResult",
    "load_benchmark",
    "run_benchmark",
    "study_benchmark",
]

_HOMES = {
    "BENCHMARKS": "settings",
    "Benchmark": "settings",
    "BenchmarkOptions": "plan",
    "BenchmarkResult": "run",
    "load_benchmark": "settings",
    "run_benchmark": "run",
    "study_benchmark": "study",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
