"""`independence` takes the mean given the parents out of what a VAE abducts, and nothing else."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from mechanism_cases import LADDER, SMALL
from sklearn.linear_model import LinearRegression
from torch import Tensor

from causalgen.errors import UnknownNameError
from causalgen.graph import CausalGraph, Variable
from causalgen.mechanisms import Abductive, Mechanism, build
from causalgen.nn import ConditionalMean
from causalgen.scm import StructuralCausalModel
from causalgen.training import FitConfig, Stage, fit
from causalgen.training.privacy import obstacles
from causalgen.typing import Values

WIDTH = Variable("line width", "continuous", unit="px")
PEN = Variable("pen", "binary")
KIND = Variable("kind", "categorical", labels=("p", "q", "r"))
GRADE = Variable("grade", "ordinal", labels=("low", "middle", "high"))
ATTRIBUTES = {v.name: v for v in (WIDTH, PEN, KIND, GRADE)}
SCAN = Variable("scan", "image", shape=(1, 9, 8))
GREY = Variable("grey", "image", shape=(1, 9, 8))
SIZES = {
    "conv-vae": SMALL,
    "hierarchical-vae": {**LADDER, "prior": "conditional"},
    "latent": {
        "inner": {"mechanism": "conv-vae", **SMALL, "independence": 1.0},
        "codec": {"channels": 2, "width": 8, "factor": 2},
    },
}


def sample(n: int = 300) -> tuple[Tensor, dict[str, Tensor]]:
    """Images that show all their attributes."""
    parents = {"line width": torch.randn(n), "pen": torch.randint(2, (n,))}
    parents |= {
        "kind": torch.randint(3, (n,)),
        "grade": torch.randint(3, (n,)),
        "scan": 255 * torch.rand(n, *SCAN.shape),
    }
    image = 60 + 20 * torch.rand(n, *GREY.shape)
    image[:, 0, 0] += 15 * parents["line width"].clamp(-3, 3)[:, None]
    image[:, 0, 2] += 50 * parents["pen"][:, None]
    image[:, 0, 4] += 40 * parents["kind"][:, None]
    image[:, 0, 6] += 40 * parents["grade"][:, None]
    return image, parents


def in_batches(value: Tensor, parents: Values) -> Iterator[tuple[Tensor, Values]]:
    for index in torch.arange(len(value)).split(70):
        yield value[index], {name: tensor[index] for name, tensor in parents.items()}


def settled(word: str, parents: dict[str, Variable], **options: float) -> tuple[Mechanism, Tensor, dict[str, Tensor]]:
    """A VAE with random weights, settled on images; in double precision, as small latents need."""
    torch.manual_seed(0)
    mechanism = build(word, GREY, parents, {**SIZES[word], **options}).double().eval()
    value, values = sample()
    values = {name: v.double() if v.is_floating_point() else v for name, v in values.items() if name in parents}
    mechanism.initialize(value.double(), values)
    for part in mechanism.trained_before.values():
        part.declare_fitted()
    mechanism.settle(lambda: in_batches(value.double(), values))
    return mechanism, value.double(), values


def explained(noise: Tensor, values: Values) -> float:
    """Greatest share of the variance of a latent that labels and numbers explain together."""
    columns = [
        values[name].numpy()[:, None] if not variable.is_discrete else np.eye(len(variable.labels or ()))[values[name]]
        for name, variable in ATTRIBUTES.items()
        if name in values
    ]
    design, latent = np.concatenate(columns, axis=1), noise.flatten(1).detach().numpy()
    return float(np.max(1 - (latent - LinearRegression().fit(design, latent).predict(design)).var(0) / latent.var(0)))


@pytest.mark.parametrize("word", sorted(SIZES))
@pytest.mark.parametrize("more", [{}, {"scan": SCAN}], ids=["attributes", "and an image"])
def test_no_parent_explains_any_of_the_abducted_means(word: str, more: dict[str, Variable]) -> None:
    full = {} if word == "latent" else {"independence": 1.0}
    mechanism, value, values = settled(word, ATTRIBUTES | more, **full)
    assert isinstance(mechanism, Abductive)
    for noise in mechanism.abduct(value, values, draw=False).values():
        assert explained(noise, values) < 1e-3
    if full:
        leaking, *_ = settled(word, ATTRIBUTES | more)
        assert explained(leaking.abduct(value, values, draw=False)["z"], values) > 0.5


def test_a_share_leaves_the_rest_of_the_mean() -> None:
    ends = {share: settled("conv-vae", ATTRIBUTES, independence=share) for share in (0.0, 0.5, 1.0)}
    none, half, all_of_it = (m.abduct(value, values, draw=False)["z"] for m, value, values in ends.values())
    assert torch.allclose(half, (none + all_of_it) / 2, atol=1e-6)


def test_draws_scatter_around_the_centred_mean_as_the_rate_counts() -> None:
    """The divergence is that of the centred posterior: its expectation over draws of log q - log p."""
    vae, value, values = settled("conv-vae", ATTRIBUTES, independence=1.0)
    few, some = value[:3].repeat(4000, 1, 1, 1), {name: v[:3].repeat(4000) for name, v in values.items()}
    with torch.no_grad():
        found = vae.infer(few, some, draw=True)
    mean = vae.abduct(value[:3], {n: v[:3] for n, v in values.items()}, draw=False)["z"]
    assert torch.allclose(found.noise["z"].unflatten(0, (4000, 3)).mean(0), mean, atol=0.08)
    drawn, rate = -found.odds.unflatten(0, (4000, 3)).mean(0), sum(found.rates.values()).unflatten(0, (4000, 3)).mean(0)
    assert torch.allclose(drawn, rate, rtol=0.05, atol=0.3)


def test_training_leaves_no_mean_given_the_parents() -> None:
    """Through `fit`, with shifted images; a saved state keeps what was taken out."""
    value, parents = sample(200)
    graph = CausalGraph([(name, "grey") for name in ATTRIBUTES], [*ATTRIBUTES.values(), GREY])
    scm = StructuralCausalModel(graph, {"grey": {"mechanism": "conv-vae", **SMALL, "independence": 1.0}})
    table = {name: v for name, v in parents.items() if name != "scan"} | {"grey": value.round()}
    splits = {"train": table, "validation": {name: v[:40] for name, v in table.items()}}
    stage = Stage(epochs=2, batch_size=40, shift=1)
    fit(scm, splits, FitConfig(attributes=Stage(epochs=1), images=stage, device="cpu", threads=1))
    vae, attributes = scm.mechanisms["grey"], {name: parents[name] for name in ATTRIBUTES}
    assert isinstance(vae, Abductive)
    abducted = vae.abduct(table["grey"], attributes, draw=False)
    assert explained(abducted["z"], attributes) < 0.01
    twin = build("conv-vae", GREY, ATTRIBUTES, vae.spec())
    twin.load_state_dict(vae.state_dict())
    assert isinstance(twin, Abductive)
    again = twin.abduct(table["grey"], attributes, draw=False)["z"]
    assert torch.allclose(again, abducted["z"], atol=1e-5)


def test_a_model_saved_before_the_option_loads_as_it_was() -> None:
    old = build("conv-vae", GREY, ATTRIBUTES, SMALL)
    options = {name: value for name, value in old.spec().items() if name != "independence"}
    again = build("conv-vae", GREY, ATTRIBUTES, options)
    again.load_state_dict(old.state_dict())
    assert not any("expected" in name for name in old.state_dict())
    assert again.spec()["independence"] == 0


def test_the_running_mean_finds_the_mean_and_forgets() -> None:
    mean = ConditionalMean(ATTRIBUTES, 2)
    _, values = sample(400)
    mean.fit(values)
    wanted = torch.stack(
        [3 + values["line width"].clamp(-3, 3) + 2 * (values["kind"] == 1), values["pen"] - 4.0], dim=1
    )
    for offset in (50.0, *[0.0] * 2500):
        mean.update(values, wanted + offset)
    assert torch.allclose(mean(values), wanted, atol=0.02)
    mean.refit([(values, wanted)])
    assert torch.allclose(mean(values), wanted, atol=0.01)


@pytest.mark.parametrize(
    ("parents", "share", "message"),
    [
        (ATTRIBUTES, -0.5, "at least 0"),
        (ATTRIBUTES, 1.5, r"independence in \[0, 1\]"),
        ({}, 1.0, "it has no parents"),
        ({"scan": SCAN}, 1.0, "it has images alone"),
    ],
)
@pytest.mark.parametrize("word", ["conv-vae", "hierarchical-vae"])
def test_what_would_do_nothing_is_refused(word: str, parents: dict[str, Variable], share: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build(word, GREY, parents, {**SIZES[word], "independence": share})


def test_images_that_are_left_out_are_named() -> None:
    mechanism = build("conv-vae", GREY, ATTRIBUTES | {"scan": SCAN}, {**SMALL, "independence": 1.0})
    assert "not given the image scan" in mechanism.identification.assumption


def test_a_mechanism_without_abduction_has_no_such_option() -> None:
    with pytest.raises(UnknownNameError, match="independence"):
        build("dcgan", GREY, ATTRIBUTES, {"independence": 1.0})


def test_it_is_refused_with_differential_privacy() -> None:
    """The mean that is taken out is computed from the training units without noise."""
    graph = CausalGraph([("pen", "grey")], [PEN, GREY])
    scm = StructuralCausalModel(graph, {"grey": {"mechanism": "conv-vae", **SMALL, "independence": 1.0}})
    assert "independence estimates" in obstacles(scm.graph, scm.mechanisms)["grey"]
