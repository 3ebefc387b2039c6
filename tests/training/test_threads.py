"""Threads are chosen by measurement, which touches nothing that is trained; a number that is set or recorded holds."""

import os
import subprocess
import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest
import torch
from small_fit import CONFIG, model, same
from small_fit import data as rows

from causalgen.errors import DataError
from causalgen.training import FitConfig, fit, threads
from causalgen.training.threads import (
    StageThreads,
    fastest,
    given_threads,
    step_times,
    threads_after,
    threads_to_try,
    usable_threads,
)

QUICK = replace(
    CONFIG, attributes=replace(CONFIG.attributes, epochs=2), images=replace(CONFIG.images, epochs=2, patience=2)
)
ONCE = replace(
    CONFIG, attributes=replace(CONFIG.attributes, epochs=1), images=replace(CONFIG.images, epochs=1, patience=1)
)


def data() -> dict[str, dict[str, torch.Tensor]]:
    """A few batches."""
    return {split: {name: column[:70] for name, column in values.items()} for split, values in rows(300).items()}


@pytest.fixture(autouse=True)
def _a_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    """No number is set, as on a user's machine, and stages of any length are timed."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    module = import_module("causalgen.training.fit")
    monkeypatch.setattr(module, "LEAST_STEPS", 0)
    monkeypatch.setattr(module, "threads_to_try", lambda: [1, 2])


class Clock:
    """Stands for the time; a step takes as long as its number of threads says."""

    def __init__(self, seconds: dict[int, float]) -> None:
        self.seconds, self.now, self.counted = seconds, 0.0, list[int]()

    def perf_counter(self) -> float:
        return self.now

    def step(self) -> None:
        self.counted.append(torch.get_num_threads())
        self.now += self.seconds[torch.get_num_threads()]


@pytest.mark.parametrize("stop", ["between", "never"])
def test_timing_touches_nothing_that_is_trained(stop: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights, optimizers, batch statistics and random draws, also where threads are timed again after an epoch."""
    monkeypatch.setattr(threads, "fastest", lambda _: 1)
    monkeypatch.setattr(threads, "LEAST_SECONDS", 0.0)
    monkeypatch.setattr(threads, "SLOWER", 0.0 if stop == "between" else 1e9)
    timed, plain = model(), model()
    state = torch.get_rng_state()
    result = fit(timed, data(), QUICK, out=tmp_path)
    assert torch.equal(state, torch.get_rng_state())
    assert fit(plain, data(), replace(QUICK, threads=1)).history.equals(result.history)
    assert same(timed, plain)
    assert result.threads == {"attributes": 1, "im": 1}


def test_fit_says_what_was_chosen_and_gives_threads_back(capsys: pytest.CaptureFixture[str]) -> None:
    from rich.console import Console

    from causalgen.training import bars

    before = torch.get_num_threads()
    with bars(Console(file=sys.stdout, width=200)) as progress:
        result = fit(model(), data(), ONCE, bars=progress)
    assert torch.get_num_threads() == before
    said = capsys.readouterr().out
    for stage, number in result.threads.items():
        assert f"{number} thread{'s' if number > 1 else ''} to train {stage}: a step takes" in said


@pytest.mark.parametrize(
    ("seconds", "chosen"),
    [
        ({1: 0.004, 2: 0.002}, 2),  # an idle machine
        ({1: 0.004, 2: 0.004}, 2),  # as fast: all of them, which are the same on every run
        ({1: 0.004, 2: 0.005}, 2),  # no clear gain
        ({1: 0.002, 2: 0.005}, 1),  # a busy neighbour
        ({1: 0.001, 2: 0.100}, 1),  # a neighbour of higher priority
        ({1: 0.011, 2: 0.004, 4: 0.020}, 2),
        ({1: 0.012, 4: 0.009, 8: 0.008}, 8),
    ],
)
def test_fewer_threads_are_taken_for_a_clear_gain_only(
    seconds: dict[int, float], chosen: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(seconds)
    monkeypatch.setattr(threads, "time", clock)
    assert step_times(clock.step, list(seconds)) == pytest.approx(seconds)
    assert fastest(seconds) == chosen
    for number, took in seconds.items():
        hopeless = took > 3 * min(seconds.values())
        assert (clock.counted.count(number) == 1) == hopeless, "a hopeless number is tried once"


def test_a_stage_that_slows_down_is_timed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, said = Clock({1: 0.004, 2: 0.002}), list[str]()
    monkeypatch.setattr(threads, "time", clock)
    before = torch.get_num_threads()
    with StageThreads([1, 2], lambda: clock.step, said.append) as stage:
        stage.start("im")
        assert torch.get_num_threads() == stage.threads == 2
        for took in (2.0, 2.1, 3.9):
            stage.epoch_took(took, "im")
        assert len(said) == 1
        clock.seconds[2] = 0.020  # a neighbour has come
        stage.epoch_took(9.0, "im")
        assert torch.get_num_threads() == stage.threads == 1
        assert said[1].startswith("1 thread to train im, which has slowed down")
    assert torch.get_num_threads() == before


def test_a_resumed_fit_takes_the_recorded_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("causalgen.training.checkpoint.INTERVAL", 0.0)
    monkeypatch.setattr(threads, "fastest", lambda _: 2)

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(model(), data(), QUICK, out=tmp_path, on_epoch=stop)
    monkeypatch.setattr(threads, "fastest", lambda _: 1)
    resumed, straight = model(), model()
    assert fit(resumed, data(), QUICK, out=tmp_path).threads == {"attributes": 2, "im": 2}
    fit(straight, data(), replace(QUICK, threads=2))
    assert same(resumed, straight)


def test_a_number_that_is_set_is_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "step_times", lambda *_: pytest.fail("timed"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert fit(model(), data(), ONCE).threads == {"attributes": 1, "im": 1}
    assert fit(model(), data(), replace(ONCE, threads=2)).threads == {"attributes": 2, "im": 2}
    assert threads_after({"im": 2}) == 1


@pytest.mark.parametrize(("text", "number"), [("3", 3), ("4,2", 4), (" 1 ", 1), ("", None)])
def test_omp_num_threads(text: str, number: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", text)
    assert given_threads() == number


@pytest.mark.parametrize("text", ["0", "-1", "two", "1.5"])
def test_omp_num_threads_that_is_no_number(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", text)
    with pytest.raises(DataError, match=f"Expected a number of threads in OMP_NUM_THREADS; got '{text}'"):
        given_threads()


@pytest.mark.parametrize("number", [0, -2])
def test_no_threads(number: int) -> None:
    with pytest.raises(ValueError, match="Expected at least 1 thread"):
        FitConfig(threads=number)


@pytest.mark.parametrize(
    ("torchs", "cores", "tried"),
    [(1, 64, [1]), (2, 2, [1, 2]), (64, 2, [1, 2]), (8, 64, [1, 4, 8]), (64, 3, [1, 3]), (5, 5, [1, 2, 5])],
)
def test_no_more_threads_than_cores_affinity_and_quota_allow(
    torchs: int, cores: int, tried: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: torchs)
    monkeypatch.setattr(threads, "cpu_count", lambda: cores)
    assert threads_to_try() == tried
    assert threads_after({}) == max(tried)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity on this system")
def test_affinity_is_respected() -> None:
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert usable_threads() == 1
    finally:
        os.sched_setaffinity(0, before)


@pytest.mark.parametrize(
    ("given", "waiting"),
    [
        ({}, "2000"),
        ({"OMP_WAIT_POLICY": "active"}, "None"),
        ({"GOMP_SPINCOUNT": "7"}, "7"),
        ({"KMP_BLOCKTIME": "9"}, "None"),
    ],
)
def test_threads_wait_asleep_unless_the_user_says_how(given: dict[str, str], waiting: str) -> None:
    code = "import os; from causalgen.cli.threads import wait_asleep; wait_asleep(); print(os.environ.get('GOMP_SPINCOUNT'))"
    kept = {k: v for k, v in os.environ.items() if k not in ("GOMP_SPINCOUNT", "KMP_BLOCKTIME", "OMP_WAIT_POLICY")}
    done = subprocess.run([sys.executable, "-c", code], env=kept | given, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == waiting


def test_the_command_line_sets_every_librarys_number(tmp_path: Path) -> None:
    code = """
import os, sys
from causalgen.cli.app import app
try:
    app(["sample", "nowhere", "--threads", "3"])
except SystemExit as stop:
    assert stop.code == 2, stop.code
print([os.environ[name] for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "LOKY_MAX_CPU_COUNT")])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['3', '3', '3']"
