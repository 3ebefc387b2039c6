"""Facts about the machine and the libraries of a run."""

import ctypes
import gc
import platform
import sys
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from ._version import __version__

__all__ = ["MemoryMeter", "peak_memory", "versions"]

LIBRARIES = ("torch", "pyro-ppl", "zuko", "dowhy", "numpy", "scipy", "pandas", "scikit-learn", "scikit-image")


def versions() -> dict[str, str]:
    """Return the versions of causalgen, Python and the libraries that compute the numbers."""
    found = {"causalgen": __version__, "python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def peak_memory() -> float | None:
    """Maximum resident memory of this process so far, MiB; None where the system does not report it."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (2**20 if sys.platform == "darwin" else 2**10), 1)


class MemoryMeter:
    """Measures peak memory from its creation: of the accelerator if one is used, else of this process.

    Args:
        device: "auto", "cpu", "cuda" or "mps".
    """

    def __init__(self, device: str) -> None:
        import torch

        self.cuda = device in ("auto", "cuda") and torch.cuda.is_available()
        if self.cuda:
            torch.cuda.reset_peak_memory_stats()
        else:
            with suppress(OSError, AttributeError):  # Linux: free memory is returned, and the high-water mark reset
                gc.collect()
                ctypes.CDLL(None).malloc_trim(0)
                Path("/proc/self/clear_refs").write_text("5")

    def peak(self) -> float | None:
        """MiB; None where the system does not report it."""
        import torch

        if self.cuda:
            return round(torch.cuda.max_memory_allocated() / 2**20, 1)
        with suppress(OSError):
            for line in Path("/proc/self/status").read_text().splitlines():
                if line.startswith("VmHWM:"):
                    return round(int(line.split()[1]) / 2**10, 1)
        return peak_memory()
