"""Differential privacy: gradients of single units, clipping, noise, budget, and what is refused."""

import builtins
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mechanism_cases import CASES, Case
from mechanism_cases import data as case_data
from opacus.accountants import RDPAccountant
from small_fit import IMAGE, data, interrupted_after
from torch import Tensor
from torch.optim import SGD

import causalgen as cg
from causalgen.errors import CheckpointError, PrivacyError, PrivacyWarning
from causalgen.graph import CausalGraph, Variable
from causalgen.mechanisms import ConvVAE, Mechanism, build
from causalgen.scm import PrivateStage, StructuralCausalModel
from causalgen.training import FitConfig, FitResult, Privacy, Stage, fit, tune_counterfactuals
from causalgen.training.privacy_plan import PrivacyPlan, epsilon_of, least_noise
from causalgen.training.private_step import PrivateStep, StepNoise, unit_gradients
from causalgen.training.private_units import PrivateUnits

pytestmark = pytest.mark.filterwarnings("ignore::causalgen.errors.PrivacyWarning")
PRIVATE = [case for case in CASES if not (case.needs_files or case.build().privacy_obstacle)]
X, Y = Variable("x", "continuous", support=(-5, 5)), Variable("y", "continuous", support=(-20, 20))
G, IM = Variable("g", "categorical", labels=("a", "b", "c")), Variable("im", "image", shape=(1, 10, 10))
GRAPH = CausalGraph("x -> y; {x, g} -> im", [X, Y, G, IM])
PAIR = CausalGraph("x -> y", [X, Y])
CONFIG = FitConfig(
    Stage(epochs=3, batch_size=64), Stage(epochs=2, batch_size=64), device="cpu", threads=1, privacy=Privacy(epsilon=8)
)


def model(graph: CausalGraph = GRAPH, **mechanisms: Any) -> StructuralCausalModel:
    torch.manual_seed(0)
    return StructuralCausalModel(graph, ({"im": IMAGE} if "im" in graph else {}) | mechanisms)


def rows(case: Case, count: int) -> tuple[Mechanism, Tensor, dict[str, Tensor]]:
    value, parents = case_data(case)
    mechanism = case.build()
    with torch.no_grad():
        mechanism.initialize(value, parents)
    return mechanism.train(), value[:count], {name: tensor[:count] for name, tensor in parents.items()}


@pytest.mark.parametrize("case", PRIVATE, ids=str)
def test_gradients_of_a_batch_are_those_of_its_units_alone(case: Case) -> None:
    mechanism, value, parents = rows(case, 3)
    ((objective, parameters),) = mechanism.parameter_groups().items()
    torch.manual_seed(1)
    together, losses = unit_gradients(mechanism, objective, value, parents, 0.5, "same")
    for unit in range(len(value)):
        torch.manual_seed(1)
        alone = {name: tensor[unit : unit + 1] for name, tensor in parents.items()}
        loss = mechanism.objectives(value[unit : unit + 1], alone, 0.5)[objective]
        expected = torch.autograd.grad(loss.sum(), parameters, allow_unused=True, materialize_grads=True)
        assert losses[objective][unit] == pytest.approx(loss.item(), rel=1e-4, abs=1e-4)
        scale = max(float(gradient.abs().max()) for gradient in expected)
        for found, wanted in zip(together, expected, strict=True):
            torch.testing.assert_close(found[unit], wanted, rtol=1e-3, atol=1e-4 * scale)


def test_the_table_holds_every_mechanism_that_can_be_trained_privately() -> None:
    words = {"spline-flow", "additive-noise", "categorical", "ordinal", "conv-vae", "hierarchical-vae", "diffusion"}
    assert {case.mechanism for case in PRIVATE} == words | {"flow-matching", "image-flow"}


def stepped(
    mechanism: Mechanism, value: Tensor, parents: dict[str, Tensor], noise: StepNoise, parts: int = 1
) -> Tensor:
    """By how much one step of plain gradient descent moves the weights, all in one vector."""
    before = torch.cat([p.detach().flatten().clone() for p in mechanism.parameters()])
    step = PrivateStep(mechanism, SGD(mechanism.parameters(), lr=1.0), noise)
    step(value, parents, 0.5, 1.0, parts=parts)
    after = torch.cat([p.detach().flatten() for p in mechanism.parameters()])
    with torch.no_grad():
        torch.nn.utils.vector_to_parameters(before, list(mechanism.parameters()))
    return before - after


def test_noise_has_the_standard_deviation_that_was_asked_and_differs_from_step_to_step() -> None:
    mechanism, value, parents = rows(next(case for case in PRIVATE if case.mechanism == "conv-vae"), 5)
    empty = value[:0], {name: tensor[:0] for name, tensor in parents.items()}
    first, second = (stepped(mechanism, *empty, StepNoise(1.5, 4.0, 3.0)) for _ in range(2))
    assert len(first) > 5000
    assert float(first.std()) == pytest.approx(1.5 * 4.0 / 3.0, rel=0.04)
    assert abs(float(torch.corrcoef(torch.stack([first, second]))[0, 1])) < 0.06


def test_noise_is_not_what_the_state_of_its_generator_gives() -> None:
    """A generator of a CPU knows 32 bits of its seed: whoever tries them all would find the noise of all its steps."""
    mechanism, value, parents = rows(PRIVATE[0], 2)
    weight = next(mechanism.parameters())
    step = PrivateStep(mechanism, SGD(mechanism.parameters(), lr=1.0), StepNoise(1.0, 1.0, 1.0))
    state, found = step.generator.get_state(), [weight.detach().clone()]
    for _ in range(2):
        step.generator.set_state(state)
        step(value[:0], {name: tensor[:0] for name, tensor in parents.items()}, 0.5, 1.0)
        found.append(weight.detach().clone())
    assert not torch.allclose(found[1] - found[0], found[2] - found[1])


def test_a_unit_whose_gradient_is_not_finite_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    mechanism, value, parents = rows(PRIVATE[0], 4)
    gradients, losses = unit_gradients(mechanism, "loss", value, parents, 0.5)
    spoiled = [gradient.clone() for gradient in gradients]
    spoiled[0][1], spoiled[-1][3] = torch.nan, torch.inf
    steps = []
    for some in ([gradient[[0, 2]] for gradient in gradients], spoiled):
        monkeypatch.setattr("causalgen.training.private_step.unit_gradients", lambda *_, g=some: (g, losses))
        steps.append(stepped(mechanism, value, parents, StepNoise(0.0, 1.0, 1.0)))
    torch.testing.assert_close(steps[0], steps[1])
    assert float(steps[0].norm()) > 0


@pytest.mark.parametrize("case", PRIVATE[::4], ids=str)
@pytest.mark.parametrize("limit", [0.01, 1.0])
def test_one_unit_changes_the_sum_by_the_clipping_norm_at_most(case: Case, limit: float) -> None:
    mechanism, value, parents = rows(case, 6)
    value = value.clone()
    if value.is_floating_point() and not case.variable.is_image and case.variable.support is None:
        value[5] = 1e3  # a unit with a steep gradient
    sums = []
    for count in (5, 6):
        torch.manual_seed(0)
        some = {name: tensor[:count] for name, tensor in parents.items()}
        gradients, _ = unit_gradients(mechanism, "loss", value[:count], some, 0.5, "same")
        torch.manual_seed(0)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("causalgen.training.private_step.unit_gradients", lambda *_, g=gradients: (g, {}))
            sums.append(stepped(mechanism, value[:count], some, StepNoise(0.0, limit, 1.0)))
    assert float((sums[1] - sums[0]).norm()) <= limit * (1 + 1e-4)
    assert float(sums[1].norm()) > 0


def test_a_batch_that_is_split_for_memory_takes_the_same_step(monkeypatch: pytest.MonkeyPatch) -> None:
    mechanism, value, parents = rows(PRIVATE[0], 7)
    whole = stepped(mechanism, value, parents, StepNoise(0.0, 0.5, 7.0))
    torch.testing.assert_close(stepped(mechanism, value, parents, StepNoise(0.0, 0.5, 7.0), parts=3), whole)
    monkeypatch.setattr("causalgen.training.private_step.MOST_NUMBERS", 3 * len(whole))
    torch.testing.assert_close(stepped(mechanism, value, parents, StepNoise(0.0, 0.5, 7.0)), whole)


@given(st.lists(st.integers(0, 6), min_size=1, max_size=40), st.floats(0, 1))
@settings(max_examples=50, deadline=None)
def test_a_step_draws_one_row_of_a_unit_at_most(groups: list[int], rate: float) -> None:
    count = len(groups)
    frame = {"x": np.linspace(0, 1, count + 2), "y": np.arange(count + 2.0)}
    graph = CausalGraph("x -> y", [Variable("x", "continuous"), Variable("y", "continuous")])
    part = {"train": torch.arange(count), "test": torch.tensor([count]), "validation": torch.tensor([count + 1])}
    values = {name: torch.tensor(column, dtype=torch.float32) for name, column in frame.items()}
    group = torch.tensor([*groups, 98, 99])
    try:
        made = cg.Dataset("made", graph, values, part, group, group_meaning="one patient")
    except cg.errors.DataError:  # a constant column
        return
    units = PrivateUnits.of(made, count)
    assert len(units) == len(set(groups))
    assert units.meaning == ("one patient" if len(units) < count else "one row")
    drawn = units.draw(rate, np.random.default_rng(0)).numpy()
    assert len({groups[row] for row in drawn}) == len(drawn)
    assert sorted(units.draw(1.0, np.random.default_rng(1)).numpy().tolist()) == sorted(
        {groups[row]: row for row in units.draw(1.0, np.random.default_rng(1)).numpy()}.values()
    )
    assert set(units.rows) == set(range(count))


def test_each_unit_is_drawn_at_the_rate_and_each_of_its_rows_equally_often() -> None:
    units = PrivateUnits(np.arange(5), np.array([0, 1]), np.array([1, 4]), "one patient")
    random = np.random.default_rng(0)
    counts = np.bincount(np.concatenate([units.draw(0.3, random).numpy() for _ in range(8000)]), minlength=5)
    np.testing.assert_allclose(counts / 8000, [0.3, *[0.075] * 4], atol=0.02)


def test_the_budget_is_what_opacus_counts_step_by_step_over_all_stages() -> None:
    stages = [PrivateStage("attributes", 1.1, 0.05, 30), PrivateStage("im", 1.1, 0.02, 40)]
    accountant = RDPAccountant()
    for stage in stages:
        for _ in range(stage.steps):
            accountant.step(noise_multiplier=stage.noise_multiplier, sample_rate=stage.sample_rate)
    assert epsilon_of(stages, 1e-5) == pytest.approx(accountant.get_epsilon(1e-5))
    for epsilon in (0.5, 8.0, 60.0):
        noise = least_noise(epsilon, 1e-5, stages)
        spent = epsilon_of([replace(stage, noise_multiplier=noise) for stage in stages], 1e-5)
        assert 0.98 * epsilon <= spent <= epsilon


@pytest.fixture(scope="module")
def fitted() -> tuple[StructuralCausalModel, FitResult]:
    scm = model()
    return scm, fit(scm, data(), CONFIG)


def test_a_fit_states_what_it_spent_and_a_saved_model_keeps_it(fitted, tmp_path: Path) -> None:
    scm, result = fitted
    found = scm.privacy
    assert found is not None
    assert found.delta == 1 / 5000
    assert (found.unit, found.units) == ("one row", 500)
    accountant = RDPAccountant()
    accountant.history = [(s.noise_multiplier, s.sample_rate, s.steps) for s in found.stages]
    assert found.epsilon == pytest.approx(accountant.get_epsilon(found.delta))
    assert 7.9 < found.epsilon <= 8
    sizes = [("attributes", 0.1, 3 * 10), ("im", 0.1, 2 * 10)]
    assert [(s.label, s.sample_rate, s.steps) for s in found.stages] == sizes
    assert result.best_epochs == {"x": 3, "y": 3, "g": 3, "im": 2}  # the last, whatever the validation rows say
    assert "epsilon" in repr(scm)
    scm.save(tmp_path)
    again = StructuralCausalModel.load(tmp_path)
    assert again.privacy == found
    again.initialize(data()["train"])  # scales of the rows themselves
    assert again.privacy is None


def test_the_mechanisms_of_a_stage_share_its_budget() -> None:
    plan = PrivacyPlan.of(model(), data(), 500, CONFIG)
    sigma = plan.stages["attributes"].noise_multiplier
    assert plan.noise("attributes") == StepNoise(math.sqrt(3) * sigma, 1.0, 50.0)
    assert plan.noise("im") == StepNoise(sigma, 1.0, 50.0)


def test_nothing_but_gradients_sees_the_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the steps, models that are fitted to different data are equal, buffers and supports included."""
    monkeypatch.setattr(PrivateStep, "__call__", lambda *_, **__: {})
    states = []
    for shift in (0.0, 1.0):
        rows = data()
        for part in rows.values():
            part["x"], part["g"] = (0.5 * part["x"] + shift).clamp(-5, 5), part["g"] * (0 if shift else 1)
            part["g"][0] = 2
        scm = model()
        with interrupted_plain_fit():
            fit(scm, rows, replace(CONFIG, privacy=None))  # what it learns must be gone
        fit(scm, rows, CONFIG)
        states.append(scm.state_dict())
    assert all(torch.equal(value, states[1][key]) for key, value in states[0].items())


def interrupted_plain_fit() -> Any:
    """A fit without privacy that ends before its mechanisms count as fitted."""
    context = pytest.MonkeyPatch.context()

    class Interrupted:
        def __enter__(self) -> None:
            self.patch = context.__enter__()
            self.patch.setattr("causalgen.training.stage.NodeTrainer.finish", _stop)

        def __exit__(self, kind: Any, error: Any, trace: Any) -> bool:
            context.__exit__(kind, error, trace)
            return kind is KeyboardInterrupt

    return Interrupted()


def _stop(self: Any, train: Any) -> None:
    raise KeyboardInterrupt


def test_supports_are_fitted_to_draws_and_hold_no_training_row(fitted) -> None:
    scm, rows = fitted[0], data()
    kept = scm.supports["y"].reference[:, 0]
    trained = scm.supports["y"].features({"x": rows["train"]["x"]})[:, 0]
    assert not torch.isin(kept, trained).any()
    world = scm.counterfactual(
        {k: v[:9].float() if k == "im" else v[:9] for k, v in rows["validation"].items()}, {"x": 0.5}
    )
    assert world.supported.any()


@pytest.mark.slow
def test_a_resumed_fit_counts_every_step(tmp_path: Path) -> None:
    with interrupted_after("attributes", 1):
        fit(model(PAIR), data(), CONFIG, out=tmp_path)
    scm = model(PAIR)
    fit(scm, data(), CONFIG, out=tmp_path)
    assert scm.privacy is not None
    assert [stage.steps for stage in scm.privacy.stages] == [30]
    with pytest.raises(CheckpointError, match="these settings"):
        fit(model(PAIR), data(), replace(CONFIG, privacy=Privacy(epsilon=80)), out=tmp_path)


def test_the_seed_does_not_give_the_noise_away() -> None:
    models = [model(PAIR), model(PAIR)]
    for scm in models:
        fit(scm, data(), replace(CONFIG, attributes=Stage(epochs=1)))
    first, second = (torch.cat([p.flatten() for p in scm.parameters()]) for scm in models)
    assert not torch.equal(first, second)


@pytest.mark.slow
def test_the_seed_does_not_give_away_what_objectives_draw(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else one unit more in a sample would give those after it other draws, and change the sum by more than its gradient."""
    drawn: list[Tensor] = []
    monkeypatch.setattr(PrivateStep, "__call__", lambda *_, **__: drawn.append(torch.rand(3)) or {})
    for _ in range(2):
        fit(model(), data(), replace(CONFIG, attributes=Stage(epochs=1), images=Stage(epochs=1, shift=1)))
    assert len(drawn) == 2 * 10 * 4
    assert len(torch.stack(drawn).unique(dim=0)) == len(drawn)


def test_a_fit_does_not_resume_with_other_units(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"person": np.arange(600) // 4, "x": rng.uniform(-1, 1, 600), "y": rng.uniform(-1, 1, 600)})
    table["part"] = np.repeat(["train", "validation", "test"], [400, 100, 100])
    frames = [cg.load_table(table, PAIR, group=group, split="part", seed=0) for group in (None, "person")]
    with interrupted_after("attributes", 1):
        fit(model(PAIR), frames[0], CONFIG, out=tmp_path)
    with pytest.raises(CheckpointError, match="these settings and these data"):
        fit(model(PAIR), frames[1], CONFIG, out=tmp_path)
    fit(model(PAIR), frames[0], CONFIG, out=tmp_path)


def test_persons_with_several_rows_are_protected_as_one() -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"person": np.arange(600) // 4, "x": rng.uniform(-1, 1, 600)})
    table["y"] = table.x + rng.normal(0, 0.1, 600)
    graph = CausalGraph("x -> y", [replace(X, support=(-1, 1)), replace(Y, support=(-3, 3))])
    made = cg.load_table(table, graph, group="person", seed=0)
    scm = model(graph)
    fit(scm, made, CONFIG)
    assert scm.privacy is not None
    assert scm.privacy.units == len(set(made.groups(made.split["train"]).tolist()))
    assert scm.privacy.units < 120
    assert "A unit is one person, with all its rows" in scm.privacy.sentences[0]


CONTINUOUS = Variable("x", "continuous")
BIG = CausalGraph("x -> im", [X, Variable("im", "image", shape=(1, 16, 16))])


@pytest.mark.parametrize(
    ("graph", "mechanisms", "said"),
    [
        (GRAPH, {"x": "empirical"}, "'x': empirical .* quantiles of the training values"),
        (GRAPH, {"y": "linear-gaussian"}, "'y': linear-gaussian .* closed form"),
        (BIG, {"im": {"mechanism": "gan", "width": 8}}, "'im': gan .* train each other"),
        (BIG, {"im": {"mechanism": "dcgan", "width": 8}}, "'im': dcgan .* train each other"),
        (GRAPH, {"im": {"mechanism": "flow-matching", "width": 8}}, "coupling: independent"),
        (BIG, {"im": {"mechanism": "latent", "codec": {"factor": 2}}}, "'im': latent .* codec"),
        (CausalGraph("x -> y", [CONTINUOUS, Y]), {}, "'x': its scale .* finite support"),
        (CausalGraph("x -> y", [replace(X, support=(0, math.inf)), Y]), {}, "'x': its scale .* finite support"),
    ],
)
def test_what_cannot_be_trained_privately_is_refused_by_name(graph: CausalGraph, mechanisms: Any, said: str) -> None:
    scm = model(graph, **mechanisms)
    before = {key: value.clone() for key, value in scm.state_dict().items()}
    splits = data()
    for part in splits.values():
        part["x"] = part["x"].abs()
        part["im"] = part["im"].repeat(1, 1, 2, 2)[..., :16, :16] if graph is BIG else part["im"]
    with pytest.raises(PrivacyError, match=said):
        fit(scm, splits, CONFIG)
    assert all(torch.equal(value, before[key]) for key, value in scm.state_dict().items())


class Own(ConvVAE):
    """A user's mechanism, which inherits more than it says."""

    def objectives(self, value: Tensor, parents: Any, progress: float) -> dict[str, Tensor]:
        losses = super().objectives(value, parents, progress)
        return {**losses, "loss": losses["loss"] + value.mean()}


def test_own_mechanisms_have_to_say_that_they_can() -> None:
    with pytest.raises(PrivacyError, match="does not declare that the loss of a unit depends on that unit alone"):
        fit(model(im={**IMAGE, "mechanism": Own}), data(), CONFIG)


class Several(Own):
    """A mechanism that says it can, with objectives that are trained in turn."""

    privacy_obstacle = ""

    def parameter_groups(self) -> dict[str, list[torch.nn.Parameter]]:
        first, *rest = self.parameters()
        return {"loss": rest, "kl": [first]}


def test_mechanisms_with_several_objectives_are_refused() -> None:
    with pytest.raises(PrivacyError, match="several objectives or parts"):
        fit(model(im={**IMAGE, "mechanism": Several}), data(), CONFIG)


def test_fitted_and_frozen_mechanisms_are_refused() -> None:
    scm = model()
    scm.mechanisms["g"].declare_fitted()
    with pytest.raises(PrivacyError, match="'g': it is already fitted"):
        fit(scm, data(), CONFIG)
    scm = model()
    next(scm.mechanisms["im"].parameters()).requires_grad_(False)
    with pytest.raises(PrivacyError, match="'im': some of its parameters are frozen"):
        fit(scm, data(), CONFIG)


def test_missing_values_and_tuning_are_refused(fitted) -> None:
    holes = data()
    holes["train"]["x"][3] = torch.nan
    with pytest.warns(cg.errors.DataWarning), pytest.raises(PrivacyError, match="got missing values of x"):
        fit(model(), holes, CONFIG, missing="model")
    with pytest.raises(PrivacyError, match="without a privacy guarantee to fine-tune"):
        tune_counterfactuals(fitted[0], None, {"x": lambda images, attributes: images.mean()}, image="im")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Privacy(epsilon=0), "positive, finite epsilon; got 0"),
        (lambda: Privacy(epsilon=-1.0), "positive, finite epsilon"),
        (lambda: Privacy(epsilon=math.inf), "positive, finite epsilon; got inf"),
        (lambda: Privacy(epsilon=math.nan), "positive, finite epsilon"),
        (lambda: Privacy(epsilon=1, max_grad_norm=0), "positive, finite max_grad_norm"),
        (lambda: Privacy(epsilon=1, delta=1.0), "delta between 0 and 1"),
        (lambda: fit(model(), data(), replace(CONFIG, privacy=Privacy(8, delta=1 / 500))), "delta below 1/500"),
        (lambda: fit(model(), data(), replace(CONFIG, privacy=Privacy(1e-6))), "epsilon above 0.0.*; got 1e-06"),
        (lambda: replace(CONFIG, precision="bf16-mixed"), "precision 'auto' or '32-true' with privacy"),
        (lambda: replace(CONFIG, images=Stage(checkpointing=True)), "checkpointing=False with privacy"),
    ],
)
def test_settings_that_protect_nothing_are_refused(make: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        make()


def test_a_budget_that_the_data_cannot_carry_is_named() -> None:
    with pytest.warns(PrivacyWarning, match=r"more than 500 training units can carry.* 'im' \(.* times\)"):
        PrivacyPlan.of(model(), data(), 500, replace(CONFIG, privacy=Privacy(epsilon=0.1)))


def test_without_opacus_the_message_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    imported = builtins.__import__

    def without(name: str, *arguments: Any, **options: Any) -> Any:
        if name.startswith("opacus."):
            raise ImportError(name)
        return imported(name, *arguments, **options)

    monkeypatch.delitem(__import__("sys").modules, "causalgen.training.opacus_parts", raising=False)
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r"pip install 'causalgen\[privacy\]'"):
        fit(model(), data(), CONFIG)


def test_noise_stays_out_of_the_scales_of_torch() -> None:
    """The checks of distributions, which are off inside a step, are on again after it."""
    mechanism, value, parents = rows(PRIVATE[0], 2)
    unit_gradients(mechanism, "loss", value, parents, 0.5)
    with pytest.raises(ValueError, match="scale"):
        torch.distributions.Normal(0.0, -1.0)
    assert build("categorical", G, {}).privacy_obstacle == ""


def test_several_processes_are_refused() -> None:
    with pytest.raises(PrivacyError, match="Expected one process to train with differential privacy; got 2"):
        fit(model(), data(), replace(CONFIG, devices=2))
