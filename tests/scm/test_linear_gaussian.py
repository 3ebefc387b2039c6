"""The oracle: in a linear-Gaussian model every answer has a closed form.

a -> b -> c,  a -> c        a = e_a;  b = 1 + 2 a + e_b;  c = -1 + 0.5 a - 1.5 b + e_c
"""

import pyro
import pytest
import torch
from linear_gaussian import linear_gaussian
from pyro.infer import SVI, Importance, Trace_ELBO
from pyro.infer.autoguide import AutoMultivariateNormal
from torch import Tensor

from causalgen.scm import StructuralCausalModel

SCALES = torch.tensor([1.0, 0.5, 0.8], dtype=torch.float64)
INTERCEPT = torch.tensor([0.0, 1.0, -1.0], dtype=torch.float64)
WEIGHTS = torch.tensor([[0.0, 0.0, 0.0], [2.0, 0.0, 0.0], [0.5, -1.5, 0.0]], dtype=torch.float64)


@pytest.fixture
def scm() -> StructuralCausalModel:
    return linear_gaussian()


def joint() -> tuple[Tensor, Tensor]:
    """Mean and covariance of (a, b, c): x = (I - W)^-1 (m + S e)."""
    total = torch.linalg.inv(torch.eye(3, dtype=torch.float64) - WEIGHTS)
    return total @ INTERCEPT, total @ torch.diag(SCALES**2) @ total.T


def conditional(index: int, given: dict[int, float]) -> tuple[float, float]:
    """Mean and standard deviation of one variable given others, by Gaussian conditioning."""
    mean, covariance = joint()
    known = list(given)
    gain = covariance[index, known] @ torch.linalg.inv(covariance[known][:, known])
    shift = torch.tensor([given[k] for k in known], dtype=torch.float64) - mean[known]
    variance = covariance[index, index] - gain @ covariance[known, index]
    return float(mean[index] + gain @ shift), float(variance.sqrt())


def test_counterfactuals_equal_the_closed_form(scm: StructuralCausalModel) -> None:
    factual = scm.sample(500, seed=1)
    a, b, c = (factual[n] for n in "abc")
    result = scm.counterfactual(factual, {"b": 3.0})
    assert torch.equal(result["a"], a)
    torch.testing.assert_close(result["c"], c - 1.5 * (3.0 - b), rtol=1e-5, atol=1e-9)
    shifted = scm.counterfactual(factual, {"a": lambda value, parents: value + 1})
    torch.testing.assert_close(shifted["b"], b + 2.0, rtol=1e-5, atol=1e-9)
    torch.testing.assert_close(shifted["c"], c + 0.5 - 1.5 * 2.0, rtol=1e-5, atol=1e-9)


def test_interventional_means_are_analytic_and_differ_from_conditioning(scm: StructuralCausalModel) -> None:
    n = 200_000
    under_do = scm.sample(n, do={"b": 3.0}, seed=2)["c"]
    analytic = -1.0 + 0.5 * 0.0 - 1.5 * 3.0
    assert float(under_do.mean()) == pytest.approx(analytic, abs=4 * 0.95 / n**0.5)
    mean, _ = conditional(2, {1: 3.0})
    assert abs(mean - analytic) > 0.2


def test_log_prob_is_the_joint_density(scm: StructuralCausalModel) -> None:
    factual = scm.sample(50, seed=3)
    mean, covariance = joint()
    expected = torch.distributions.MultivariateNormal(mean, covariance).log_prob(
        torch.stack([factual[n] for n in "abc"], 1)
    )
    torch.testing.assert_close(scm.log_prob(dict(factual)), expected)


def test_evidence_by_importance_weighting_equals_the_posterior(scm: StructuralCausalModel) -> None:
    n = 20_000
    drawn = scm.sample(n, given={"c": 1.0}, seed=4)
    mean, sd = conditional(0, {2: 1.0})
    size = drawn.effective_sample_size
    assert size < 10 * n
    assert float(drawn["a"].mean()) == pytest.approx(mean, abs=4 * sd / min(n, size) ** 0.5)
    assert float(drawn["a"].std()) == pytest.approx(sd, rel=0.05)
    assert torch.equal(drawn["c"], torch.ones(n, dtype=torch.float64))


def test_evidence_under_do_conditions_in_the_intervened_world(scm: StructuralCausalModel) -> None:
    """a given c under do(b): c = -1 - 1.5 b + 0.5 a + e, so the posterior of a is conjugate."""
    drawn = scm.sample(20_000, do={"b": 0.0}, given={"c": 1.0}, seed=5)
    precision = 1 + 0.5**2 / 0.8**2
    mean = (0.5 * 2.0 / 0.8**2) / precision
    assert float(drawn["a"].mean()) == pytest.approx(mean, abs=0.03)


def test_pyro_importance_sampling_equals_the_posterior(scm: StructuralCausalModel) -> None:
    n = 20_000
    evidence = torch.full((n,), 1.0, dtype=torch.float64)
    conditioned = pyro.condition(scm.model, {"c": evidence})
    trace = pyro.poutine.trace(conditioned).get_trace(n)
    trace.compute_log_prob()
    weight = torch.softmax(trace.nodes["c"]["log_prob"], 0)
    mean, sd = conditional(0, {2: 1.0})
    size = float(1 / weight.square().sum())
    assert size < n
    assert float((weight * trace.nodes["a"]["value"]).sum()) == pytest.approx(mean, abs=4 * sd / size**0.5)
    one = Importance(pyro.condition(scm.model, {"c": evidence[:1]}), num_samples=1000).run(1)
    assert float(one.get_ESS()) < 1000


@pytest.mark.slow
def test_svi_finds_the_posterior(scm: StructuralCausalModel) -> None:
    pyro.set_rng_seed(0)
    store = pyro.get_param_store().get_state()
    try:
        pyro.clear_param_store()
        observed = {"c": torch.tensor([1.0], dtype=torch.float64)}
        conditioned = pyro.condition(scm.model, observed)
        guide = AutoMultivariateNormal(pyro.poutine.block(conditioned, hide=["c"]))
        svi = SVI(conditioned, guide, pyro.optim.ClippedAdam({"lr": 0.08, "lrd": 0.98}), Trace_ELBO(num_particles=6))
        for _ in range(160):
            svi.step(1)
        drawn = torch.stack([guide(1)["a"] for _ in range(1000)])
    finally:
        pyro.get_param_store().set_state(store)
    mean, sd = conditional(0, {2: 1.0})
    drawn = drawn.detach()
    assert float(drawn.mean()) == pytest.approx(mean, abs=0.06)
    assert float(drawn.std()) == pytest.approx(sd, rel=0.15)


def test_do_in_pyro_returns_the_intervened_world(scm: StructuralCausalModel) -> None:
    n = 50_000
    world = pyro.do(scm.model, {"b": torch.full((n,), 3.0, dtype=torch.float64)})(n)
    assert float(world["c"].mean()) == pytest.approx(-5.5, abs=0.03)
    assert float(world["a"].mean()) == pytest.approx(0.0, abs=0.03)


def test_fitting_recovers_the_coefficients(scm: StructuralCausalModel) -> None:
    fitted = StructuralCausalModel(scm.graph, dict.fromkeys("abc", "linear-gaussian")).double()
    fitted.initialize(dict(scm.sample(50_000, seed=6)))
    torch.testing.assert_close(
        fitted.mechanisms["c"].weight, torch.tensor([0.5, -1.5], dtype=torch.float64), atol=0.03, rtol=0
    )
    assert float(fitted.mechanisms["b"].scale) == pytest.approx(0.5, abs=0.01)
