"""Plant each fault of `faults.py` in a copy of the package and see whether the tests of its room find it.

    cd tests; python -m mutation.check [first] [last]

Runs the tests once without a fault. Then prints one line for each fault, and how many were found within a minute; exit
status 1 if fewer than 19 of 20 were.
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
LEFT_OUT = (".git", ".venv", "__pycache__", ".*_cache", "_build", "build", "dist", "runs")


def main() -> int:
    """Check all faults, or those from the first to the last number given, counted from 1."""
    given = [int(word) for word in sys.argv[1:]]
    first, last = (*given, *(1, len(FAULTS))[len(given) :])
    chosen = FAULTS[first - 1 : last]
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy"
        shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(*LEFT_OUT))
        for tests in dict.fromkeys(fault.tests for fault in chosen):
            if _run(copy, tests, None).returncode != 0:
                sys.exit(f"Expected the tests of {tests} to pass without a fault; they fail. Repair them first.")
        found = sum(_found(copy, number, fault) for number, fault in enumerate(chosen, start=first))
    print(f"{found} of {len(chosen)} faults were found within {LIMIT:.0f} s")
    return 0 if found >= SHARE * len(chosen) else 1


def _found(copy: Path, number: int, fault: Fault) -> bool:
    module = copy / "causalgen" / fault.path
    right = module.read_text(encoding="utf-8")
    module.write_text(right.replace(fault.right, fault.wrong), encoding="utf-8")
    started = time.monotonic()
    try:
        outcome = _run(copy, fault.tests, LIMIT)
        last = next((line for line in outcome.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))), "")
        verdict = "found" if last else "MISSED"
    except subprocess.TimeoutExpired:
        verdict, last = "TOO LATE", ""
    finally:
        module.write_text(right, encoding="utf-8")
    print(f"{number:2} {verdict:8} {time.monotonic() - started:5.1f} s  {fault.path}  {last[:120]}", flush=True)
    return verdict == "found"


def _run(copy: Path, tests: str, limit: float | None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-n", "2", *(f"tests/{part}" for part in tests.split())]
    environment = {**os.environ, "PYTHONPATH": str(copy)}
    return subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, timeout=limit)


if __name__ == "__main__":
    sys.exit(main())
