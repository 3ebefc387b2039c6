"""Reconstruction and interpolation: what a model makes of the noise of observed units, and of noise between them."""

import numpy as np
import pytest
import torch

from causalgen import CausalGraph, StructuralCausalModel, Variable
from causalgen.errors import AbductionError, DataError, UnknownNameError

GRAPH = CausalGraph(
    "dose -> {ill, grade, scan}; ill -> grade",
    [Variable("dose", "continuous"), Variable("ill", "binary"), Variable("grade", "ordinal", labels=["a", "b", "c"]),
     Variable("scan", "image", shape=(1, 4, 6))],
)  # fmt: skip
UNITS = 200


def _model(image: str, **options: object) -> tuple[StructuralCausalModel, dict[str, torch.Tensor]]:
    generator = torch.Generator().manual_seed(0)
    values = {
        "dose": 3 + 2 * torch.randn(UNITS, generator=generator),
        "ill": torch.randint(2, (UNITS,), generator=generator),
        "grade": torch.randint(3, (UNITS,), generator=generator),
        "scan": torch.randint(256, (UNITS, 1, 4, 6), generator=generator).to(torch.uint8),
    }
    scm = StructuralCausalModel(GRAPH, {"dose": "linear-gaussian", "scan": {"mechanism": image, **options}})
    scm.initialize(values)
    return scm.declare_fitted().eval(), values


@pytest.mark.parametrize(
    ("image", "options"),
    [
        ("conv-vae", {"width": 16, "blocks": 1}),
        ("conv-vae", {"width": 16, "blocks": 1, "residual": 1.0}),
        ("gan", {"width": 16}),
        ("image-flow", {"width": 8}),
        ("diffusion", {"width": 16, "steps": 3}),
    ],
    ids=lambda value: value if isinstance(value, str) else ",".join(value),
)
def test_the_way_begins_and_ends_at_the_reconstructed_units(image, options) -> None:
    scm, values = _model(image, **options)
    posterior = scm.abduct({name: value[:5] for name, value in values.items()}, seed=0)
    again = posterior.reconstruct()
    for name in ("dose", "ill", "grade"):  # bijective, or posterior: exact
        torch.testing.assert_close(again[name].double(), posterior.factual[name].double(), rtol=1e-5, atol=1e-5)
    way = posterior.interpolate(1, 4, steps=5)
    assert set(way["ill"].tolist()) <= {0, 1}
    assert set(way["grade"].tolist()) <= {0, 1, 2}
    for name in GRAPH.nodes:
        assert len(way[name]) == 5
        torch.testing.assert_close(way[name][[0, -1]], again[name][[1, 4]], rtol=1e-4, atol=1e-2)


def test_every_step_is_as_probable_as_a_draw() -> None:
    scm, values = _model("gan", width=16)
    posterior = scm.abduct(values, seed=0)
    pairs = zip(range(0, UNITS, 2), range(1, UNITS, 2), strict=True)
    way = torch.stack([posterior.interpolate(a, b, steps=3)["dose"] for a, b in pairs])
    spread = way.std(0) / values["dose"].std()
    assert (spread - 1).abs().max() < 0.25  # on the straight line .71 in the middle, +- .05


def test_what_has_no_noise_to_go_through_is_refused() -> None:
    scm, values = _model("dcgan", width=16)
    units = {name: value[:2] for name, value in values.items()}
    with pytest.raises(AbductionError, match="DCGAN"):
        scm.abduct(units).reconstruct()
    scm, _ = _model("gan", width=16)
    with pytest.raises(DataError, match="particles"):
        scm.abduct(units, particles=2).interpolate(0, 1)
    for positions, steps, said in [((0, 2), 4, "from 0 to 1"), ((-1, 0), 4, "from 0 to 1"), ((0, 1), 1, "2 steps")]:
        with pytest.raises(DataError, match=said):
            scm.abduct(units).interpolate(*positions, steps=steps)


@pytest.mark.parametrize("channels", [1, 3])
def test_images_are_read_in_every_layout_that_tables_take(channels) -> None:
    graph = CausalGraph([], [Variable("scan", "image", shape=(channels, 4, 6))])
    images = np.random.default_rng(0).integers(0, 256, (3, channels, 4, 6), dtype=np.uint8)
    scm = StructuralCausalModel(graph, {"scan": {"mechanism": "gan", "width": 16}})
    scm.initialize({"scan": images})
    scm.declare_fitted().eval()
    wanted = scm.abduct({"scan": images}).factual["scan"]
    last = np.moveaxis(images, 1, -1)
    for given in [last, list(last), *([images[:, 0], list(images[:, 0])] if channels == 1 else [])]:
        assert torch.equal(scm.abduct({"scan": given}).factual["scan"], wanted)
    assert torch.equal(scm.abduct({"scan": last[1]}).factual["scan"], wanted[[1]])
    with pytest.raises(DataError, match=rf"shape \(units, {channels}, 4, 6\)"):
        scm.abduct({"scan": np.moveaxis(images, 2, 3)})


def test_samples_show_their_images() -> None:
    scm, _ = _model("gan", width=16)
    drawn = scm.sample(30, seed=0)
    assert len([axes for axes in drawn.plot().axes if axes.get_visible()]) == 24
    assert len(drawn.plot("scan", units=5, columns=2).axes) == 6
    assert drawn._repr_png_()[0].startswith(b"\x89PNG")
    with pytest.raises(UnknownNameError, match="among scan; got 'dose'"):
        drawn.plot("dose")
    table = StructuralCausalModel(CausalGraph([], [Variable("dose", "continuous")]), {"dose": "linear-gaussian"})
    table.initialize({"dose": torch.randn(20)})
    drawn = table.declare_fitted().sample(3)
    assert drawn._repr_png_() is None
    with pytest.raises(UnknownNameError, match="none"):
        drawn.plot()
