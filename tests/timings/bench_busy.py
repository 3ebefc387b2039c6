"""A smoke run next to a busy process: how many times as long as on an idle machine?

python tests/timings/bench_busy.py [--study morphodigits] [--rounds 2] [--nice 0 -5] [--threads 1]

Every round runs the study idle and next to one process that computes without end, for each priority, one after another, so
that a slow drift of the machine meets all alike. A negative niceness needs the right to raise a priority. Run it on a machine
that does nothing else: the load before the start is printed. Target: a ratio of at most 2.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TARGET = 2.0


@contextmanager
def neighbour(niceness: int | None) -> Iterator[None]:
    """A process that computes without end; None for none."""
    if niceness is None:
        yield
        return
    code = f"import os; os.setpriority(os.PRIO_PROCESS, 0, {niceness})\nwhile True: pass"
    process = subprocess.Popen([sys.executable, "-c", code])
    try:
        time.sleep(0.5)
        if process.poll() is not None:
            raise SystemExit(f"Expected the right to run a process of niceness {niceness}; got none.")
        yield
    finally:
        process.kill()
        process.wait()


def seconds(study: str, options: list[str]) -> float:
    """Wall time of a smoke run in a fresh folder."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable,
            "-m",
            "causalgen",
            "run",
            study,
            "--smoke",
            "--out",
            str(Path(folder, "run")),
            *options,
        ]
        began = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--study", default="morphodigits")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--nice", type=int, nargs="*", default=[0])
    parser.add_argument("--threads", type=int)
    arguments = parser.parse_args()
    options = [] if arguments.threads is None else ["--threads", str(arguments.threads)]
    print(f"{len(os.sched_getaffinity(0))} cores, load before the start {os.getloadavg()[0]:.2f}")
    seconds(arguments.study, options)  # fills the cache of images
    times: dict[int | None, list[float]] = {niceness: [] for niceness in (None, *arguments.nice)}
    for _ in range(arguments.rounds):
        for niceness, found in times.items():
            with neighbour(niceness):
                found.append(seconds(arguments.study, options))
    idle = times[None]
    print(f"idle: {statistics.median(idle):.1f} s [{min(idle):.1f}, {max(idle):.1f}]")
    for niceness in arguments.nice:
        ratios = [busy / alone for busy, alone in zip(times[niceness], idle, strict=True)]
        verdict = "reached" if statistics.median(ratios) <= TARGET else "missed"
        print(
            f"neighbour of niceness {niceness}: {statistics.median(times[niceness]):.1f} s, {statistics.median(ratios):.2f} "
            f"times [{min(ratios):.2f}, {max(ratios):.2f}]; target {TARGET:g}: {verdict}"
        )


if __name__ == "__main__":
    main()
