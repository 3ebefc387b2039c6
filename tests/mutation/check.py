"""Plant each fault of `faults.py` in a copy of the package and see whether the tests of its room find it.

    cd tests; python -m mutation.check [first] [last]

Prints one line for each fault and how many were found within a minute; exit status 1 if fewer than 19 of 20 were.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from .faults import FAULTS, Fault

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 60.0
SHARE = 0.95


def main() -> int:
    """Check all faults, or those from the first to the last number given, counted from 1."""
    first, last = [*map(int, sys.argv[1:3]), 1, len(FAULTS)][:2] if len(sys.argv) == 3 else (1, len(FAULTS))
    chosen = FAULTS[first - 1 : last]
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy"
        shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".git", "__pycache__", ".*_cache", "_build"))
        found = sum(_found(copy, number, fault) for number, fault in enumerate(chosen, start=first))
    print(f"{found} of {len(chosen)} faults were found within {LIMIT:.0f} s")
    return 0 if found >= SHARE * len(chosen) else 1


def _found(copy: Path, number: int, fault: Fault) -> bool:
    module = copy / "causalgen" / fault.path
    right = module.read_text(encoding="utf-8")
    module.write_text(right.replace(fault.right, fault.wrong), encoding="utf-8")
    tests = [str(Path("tests") / part) for part in fault.tests.split()]
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-n", "2", *tests]
    started = time.monotonic()
    try:
        outcome = subprocess.run(
            command,
            cwd=copy,
            env={**os.environ, "PYTHONPATH": str(copy)},
            capture_output=True,
            text=True,
            timeout=LIMIT,
        )
        last = next((line for line in outcome.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))), "")
        verdict = "found" if last else "MISSED"
    except subprocess.TimeoutExpired:
        verdict, last = "TOO LATE", ""
    finally:
        module.write_text(right, encoding="utf-8")
    print(f"{number:2} {verdict:8} {time.monotonic() - started:5.1f} s  {fault.path}  {last[:120]}", flush=True)
    return verdict == "found"


if __name__ == "__main__":
    sys.exit(main())
