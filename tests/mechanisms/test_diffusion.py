"""Diffusion inverts exactly with BDIA, at no cost in accuracy, and models from before keep their answers."""

import json
import math
from pathlib import Path

import pyro
import pytest
import torch
from pyro import distributions as dist
from torch import Tensor

from causalgen.graph import CausalGraph, Variable
from causalgen.mechanisms.diffusion import Diffusion
from causalgen.scm import StructuralCausalModel, Turn
from causalgen.scm.couplings import couple, draw_partners
from causalgen.scm.storage import specification

IMAGE = Variable("x", "image", shape=(1, 8, 8))
LIGHT = Variable("light", "continuous")


def wild(sampler: str, steps: int = 12) -> Diffusion:
    """A network of random weights, large enough that its field bends."""
    torch.manual_seed(0)
    mechanism = Diffusion(IMAGE, {}, width=8, steps=steps, sampler=sampler).declare_fitted().eval()
    with torch.no_grad():
        for parameter in mechanism.network.parameters():
            parameter.mul_(2.0)
    return mechanism


@pytest.mark.parametrize("steps", [1, 2, 12, pytest.param(60, marks=pytest.mark.slow)])
@torch.no_grad()
def test_ten_null_interventions_return_the_image_whatever_was_learned(steps: int) -> None:
    images = torch.randint(0, 256, (4, *IMAGE.shape)).float()
    left = {}
    for sampler in ("bdia", "ddim"):
        mechanism, again = wild(sampler, steps), images
        for _ in range(10):
            again = mechanism(mechanism.abduct(again, {}), {})
        left[sampler] = float((again - images).abs().max())
    assert left["bdia"] < 0.1
    assert left["ddim"] > 1


def spread(mechanism: Diffusion, deviation: float) -> Diffusion:
    """The exact field of images N(0, deviation^2) on the [-1, 1] scale."""

    def field(state: Tensor, time: Tensor, *_: object) -> Tensor:
        angle = 0.5 * math.pi * (1 - time)[:, None, None, None]
        variance = (deviation * angle.cos()).square() + angle.sin().square()
        return angle.cos() * angle.sin() * (1 - deviation**2) / variance * state

    mechanism.network.forward = field  # type: ignore[method-assign]
    return mechanism


@torch.no_grad()
def test_the_memory_makes_steps_more_accurate_than_those_of_ddim() -> None:
    """Images of standard deviation .2 under one parent, .5 under the other: the counterfactual is the image times 2.5."""
    images = 127.5 * (1 + 0.2 * torch.randn(50, *IMAGE.shape).clamp(-2, 2))
    error = {}
    for sampler in ("bdia", "ddim"):
        noise = spread(wild(sampler), 0.2).abduct(images, {})
        answer = spread(wild(sampler), 0.5)(noise, {})
        error[sampler] = float((answer - 127.5 - 2.5 * (images - 127.5)).abs().mean())
    assert error["bdia"] < 0.6 * error["ddim"]
    assert error["bdia"] < 4


@torch.no_grad()
def test_a_sample_has_no_defect_and_an_abducted_one_is_needed() -> None:
    mechanism = wild("bdia")
    prior = mechanism.noise((3,))
    assert isinstance(prior["defect"], dist.Delta)
    assert not prior["defect"].sample().any()
    noise = mechanism.abduct(torch.randint(0, 256, (3, *IMAGE.shape)).float(), {})
    without = mechanism({**noise, "defect": torch.zeros_like(noise["defect"])}, {})
    assert float((mechanism(noise, {}) - without).abs().max()) > 0.1


@pytest.mark.parametrize("shape", [(1, 8, 8), (2, 8, 7, 9)])
def test_the_defect_has_the_shape_of_a_picture_or_volume(shape: tuple[int, ...]) -> None:
    prior = Diffusion(Variable("x", "image", shape=shape), {}, width=8).noise((3,))
    assert {(each.batch_shape, each.event_shape) for each in prior.values()} == {((3,), shape)}


def test_only_an_unguided_model_returns_the_image_by_construction() -> None:
    parents = {"light": LIGHT}
    assert Diffusion(IMAGE, parents, width=8).composes
    assert not Diffusion(IMAGE, parents, width=8, sampler="ddim").composes
    assert not Diffusion(IMAGE, parents, width=8, guidance=2.0).composes
    with pytest.raises(ValueError, match="Expected a sampler among bdia, ddim; got 'edict'"):
        Diffusion(IMAGE, parents, width=8, sampler="edict")


@pytest.mark.parametrize("coupling", [0.5, Turn(0.5)])
def test_another_world_keeps_a_share_of_the_defect(coupling: float | Turn) -> None:
    mechanism = wild("bdia")
    noise = mechanism.abduct(torch.randint(0, 256, (4, *IMAGE.shape)).float(), {})
    prior = mechanism.noise((4,))
    other = couple(noise, prior, draw_partners(prior, noise), coupling, node="x")
    torch.testing.assert_close(other["defect"], 0.5 * noise["defect"])
    assert not torch.allclose(other["z"], 0.5 * noise["z"])


@pytest.mark.parametrize(
    "given",
    [
        {"mechanism": "diffusion", "width": 8, "steps": 3},
        {"mechanism": "latent", "inner": {"mechanism": "diffusion", "width": 8, "steps": 3}, "codec": {"width": 8}},
    ],
)
def test_a_model_saved_before_there_was_a_choice_keeps_its_sampler(given: dict, tmp_path: Path) -> None:
    image = Variable("x", "image", shape=(1, 16, 16))
    scm = StructuralCausalModel(CausalGraph("light -> x", [LIGHT, image]), {"x": given})
    described = specification(scm)["mechanisms"]["x"]
    inside = described.get("inner", described)
    assert inside["sampler"] == "bdia"
    folder = scm.declare_fitted().save(tmp_path / "now")
    loaded = StructuralCausalModel.load(folder)
    assert specification(loaded)["mechanisms"]["x"] == described

    path = folder / "model.json"
    record = json.loads(path.read_text())
    entry = record["mechanisms"]["x"]
    del entry.get("inner", entry)["sampler"]
    del record["description_sha256"]  # earlier versions wrote none
    path.write_text(json.dumps(record))
    described = specification(StructuralCausalModel.load(folder))["mechanisms"]["x"]
    assert described.get("inner", described)["sampler"] == "ddim"


@torch.no_grad()
def test_the_defect_is_no_latent_of_the_program_and_can_be_set() -> None:
    """Every value of it but 0 has density 0: a guide or HMC that tried others would never find a start."""
    scm = StructuralCausalModel(CausalGraph([], [IMAGE]), {"x": wild("bdia")}).declare_fitted()
    trace = pyro.poutine.trace(scm.model).get_trace(2)
    assert [site for site in trace.stochastic_nodes if site.startswith("x")] == ["x.z"]
    images = torch.randint(0, 256, (2, *IMAGE.shape)).float()
    noise = {f"x.{part}": each for part, each in scm.abduct({"x": images}).noise["x"].items()}
    assert float((pyro.condition(scm.model, noise)(2)["x"] - images).abs().max()) < 0.1
