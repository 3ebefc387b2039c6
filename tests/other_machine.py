"""Stand-in for a machine with another processor."""

import os
import subprocess
import sys

__all__ = ["printed_elsewhere"]


def printed_elsewhere(script: str) -> str:
    """What a script prints in a process in which NumPy may not use the vector instructions of this machine."""
    env = {**os.environ, "NPY_DISABLE_CPU_FEATURES": "AVX2 FMA3 AVX512F AVX512_SKX"}
    return subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, check=True).stdout
