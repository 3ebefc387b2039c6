"""SIGKILL at random moments of a run, and of counterfactuals of all its units: the same command ends with the same bytes.

    cd tests; python -m campaigns.kill 100 --seed 0

A forked process does the work, and is killed within the time that the whole work takes. Then another one continues, until the
work is done and the next work begins. Prints the number of kills by step, and what differs from work without a kill.
"""

import argparse
import json
import multiprocessing
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import redirect_stdout, suppress
from io import StringIO
from pathlib import Path
from typing import Any

import torch
from study_cases import TINY

from causalgen.studies.all_units import answer_all
from causalgen.studies.runfolder import read_run
from causalgen.studies.runner import run_study
from causalgen.studies.schema import load_study

__all__ = ["attack"]

STUDY = TINY + "gallery: [{do: {thickness: 4}, units: 2}]\n"
TABLES = (".csv", ".safetensors", ".parquet")
"""Files that are compared; the report names times."""


def attack(kills: int, seed: int, *, only_fit: bool = False) -> tuple[Counter[str], list[str]]:
    """Kill `kills` times; return the kills by the step in which they came, and what differs from work without a kill.

    Args:
        kills: Number of kills.
        seed: Seed of their moments.
        only_fit: Whether the run ends with the fitted model.
    """
    draw, found, differing = random.Random(seed), Counter[str](), []
    torch.set_num_threads(1)  # threads do not survive a fork
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home)
        (folder / "study.yaml").write_text(STUDY)
        works: dict[str, Callable[[Path], Any]] = {
            "run": lambda out: run_study(load_study(folder / "study.yaml"), out, only_fit=only_fit),
            "all units": lambda out: answer_all(read_run(folder / "whole run"), ["thickness+=1"], out),
        }
        times = {}
        for name, work in works.items():
            started = time.monotonic()
            _quiet(work, folder / f"whole {name}")
            times[name] = time.monotonic() - started
        number = 0
        while sum(found.values()) < kills:
            number += 1
            for name, work in works.items():
                out = folder / f"{name} {number}"
                while not _done(out) and sum(found.values()) < kills:
                    step = _killed(work, out, draw.uniform(0, times[name]))
                    if step is not None:
                        found[f"{name}: {step}"] += 1
                if not _done(out) and (code := _forked(work, out).exitcode):
                    differing.append(f"{out.name} ended with {code}")
                whole, ours = _files(folder / f"whole {name}"), _files(out)
                differing += [f"{out.name}: {file}" for file in whole | ours if whole.get(file) != ours.get(file)]
    return found, differing


def _killed(work: Callable[[Path], Any], out: Path, seconds: float) -> str | None:
    """Kill the work after some time; the step that it was in, None if it was done before."""
    child = _forked(work, out, seconds)
    alive = child.is_alive()
    child.kill()
    child.join()
    return _step(out) if alive else None


def _forked(
    work: Callable[[Path], Any], out: Path, seconds: float | None = None
) -> multiprocessing.process.BaseProcess:
    """A process that does the work, once it is done or has had some time."""
    child = multiprocessing.get_context("fork").Process(target=_quiet, args=(work, out))
    child.start()
    child.join(seconds)
    return child


def _quiet(work: Callable[[Path], Any], out: Path) -> None:
    with redirect_stdout(StringIO()):
        work(out)


def _step(out: Path) -> str:
    """The first step that is not finished."""
    with suppress(OSError, ValueError):
        steps = json.loads((out / "run.json").read_text())["steps"]
        last = f"after {next(reversed(steps), 'opening')}"  # a run has no step when it begins
        return next((name for name, step in steps.items() if not step["finished"]), last)
    return "beginning" if not (out / "data").exists() else f"{len(list((out / 'data').glob('*.parquet')))} shards"


def _done(out: Path) -> bool:
    with suppress(OSError, ValueError, KeyError):
        return bool(json.loads((out / "manifest.json").read_text())["finished"])
    with suppress(OSError, ValueError, KeyError):
        return bool(json.loads((out / "run.json").read_text())["status"] in ("finished", "fitted"))
    return False


def _files(out: Path) -> dict[str, bytes]:
    files = [path for path in out.rglob("*") if path.suffix in TABLES and path.name != "timings.csv"]
    return {str(path.relative_to(out)): path.read_bytes() for path in files}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kills", type=int)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    found, differing = attack(asked.kills, asked.seed)
    for step, count in sorted(found.items()):
        print(f"{step:<50}{count:>6}")
    print(f"{sum(found.values())} kills, {len(differing)} differences")
    print("\n".join(differing))
    sys.exit(bool(differing))


if __name__ == "__main__":
    main()
