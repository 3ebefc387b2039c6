"""Training: it learns, resumes exactly, and stops cleanly on NaN."""

from dataclasses import replace

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from small_fit import CONFIG, data, interrupted_after, model, same

from causalgen.errors import CheckpointError, DataError, DivergenceError, MissingValueError
from causalgen.training import Stage, fit
from causalgen.training.augment import shifted


def test_fitting_improves_every_mechanism_and_learns_the_conditional() -> None:
    scm = model()
    long = Stage(epochs=40, batch_size=64, learning_rate=5e-3, ema=0.9)
    config = replace(CONFIG, attributes=long, images=replace(long, epochs=12))
    result = fit(scm, data(), config)
    history = result.history.query("objective == 'loss' and split == 'validation'")
    for _, rows in history.groupby("node"):
        assert rows["value"].min() < rows["value"].iloc[0]
    factual = {k: v[:50].float() if k == "im" else v[:50] for k, v in data()["validation"].items()}
    moved = scm.counterfactual(factual, {"x": torch.full((50,), 1.5)}, seed=0)
    kept = scm.counterfactual(factual, {"x": torch.full((50,), 0.5)}, seed=0)
    assert float((moved["y"] - kept["y"]).mean()) == pytest.approx(3.0, abs=0.5)
    assert float(moved["im"].mean() - kept["im"].mean()) > 10


def test_same_seed_gives_the_same_model() -> None:
    first, second = model(), model()
    fit(first, data(300), CONFIG)
    fit(second, data(300), CONFIG)
    assert same(first, second)


def test_an_interrupted_fit_resumes_exactly(tmp_path) -> None:
    whole = model()
    expected = fit(whole, data(300), CONFIG)
    with interrupted_after("im", 2):
        fit(model(), data(300), CONFIG, out=tmp_path)
    resumed = model()
    result = fit(resumed, data(300), CONFIG, out=tmp_path)
    assert same(resumed, whole)
    assert result.history.equals(expected.history)


def test_checkpoints_of_another_fit_or_damaged_ones_are_refused(tmp_path) -> None:
    fit(model(), data(300), CONFIG, out=tmp_path)
    with pytest.raises(CheckpointError, match="got that of another fit"):
        fit(model(), data(300), replace(CONFIG, seed=1), out=tmp_path)
    other = data(300)
    other["train"]["y"] = -other["train"]["y"]
    with pytest.raises(CheckpointError, match="these data"):
        fit(model(), other, CONFIG, out=tmp_path)
    file = tmp_path / "training-im.safetensors"
    with safe_open(file, "pt") as opened:
        metadata, tensors = opened.metadata(), {key: opened.get_tensor(key) for key in opened.keys()}  # noqa: SIM118
    key = next(key for key in tensors if key.startswith("0.now.") and tensors[key].dim() > 1)
    for value in (torch.full_like(tensors[key], torch.nan), tensors[key][:1], None):
        changed = {k: t for k, t in (tensors | {key: value}).items() if t is not None}
        save_file(changed, file, metadata)
        with pytest.raises(CheckpointError, match="readable checkpoint"):
            fit(model(), data(300), CONFIG, out=tmp_path)
    file.write_bytes(file.read_bytes()[:500])
    with pytest.raises(CheckpointError, match="readable checkpoint"):
        fit(model(), data(300), CONFIG, out=tmp_path)


def test_nan_names_the_node_and_keeps_the_last_good_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    scm = model()
    mechanism = scm.mechanisms["y"]
    objectives = type(mechanism).objectives
    calls = {"n": 0}

    def poisoned(self, value, parents, progress):
        losses = objectives(self, value, parents, progress)
        if self.training and self.variable.name == "y":
            calls["n"] += 1
            if calls["n"] > 20:
                losses["loss"] = losses["loss"] * torch.nan
        return losses

    monkeypatch.setattr(type(mechanism), "objectives", poisoned)
    with pytest.raises(DivergenceError, match="training 'y'"):
        fit(scm, data(300), CONFIG)
    assert all(torch.isfinite(p).all() for p in scm.mechanisms["y"].parameters())


def test_early_stopping_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    result = fit(model(), data(300), replace(CONFIG, attributes=Stage(epochs=200, batch_size=64, patience=2)))
    ran = result.history.query("node == 'g'")["epoch"].max() + 1
    assert ran < 200
    assert result.best_epochs["g"] == ran - 2


def test_the_best_averaged_weights_are_kept() -> None:
    """Steps too long for the data: the last epoch is not the best one."""
    scm, parts = model(), data(300)
    result = fit(scm, parts, replace(CONFIG, attributes=Stage(epochs=8, batch_size=64, learning_rate=0.3)))
    rows = result.history.query("node == 'g' and split == 'validation' and objective == 'loss'")
    best, last = rows["value"].min(), rows["value"].iloc[-1]
    assert best < last
    values = parts["validation"]
    loss = scm.mechanisms["g"].objectives(values["g"], {name: values[name] for name in scm.graph.parents("g")}, 0)[
        "loss"
    ]
    assert float(loss.detach().mean()) == pytest.approx(best, rel=1e-4)


def test_a_constant_column_is_refused() -> None:
    constant = data(300)
    constant["train"]["x"] = torch.ones(200)
    with pytest.raises(DataError, match="'x' to vary"):
        fit(model(), constant, CONFIG)


def test_settings_are_checked() -> None:
    with pytest.raises(ValueError, match="epochs of at least 1"):
        Stage(epochs=0)
    with pytest.raises(ValueError, match="positive learning_rate"):
        Stage(learning_rate=0.0)
    with pytest.raises(DataError, match="splits"):
        fit(model(), {"train": data(300)["train"]}, CONFIG)


def test_shifts_move_whole_images_by_whole_pixels() -> None:
    image = torch.zeros(200, 1, 9, 9)
    image[:, :, 4, 4] = 1
    moved = shifted(image, 2)
    assert torch.equal(moved.sum((1, 2, 3)), torch.ones(200))
    rows = moved[:, 0].sum(2).argmax(1)
    assert set((rows - 4).tolist()) == {-2, -1, 0, 1, 2}


def test_plain_numbers_and_labels_are_taken_and_mistakes_are_named() -> None:
    plain = {
        split: {**values, "x": values["x"].double(), "g": ["abc"[c] for c in values["g"]]}
        for split, values in data(300).items()
    }
    first, second = model(), model()
    fit(first, plain, CONFIG)
    fit(second, data(300), CONFIG)
    assert same(first, second)
    wrong = data(300)
    wrong["validation"]["x"] = wrong["validation"]["x"].index_fill(0, torch.tensor([3]), torch.nan)
    with pytest.raises(MissingValueError, match="unit 3"):
        fit(model(), wrong, CONFIG)
    del wrong["validation"]["y"]
    with pytest.raises(MissingValueError, match="none for y"):
        fit(model(), wrong, CONFIG)
