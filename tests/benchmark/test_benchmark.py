"""The benchmark: cells that resume and are not repeated, failures that are said and do not stop it, one table."""

import io
import shutil
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
import torch

from causalgen.benchmark import BenchmarkOptions, BenchmarkResult, run_benchmark, run_benchmarks
from causalgen.benchmark import cell as benchmark_cell
from causalgen.benchmark import grids as benchmark_grids
from causalgen.benchmark import plan as benchmark_plan
from causalgen.benchmark import shared as benchmark_shared
from causalgen.benchmark.cell import has_model, read_cell
from causalgen.benchmark.page import BenchmarkFigures, page, tables
from causalgen.benchmark.plan import plan_of
from causalgen.benchmark.settings import BENCHMARKS, Benchmark, load_benchmark
from causalgen.benchmark.table import cells, summarise
from causalgen.datasets import load
from causalgen.errors import CheckpointError, DataError, DivergenceError, RunFolderError, UnknownNameError
from causalgen.graph import CausalGraph
from causalgen.metrics import MetricResult, MetricTable, Protocol, Readers, spaces, stroke_measures
from causalgen.predictors.attributes import further_inputs
from causalgen.scm import StructuralCausalModel
from causalgen.training import FitConfig, TuningConfig

CLOSE = MetricResult(
    "composition L1 (10 cycles)", "do(thickness)", "model", "all units", 0.01, 0.0, 0.02, 30, "grey levels", "lower",
    note="by construction",
)  # fmt: skip
REALISM = replace(CLOSE, metric="Frechet distance", query="samples", floor=0.5, note="")


def run(source: str, folder: Path, **options: Any) -> BenchmarkResult:
    return run_benchmark(source, folder, options=BenchmarkOptions(**options))


@pytest.fixture(scope="module", autouse=True)
def fine_tuned() -> Iterator[None]:
    """The small benchmark has no recipe with fine-tuning; here conv-vae gets one."""

    def load(name: str) -> Benchmark:
        benchmark = load_benchmark(name)
        recipe = benchmark.cpu.mechanisms["conv-vae"].model_copy(update={"tuning": TuningConfig()})
        cpu = benchmark.cpu.model_copy(update={"mechanisms": {**benchmark.cpu.mechanisms, "conv-vae": recipe}})
        return benchmark.model_copy(update={"cpu": cpu})

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(benchmark_plan, "load_benchmark", load)
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("benchmark")


@pytest.fixture(scope="module")
def result(folder: Path) -> BenchmarkResult:
    """Two mechanisms, one of which cannot abduct; half a minute's worth of everything in seconds."""
    return run("morphodigits", folder, mechanisms=["conv-vae", "dcgan"], smoke=True, device="cpu")


@pytest.fixture
def forbidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(benchmark_cell, "fit", refuse)
    monkeypatch.setattr(benchmark_cell, "evaluate", refuse)
    monkeypatch.setattr("causalgen.predictors.attributes.fit_predictor", refuse)
    monkeypatch.setattr(benchmark_shared, "fit", refuse)


def test_every_cell_has_all_that_the_table_needs(result: BenchmarkResult) -> None:
    assert result.failures == ()
    assert [record["label"] for record in cells(result.folder)] == ["conv-vae", "conv-vae, fine-tuned", "dcgan"]
    for record in cells(result.folder):
        assert record["status"] == "finished"
        assert record["seconds"] > 0
        assert record["seconds_per_1000"] > 0
        assert record["memory_mib"] > 100
        assert (record["path"] / "model").is_dir()
        assert not list(record["path"].glob("checkpoints-*"))
        assert record["tuned"] == (record["label"] == "conv-vae, fine-tuned")
    assert list((result.folder / "cells" / "conv-vae-seed0" / "grids").glob("epoch-*.png"))
    seconds = {record["label"]: record["seconds"] for record in cells(result.folder)}
    assert seconds["conv-vae, fine-tuned"] > seconds["conv-vae"]
    table = pd.read_csv(result.folder / "benchmark.csv")
    vae = table[table["label"] == "conv-vae"]
    controls = {"identity control", "untrained control", "oracle", "permutation control"}
    assert {"model", "floor", "null intervention", "truth", *controls} == set(vae["row"])
    assert set(table[table["label"] == "dcgan"]["query"]) == {"samples"}
    assert "no abduction" in result.page
    assert "## Weaknesses of each\n\n- **conv-vae**" in result.page
    assert "\n- conv-vae; conv-vae, fine-tuned: Counterfactual images carry the share 0 of" in result.page
    assert result.page == (result.folder / "benchmark.md").read_text()


def test_finished_cells_are_read_and_others_added(
    result: BenchmarkResult, forbidden: None, capsys: pytest.CaptureFixture[str]
) -> None:
    again = run("morphodigits", result.folder, mechanisms=["dcgan"], smoke=True, device="cpu")
    assert again.page.split("## Which", 1)[1] == result.page.split("## Which", 1)[1]


def test_an_unfinished_cell_goes_on_where_it_stopped(result: BenchmarkResult, monkeypatch: pytest.MonkeyPatch) -> None:
    cell = result.folder / "cells" / "dcgan-seed1"
    arguments: dict[str, Any] = {"mechanisms": ["dcgan"], "seeds": [1], "smoke": True, "device": "cpu"}

    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    def killed(*_: Any, **__: Any) -> None:
        assert read_cell(cell)["seconds"] > 0  # a killed process writes nothing more
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(benchmark_cell, "evaluate", killed)
        with pytest.raises(KeyboardInterrupt):
            run("morphodigits", result.folder, **arguments)
    assert read_cell(cell)["status"] == "running"
    monkeypatch.setattr(benchmark_cell, "fit", interrupted)  # the model is there: only the evaluation is missing
    again = run("morphodigits", result.folder, **arguments)
    assert read_cell(cell)["status"] == "finished"
    both = again.table[(again.table["label"] == "dcgan") & (again.table["row"] == "model")]
    assert set(both["seeds"]) == {2}
    assert (both["least"] <= both["value"]).all()
    assert (both["value"] <= both["greatest"]).all()
    assert (both["least"] < both["greatest"]).any()


def test_a_finished_cell_is_evaluated_under_another_protocol_without_training(
    result: BenchmarkResult, monkeypatch: pytest.MonkeyPatch, forbidden: None
) -> None:
    asked: list[str] = []

    def evaluated(*_: Any, protocol: Protocol, **__: Any) -> MetricTable:
        asked.append(protocol.name)
        return MetricTable((replace(CLOSE, metric="thickness MAE by predictor", note=""),))

    monkeypatch.setattr(benchmark_cell, "evaluate", evaluated)
    both = {"mechanisms": ["dcgan"], "smoke": True, "device": "cpu", "protocols": ["causalgen", "published"]}
    cell = result.folder / "cells" / "dcgan-seed0"
    before = read_cell(cell)["seconds_per_1000"]
    page = run("morphodigits", result.folder, **both).page
    assert asked == ["published"]
    assert "| dcgan | 0.01 ±0.01 |" in page.split("Protocol `published`", 1)[1]
    assert "earlier calls: conv-vae-seed0, conv-vae-seed0-tuned" in page
    assert (read_cell(cell)["status"], read_cell(cell)["seconds_per_1000"]) == ("finished", before)
    run("morphodigits", result.folder, **both)
    assert asked == ["published"]
    (cell / "metrics-published.csv").unlink()


def test_seeds_of_a_row_are_trained_alike(result: BenchmarkResult, forbidden: None) -> None:
    arguments: dict[str, Any] = {"seeds": [3], "smoke": True, "device": "cpu", "epochs": 1}
    with pytest.raises(
        RunFolderError, match=r"all seeds of conv-vae to be trained in the same way; got .*conv-vae-seed0'"
    ):
        run("morphodigits", result.folder, mechanisms=["conv-vae"], **arguments)
    assert not (result.folder / "cells" / "conv-vae-seed3").exists()


def test_what_all_cells_share_cannot_change(result: BenchmarkResult, forbidden: None) -> None:
    with pytest.raises(RunFolderError, match=r"got rows 30, not 25\. Choose another folder"):
        run("morphodigits", result.folder, mechanisms=["gan"], smoke=True, device="cpu", rows=25)
    with pytest.raises(RunFolderError, match=r"'rows': 400.*latent_epochs 1, not"):  # its judges come from a smoke run
        run("morphodigits", result.folder, mechanisms=["gan"], device="cpu")
    assert not (result.folder / "cells" / "gan-seed0").exists()


def test_what_a_killed_process_left_half_saved_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = load("morphodigits", rows=100)
    small = StructuralCausalModel(CausalGraph([], [data.graph["digit"]]))
    monkeypatch.setattr(spaces, "fit_latents", lambda *_, **__: small)
    monkeypatch.setattr(benchmark_shared, "fit", lambda *_, **__: None)
    latents, attributes, cell = (tmp_path / name for name in ("latents", "attributes", "cell"))
    for folder in (latents, attributes, cell / "model"):
        folder.mkdir(parents=True)
        (folder / "model.safetensors").write_bytes(b"half")
    placed: list[StructuralCausalModel] = []
    monkeypatch.setattr(spaces, "latent_space", placed.append)
    spaces.kept_latents(data, latents, image="image", epochs=1, device="meta")
    assert placed[0].like.device.type == "meta"  # it encodes where it was told to, also when it is read
    benchmark_shared.fitted_attributes(data, attributes, FitConfig())
    assert (latents / "model.json").is_file()
    assert (attributes / "model.json").is_file()
    assert not has_model(cell)


def test_a_cell_does_not_pay_for_what_all_share(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = load("morphodigits", rows=100)
    scm = StructuralCausalModel(data.graph, {"image": {"mechanism": "dcgan", "width": 8}})

    now = 0.0

    def takes(seconds: float) -> StructuralCausalModel:
        nonlocal now
        now += seconds
        return scm

    monkeypatch.setattr(benchmark_cell, "time", SimpleNamespace(perf_counter=lambda: now))
    monkeypatch.setattr(benchmark_cell, "_trained", lambda *_: takes(3.0))
    monkeypatch.setattr(benchmark_shared, "fitted_attributes", lambda *_: takes(500.0))
    plan = plan_of("morphodigits", BenchmarkOptions(mechanisms=["dcgan"], device="cpu"))
    shared, record = benchmark_shared.Shared(plan, tmp_path, data, Readers(), {}), {}
    benchmark_cell._model(plan.cells[0], shared, tmp_path, record)
    assert (now, record["seconds"]) == (503.0, 3.0)


def test_the_page_says_what_was_measured() -> None:
    benchmark = load_benchmark("morphodigits").model_copy(update={"protocols": ("published",)})
    frames = [
        pd.DataFrame([asdict(replace(CLOSE, value=value)), asdict(replace(REALISM, value=value))]).assign(
            protocol="published", label=label, seed=seed, abduction="bijective"
        )
        for label, seed, value in (("exact-flow", 0, 0.01), ("leaky-flow", 0, 2.0), ("leaky-flow", 1, 4.0))
    ]
    costs = pd.DataFrame(
        {"abduction": "bijective", "seeds": [1, 2], "seconds": 1.0, "seconds_per_1000": 1.0, "memory_mib": 1.0},
        index=["exact-flow", "leaky-flow"],
    )
    measured = BenchmarkFigures(benchmark, summarise(pd.concat(frames)), costs)
    text = page(measured, {}, (), {"published": {"A residual.": ["exact-flow"]}})
    assert "How good, by the protocol `published`:" in text
    assert "| exact-flow | bijective | 1 | 0.02 ±0.02 | exact |" in text
    assert "| leaky-flow | bijective | 2 | 6 ±0.02 [4, 8] | 3 ±0.01 [2, 4] |" in text
    assert text.endswith("\n\n- exact-flow: A residual.\n")


@pytest.mark.parametrize(
    ("epochs", "grids", "expected"), [(10, 3, [3, 7, 10]), (24, 5, [5, 10, 14, 19, 24]), (2, 3, [1, 2])]
)
def test_the_last_grid_is_drawn_after_the_last_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, epochs: int, grids: int, expected: list[int]
) -> None:
    class Drawn:
        def savefig(self, file: io.BytesIO, format: str, dpi: int) -> None:
            file.write(b"picture")

    monkeypatch.setattr(benchmark_grids, "plot_samples", lambda *_, **__: Drawn())
    data = load("morphodigits", rows=100)
    scm = StructuralCausalModel(data.graph, {"image": {"mechanism": "dcgan", "width": 8}})
    for mechanism in scm.mechanisms.values():
        mechanism.declare_fitted()
    hook = benchmark_grids.grid_hook(scm, data, "image", tmp_path, epochs=epochs, grids=grids)
    for epoch in range(1, epochs + 1):
        hook("image", epoch, scm.mechanisms["image"])
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"epoch-{epoch:03d}.png" for epoch in expected]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        pytest.param(
            torch.OutOfMemoryError("CUDA out of memory"),
            "in batches of 32 on this device; it ran out of memory. Try --batch-size 16",
            marks=pytest.mark.slow,
        ),
        (DivergenceError("Expected a finite loss; got nan."), "Expected a finite loss; got nan."),
    ],
)
def test_a_cell_that_fails_says_so_keeps_its_checkpoint_and_stops_nothing(
    result: BenchmarkResult, monkeypatch: pytest.MonkeyPatch, error: Exception, said: str
) -> None:
    real = benchmark_cell.fit

    def failing(scm: Any, *arguments: Any, out: Path, **options: Any) -> Any:
        if "conv-vae-seed7" in str(out):
            out.mkdir(parents=True, exist_ok=True)
            (out / "training-image.safetensors").touch()
            raise error
        return real(scm, *arguments, out=out, **options)

    with monkeypatch.context() as patched:
        patched.setattr(benchmark_cell, "fit", failing)
        made = run("morphodigits", result.folder, mechanisms=["conv-vae", "dcgan"], seeds=[7], smoke=True, device="cpu")
    failed = result.folder / "cells" / "conv-vae-seed7"
    assert [failure for failure in made.failures if said in failure]
    assert said in made.page
    assert len(list(failed.glob("checkpoints-*/training-image.safetensors"))) == 1
    assert read_cell(result.folder / "cells" / "dcgan-seed7")["status"] == "finished"
    assert not (result.folder / "cells" / "conv-vae-seed7-tuned").exists()


def test_a_cell_that_failed_is_tried_again_with_other_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments: dict[str, Any] = {"mechanisms": ["dcgan"], "smoke": True, "device": "cpu"}

    def full(*_: Any, **__: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    with monkeypatch.context() as patched:
        patched.setattr(benchmark_cell, "evaluate", full)  # so that a model of the old settings is there
        assert "Try --batch-size 16" in run("morphodigits", tmp_path, **arguments).failures[0]
    assert (tmp_path / "cells" / "dcgan-seed0" / "model").is_dir()
    again = run("morphodigits", tmp_path, **arguments, batch_size=16, epochs=1)
    record = read_cell(tmp_path / "cells" / "dcgan-seed0")
    assert again.failures == ()
    assert (record["status"], record["error"], record["recipe"]["images"]["batch_size"]) == ("finished", None, 16)
    assert record["seconds"] > 0
    with pytest.raises(RunFolderError, match="cell of these settings"):  # it failed no longer
        run("morphodigits", tmp_path, **arguments)


def test_three_seeds_unless_asked_and_one_in_a_smoke_run() -> None:
    def seeds(**options: Any) -> list[int]:
        plan = plan_of("morphodigits", BenchmarkOptions(mechanisms=["dcgan"], device="cpu", **options))
        return [cell.seed for cell in plan.cells]

    assert (seeds(), seeds(smoke=True), seeds(seeds=[4]), seeds(seeds=[4], smoke=True)) == ([0, 1, 2], [0], [4], [4])


def test_several_benchmarks_make_one_page(result: BenchmarkResult, tmp_path: Path, forbidden: None) -> None:
    """The finished benchmark under two names: each row names its data, and columns of one of them stay empty elsewhere."""
    for name in ("morphodigits", "pendulum"):
        shutil.copytree(result.folder, tmp_path / name)
    options = BenchmarkOptions(mechanisms=["conv-vae", "dcgan"], smoke=True, device="cpu")
    with pytest.raises(DataError, match="different names; got morphodigits, morphodigits"):
        run_benchmarks(["morphodigits", "morphodigits"], tmp_path, options=options)
    with pytest.raises(UnknownNameError, match="Did you mean 'pendulum'"):  # before the first one begins
        run_benchmarks(["morphodigits", "pendulm"], tmp_path / "other", options=options)
    assert not (tmp_path / "other").exists()
    with pytest.raises(
        RunFolderError, match="contain a benchmark of these settings"
    ):  # the folder is that of other data
        run_benchmarks(["morphodigits", "pendulum"], tmp_path, options=options)
    own = run_benchmark("morphodigits", tmp_path / "morphodigits", options=options).measured
    lines = [text for text in tables({"a": own, "b": own}) if text.startswith("| ")]
    assert lines[0].startswith("| data | mechanism | abduction | seeds | error left, do(thickness) |")
    assert [text.split(" | ")[:2] for text in lines[1:4]] == [
        ["| a", "conv-vae"],
        ["| a", "conv-vae, fine-tuned"],
        ["| a", "dcgan"],
    ]
    assert sum(text.startswith("| b | conv-vae |") for text in lines) == 3  # quality, drift, noise and cost
    drift = next(text for text in lines if " moved, " in text)
    assert "digit moved, do(thickness)" in drift
    assert "intensity moved, do(thickness)" not in drift  # it is meant to follow


def test_cells_of_other_settings_are_refused(result: BenchmarkResult) -> None:
    with pytest.raises(RunFolderError, match="cell of these settings"):
        run("morphodigits", result.folder, mechanisms=["conv-vae"], smoke=True, device="cpu", epochs=3)


def test_bad_input(result: BenchmarkResult, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'morphomnist'"):
        run("morphomnst", tmp_path)
    with pytest.raises(UnknownNameError, match="Did you mean 'diffusion'"):
        run("morphodigits", tmp_path, mechanisms=["difusion"])
    with pytest.raises(UnknownNameError, match="Did you mean 'published'"):
        run("morphodigits", tmp_path, protocols=["publishd"])
    for seeds in ([], [0, 0], [-1]):
        with pytest.raises(DataError, match="different seeds"):
            run("morphodigits", tmp_path, seeds=seeds)
    for name, least in (("rows", 20), ("epochs", 1), ("batch_size", 1)):
        with pytest.raises(DataError, match=f"{name} of at least {least}; got {least - 1}"):
            run("morphodigits", tmp_path, **{name: least - 1})
    for name in ("mechanisms", "protocols"):
        with pytest.raises(UnknownNameError, match=f"{name}.*got none"):
            run("morphodigits", tmp_path, **{name: []})
    with pytest.raises(UnknownNameError, match="devices of a benchmark among auto, cpu, cuda; got 'abacus'"):
        run("morphodigits", tmp_path, device="abacus")
    assert not list(tmp_path.iterdir())
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(RunFolderError, match=r"got thesis\.tex"):
        run("morphodigits", tmp_path)
    with pytest.raises(RunFolderError, match="can be written"):
        run("morphodigits", tmp_path / "thesis.tex" / "inside")
    record = result.folder / "cells" / "dcgan-seed0" / "cell.json"
    whole = record.read_text()
    for damaged in ("{", "[]", "{}"):
        record.write_text(damaged)
        with pytest.raises(RunFolderError, match=r"cell\.json that causalgen wrote"):
            run("morphodigits", result.folder, mechanisms=["dcgan"], smoke=True, device="cpu")
    record.write_text(whole)


@pytest.mark.parametrize("name", BENCHMARKS)
def test_the_benchmark_files_can_be_built(name: str) -> None:
    from causalgen.datasets.resources import load_graph
    from causalgen.mechanisms import MECHANISMS, Abductive
    from causalgen.scm import StructuralCausalModel

    data, *variant = name.split("-")
    benchmark, graph = load_benchmark(name), load_graph(data, variant=variant[0] if variant else None)
    assert benchmark.name == name
    for form in (benchmark.gpu, benchmark.cpu):
        for mechanism, recipe in form.mechanisms.items():
            assert recipe.tuning is None or issubclass(MECHANISMS[mechanism], Abductive)
            StructuralCausalModel(graph, {"image": {"mechanism": mechanism, **recipe.options}})
    assert set(benchmark.gpu.mechanisms) == set(benchmark.cpu.mechanisms)
    assert set(benchmark.queries) <= set(graph.parents("image"))


def test_predictors_are_told_descendants_and_damage_is_noticed(result: BenchmarkResult) -> None:
    graph = CausalGraph("thickness -> {intensity, hue}; intensity -> hue; {thickness, intensity, hue} -> image")
    assert further_inputs(graph, "image", "thickness") == ["intensity", "hue"]
    assert further_inputs(graph, "image", "hue") == []
    weights = result.folder / "shared" / "predictors" / "digit" / "predictor.safetensors"
    weights.write_bytes(weights.read_bytes()[:-3])
    with pytest.raises(CheckpointError, match="checksum"):
        run("morphodigits", result.folder, mechanisms=["gan"], smoke=True, device="cpu")


def test_a_remembered_measurement_measures_every_image_once() -> None:
    asked = []

    def count(images: torch.Tensor) -> Any:
        asked.append(len(images))
        return stroke_measures()["intensity"](images)

    measure = benchmark_shared.remembered(count)
    images = torch.randint(0, 255, (4, 1, 9, 9), dtype=torch.uint8)
    first, second = measure(images), measure(torch.cat([images[1:], images[:1] // 2]))
    assert asked == [4, 1]
    assert (first[1:] == second[:3]).all()
