"""What a run says about the machine and the libraries it ran on."""

import platform
import sys
from importlib.metadata import PackageNotFoundError, version

from .._version import __version__

__all__ = ["peak_memory", "versions"]

LIBRARIES = ("torch", "pyro-ppl", "zuko", "dowhy", "numpy", "scipy", "pandas", "scikit-learn", "scikit-image")


def versions() -> dict[str, str]:
    """Versions of causalgen, Python and the libraries that make the numbers."""
    found = {"causalgen": __version__, "python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def peak_memory() -> float | None:
    """Greatest resident memory of this process so far, MiB; None where the system does not tell."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (2**20 if sys.platform == "darwin" else 2**10), 1)
