"""Laws that every mechanism keeps, over the case table."""

import json

import pyro
import pytest
import torch
from mechanism_cases import CASES, Case, data

from causalgen.mechanisms import MECHANISMS, Abduction, Abductive, Density, Mechanism, Observable, build

SITE = "site"


@pytest.fixture(params=CASES, ids=str)
def case(request: pytest.FixtureRequest) -> Case:
    return request.param


@pytest.fixture
def ready(case: Case):
    value, parents = data(case)
    mechanism = case.build()
    with torch.no_grad():
        mechanism.initialize(value, parents)
    for part in mechanism.trained_before.values():
        part.declare_fitted()
    return mechanism, value, parents


def _noise(mechanism: Mechanism, n: int) -> dict[str, torch.Tensor]:
    return {name: p.sample() for name, p in mechanism.noise((n,)).items()}


def test_every_catalog_entry_has_a_row() -> None:
    assert {case.mechanism for case in CASES} == set(MECHANISMS)


def test_noise_and_value_have_the_declared_shapes(ready) -> None:
    mechanism, value, parents = ready
    noise = _noise(mechanism, len(value))
    assert all(len(tensor) == len(value) for tensor in noise.values())
    sampled = mechanism(noise, parents)
    assert sampled.shape == value.shape
    assert sampled.is_floating_point() == value.is_floating_point()
    if mechanism.variable.support is not None:
        low, high = mechanism.variable.support
        assert low <= sampled.min()
        assert sampled.max() <= high
    if isinstance(mechanism, Abductive):
        abducted = mechanism.abduct(value, parents)
        assert {k: v.shape for k, v in abducted.items()} == {k: v.shape for k, v in noise.items()}


def test_every_parameter_gets_a_gradient(ready) -> None:
    mechanism, value, parents = ready
    groups = mechanism.parameter_groups()
    if not groups:
        assert not list(mechanism.parameters())
        return
    for learning in (*mechanism.trained_before.values(), mechanism):
        losses = learning.objectives(value, parents, 0.5)
        assert all(loss.shape == value.shape[:1] for loss in losses.values())
        for objective in learning.parameter_groups():
            losses[objective].mean().backward(retain_graph=True)
    frozen = [p for p in mechanism.parameters() if not p.requires_grad]
    assert not frozen or mechanism.outside
    assert all(parameter.grad is None for parameter in frozen)
    learned = {n: p for n, p in mechanism.named_parameters() if p.requires_grad and p.numel()}
    assert not [n for n, p in learned.items() if p.grad is None or not p.grad.any()]


def test_null_intervention_returns_what_abduction_promises(ready) -> None:
    mechanism, value, parents = ready
    if not isinstance(mechanism, Abductive):
        assert mechanism.abduction is Abduction.NONE
        return
    again = mechanism(mechanism.abduct(value, parents), parents)
    if mechanism.composes:
        assert torch.allclose(again, value, rtol=1e-4, atol=mechanism.tolerance)
    elif mechanism.abduction is Abduction.POSTERIOR or getattr(mechanism, "residual", 0) == 1:
        assert torch.allclose(again.float(), value.float(), atol=1e-3)
    else:
        assert torch.isfinite(again).all()


def test_posterior_abduction_averages_to_the_prior(ready) -> None:
    """Drawing x from the mechanism and then u given x must return p(u): the exact posterior's defining property."""
    mechanism, _, parents = ready
    if mechanism.abduction not in (Abduction.BIJECTIVE, Abduction.POSTERIOR) or mechanism.variable.is_image:
        pytest.skip("an approximation promises no such thing, and 20,000 images would say little more than one")
    n = 20_000
    index = torch.arange(n) % len(next(iter(parents.values()))) if parents else torch.arange(n)
    many = {name: value[index] for name, value in parents.items()}
    with torch.no_grad():
        prior = _noise(mechanism, n)
        posterior = mechanism.abduct(mechanism(prior, many), many)
    levels = torch.tensor([0.05, 0.25, 0.5, 0.75, 0.95])
    for name, draws in prior.items():
        quantiles = draws.flatten().quantile(levels)
        spread = draws.std()
        assert torch.allclose(posterior[name].flatten().quantile(levels), quantiles, atol=0.06 * float(spread))


def test_spec_and_state_rebuild_the_mechanism(ready, case: Case) -> None:
    mechanism, value, parents = ready
    options = json.loads(json.dumps(mechanism.spec()))
    twin = build(case.mechanism, case.variable, case.parents, options)
    twin.load_state_dict(mechanism.state_dict())
    noise = _noise(mechanism, len(value))
    assert torch.equal(twin(noise, parents), mechanism(noise, parents))


def test_same_seed_same_result(ready) -> None:
    mechanism, value, parents = ready
    results = []
    for _ in range(2):
        torch.manual_seed(5)
        abducted = mechanism.abduct(value, parents) if isinstance(mechanism, Abductive) else {}
        results.append((_noise(mechanism, 7), abducted))
    for first, second in zip(*results, strict=True):
        assert all(torch.equal(first[k], second[k]) for k in first)


def test_the_pyro_sites_score_what_log_prob_says(ready) -> None:
    mechanism, value, parents = ready
    if not isinstance(mechanism, Observable):
        pytest.skip("no likelihood")
    with pyro.poutine.trace() as tracer, pyro.plate("units", len(value)), torch.no_grad():
        returned = mechanism.observe(SITE, parents, value)
    assert torch.equal(returned, value)
    site = tracer.trace.nodes[SITE]
    assert site["is_observed"]
    if isinstance(mechanism, Density):
        assert torch.allclose(site["fn"].log_prob(value), mechanism.log_prob(value, parents), rtol=1e-4, atol=1e-4)
    with pyro.plate("units", len(value)), torch.no_grad():
        drawn = mechanism.observe(SITE, parents)
    assert drawn.shape == value.shape


@torch.no_grad()
def test_density_integrates_to_one(ready) -> None:
    mechanism, _, parents = ready
    if not isinstance(mechanism, Density) or mechanism.variable.is_image:
        pytest.skip("no exact density, or too many dimensions for a grid: see test_image_flow")
    one = {name: tensor[:1] for name, tensor in parents.items()}
    if mechanism.variable.is_discrete:
        codes = torch.arange(len(mechanism.variable.labels))
        total = sum(mechanism.log_prob(c[None], one).exp() for c in codes)
    else:
        low, high = mechanism.variable.support or (-12.0, 12.0)
        high = min(high, 400.0)
        margin = 1e-3 * (high - low) if mechanism.variable.support == (0, 20) else 0.0
        grid = torch.linspace(low - margin, high + margin, 200_001)[1:-1]
        repeated = {name: t.expand(len(grid), *t.shape[1:]) for name, t in one.items() if t.dim() == 1}
        if len(repeated) < len(one):
            pytest.skip("an image parent for every grid point is too much memory")
        total = torch.trapezoid(mechanism.log_prob(grid, repeated).exp(), grid)
    assert float(total) == pytest.approx(1.0, abs=5e-3)


@pytest.mark.gpu
def test_the_device_agrees_with_the_cpu(ready) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    mechanism, value, parents = ready
    noise = _noise(mechanism, len(value))
    with torch.no_grad():
        expected = mechanism(noise, parents)
        mechanism.cuda()
        there = {k: v.cuda() for k, v in parents.items()}
        result = mechanism({k: v.cuda() for k, v in noise.items()}, there).cpu()
    assert torch.allclose(result.float(), expected.float(), rtol=1e-3, atol=1e-2 * float(value.float().std()))
