"""Several processes train what one would: what they divide, what they exchange, and what is refused before anything starts."""

import json
import os
import subprocess
import sys
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as some
from small_fit import CONFIG, data, model
from two_processes import IMAGES, fitted

from causalgen.errors import DataError
from causalgen.launched import Launch, launch
from causalgen.training import FitConfig, Stage, fit
from causalgen.training.device import check_devices
from causalgen.training.fabric import fabric_for
from causalgen.training.fit import _check_slices
from causalgen.training.holes import Rows
from causalgen.training.processes import Processes

TORCHRUN = {"RANK": "5", "LOCAL_RANK": "1", "WORLD_SIZE": "8", "LOCAL_WORLD_SIZE": "4"}
JOB = {"SLURM_NTASKS": "8", "SLURM_NNODES": "2", "SLURM_PROCID": "5", "SLURM_LOCALID": "1"}
STEP = {**JOB, "SLURM_STEP_NUM_TASKS": "8", "SLURM_STEP_NUM_NODES": "2"}


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, None),
        (TORCHRUN, Launch(5, 1, 4, 2)),
        (STEP, Launch(5, 1, 4, 2)),
        ({"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "here"}, None),  # of a shell's profile
        ({"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1", "TORCHELASTIC_RUN_ID": "1"}, Launch(0, 0, 1, 1)),
        (JOB, None),  # a batch script without srun: nobody started the others
        ({**STEP, "SLURM_STEP_NUM_TASKS": "1"}, None),
        ({**STEP, "SLURM_JOB_NAME": "bash"}, None),
    ],
)
def test_the_launcher_is_recognised(
    variables: dict[str, str], expected: Launch | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith("SLURM_") or name in TORCHRUN]:
        monkeypatch.delenv(name)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert launch() == expected


@pytest.mark.parametrize(
    ("variables", "name"),
    [(TORCHRUN | {"RANK": "first"}, "RANK"), (TORCHRUN | {"WORLD_SIZE": ""}, "WORLD_SIZE"),
     (STEP | {"SLURM_PROCID": "-1"}, "SLURM_PROCID")],
)  # fmt: skip
def test_a_launcher_without_numbers_is_refused(
    variables: dict[str, str], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in [key for key in os.environ if key.startswith("SLURM_") or key in TORCHRUN]:
        monkeypatch.delenv(key)
    for key, value in variables.items():
        monkeypatch.setenv(key, value)
    with pytest.raises(DataError, match=f"variable {name}"):
        launch()


@given(some.integers(0, 500), some.integers(1, 70))
def test_slices_divide_a_batch_evenly(count: int, processes: int) -> None:
    slices = [Processes(SimpleNamespace(world_size=processes, global_rank=r)).slice(count) for r in range(processes)]  # type: ignore[arg-type]
    assert [place for one in slices for place in one] == list(range(count))
    assert max(map(len, slices)) - min(map(len, slices)) <= 1


def test_one_process_exchanges_nothing() -> None:
    one = Processes(fabric_for(CONFIG, image=False))
    parameter = torch.nn.Parameter(torch.ones(3))
    one.sum_gradients([parameter])
    assert parameter.grad is None
    assert one.sum({"loss": 0.1}) == {"loss": 0.1}
    assert one.from_first("x") == "x"
    before = torch.get_rng_state()
    with one.own_draws(0, "im", 3):
        torch.rand(1)
    assert not torch.equal(before, torch.get_rng_state())  # it draws from the stream of the fit


def test_a_fit_of_several_processes_needs_a_launcher(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    with pytest.raises(
        DataError, match=r"Expected 2 processes on 1 machines.*got one\. Start the program with torchrun"
    ):
        fit(model(), data(), replace(CONFIG, devices=2))
    for name, value in TORCHRUN.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(DataError, match=r"Expected 2 processes on 1 machines.*got 4 on 2 machines"):
        fit(model(), data(), replace(CONFIG, devices=2))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"devices": 3}, r"Expected at most 2 devices, the processor cores of this machine; got 3\."),
        (
            {"num_nodes": 2},
            r"Expected a launcher on each of 2 machines; got one process without one\. Start .* torchrun",
        ),
    ],
)
def test_what_this_machine_lacks_is_refused(
    changes: dict[str, int], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    with pytest.raises(DataError, match=message):
        check_devices(replace(CONFIG, **changes))


def test_a_precision_that_a_device_only_emulates_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from causalgen.training import device

    monkeypatch.setattr(device, "device_of", lambda _: torch.device("cuda"))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: including_emulation)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "Tesla V100")
    check_devices(FitConfig(precision="auto"))
    with pytest.raises(DataError, match=r"that Tesla V100 computes with; got 'bf16-mixed'"):
        check_devices(FitConfig(precision="bf16-mixed"))


@pytest.mark.parametrize(
    ("known", "processes", "refused"), [(90, 33, True), (90, 32, False), (350, 33, False), (20, 33, False)]
)
def test_more_processes_than_complete_rows_in_a_batch_are_refused(known: int, processes: int, refused: bool) -> None:
    """An image begins with the rows whose parents are known, in smaller batches than those of all rows."""
    scm = model()
    stage = Stage(batch_size=64)
    config = replace(CONFIG, attributes=stage, images=stage)
    knows = torch.arange(400) < known
    parent = next(name for name in scm.graph.parents("im"))
    train = Rows({name: torch.zeros(400) for name in scm.graph.nodes}, {parent: knows})
    several = SimpleNamespace(count=processes, require_same=lambda *_: None)
    with (
        pytest.raises(DataError, match="got 32 rows whose values around 'im' are all known")
        if refused
        else nullcontext()
    ):
        _check_slices(several, config, scm, train, 100)  # type: ignore[arg-type]


def test_settings_are_checked() -> None:
    with pytest.raises(ValueError, match="devices of at least 1; got 0"):
        FitConfig(devices=0)
    with pytest.raises(ValueError, match="num_nodes of at least 1; got 0"):
        FitConfig(num_nodes=0)


@pytest.mark.slow
def test_two_processes_keep_one_model_and_reach_the_losses_of_one(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "ignore", "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command += [str(Path(__file__).parents[1] / "two_processes.py"), str(tmp_path)]
    subprocess.run(command, check=True, timeout=300, capture_output=True)
    first, second = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in (0, 1))
    assert first == second
    for kind in IMAGES:
        alone = fitted(kind, 1)["losses"]
        for node, loss in first[kind]["losses"].items():
            tolerance = 0.15 if node.startswith("im") else 1e-4  # images draw other noise, attributes none
            assert loss == pytest.approx(alone[node], rel=tolerance, abs=tolerance), (kind, node)


@pytest.mark.gpu
def test_one_device_of_an_accelerator_learns_what_the_cpu_does() -> None:
    losses = {}
    for device in ("cpu", "cuda"):
        history = fit(model(), data(), replace(CONFIG, device=device, devices=1)).history
        losses[device] = history[history["split"] == "validation"].groupby("node")["value"].last()
    for name in "xyg":
        assert losses["cuda"][name] == pytest.approx(losses["cpu"][name], rel=0.05)
