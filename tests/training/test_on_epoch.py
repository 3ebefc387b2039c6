"""Looking at an image mechanism while it trains changes nothing about the training."""

import torch
from torch import Tensor

from causalgen.graph import CausalGraph, Variable
from causalgen.mechanisms import Mechanism
from causalgen.scm import StructuralCausalModel
from causalgen.training import FitConfig, Stage, fit

GRAPH = CausalGraph("x -> im", [Variable("x", "continuous"), Variable("im", "image", shape=(1, 10, 10))])
CONFIG = FitConfig(attributes=Stage(epochs=2, batch_size=16), images=Stage(epochs=3, batch_size=16), device="cpu")


def test_every_epoch_of_the_image_is_shown_and_training_stays_the_same() -> None:
    x = torch.randn(60)
    images = (100 + 20 * x.clamp(-2, 2))[:, None, None, None].expand(60, 1, 10, 10).byte()
    data = {"train": {"x": x, "im": images}, "validation": {"x": x[:20], "im": images[:20]}}
    seen: list[tuple[str, int, bool]] = []

    def look(node: str, epoch: int, mechanism: Mechanism) -> None:
        noise = {name: p.sample() for name, p in mechanism.noise((4,)).items()}
        drawn: Tensor = mechanism(noise, {"x": x[:4]})
        seen.append((node, epoch, bool(torch.isfinite(drawn).all()) and not mechanism.training))

    states = []
    for on_epoch in (None, look):
        torch.manual_seed(0)
        small = {"mechanism": "conv-vae", "latent": 3, "local": 2, "width": 8, "blocks": 1}
        scm = StructuralCausalModel(GRAPH, {"im": small})
        fit(scm, data, CONFIG, on_epoch=on_epoch)
        states.append(scm.state_dict())
    assert seen == [("im", epoch, True) for epoch in (1, 2, 3)]
    assert all(torch.equal(value, states[1][key]) for key, value in states[0].items())
