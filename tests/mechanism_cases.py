"""The case table of the law tests: one row a mechanism and setting. A new mechanism adds its rows here."""

from dataclasses import dataclass
from typing import Any

import torch
from tiny_pipeline import located
from torch import Tensor

from causalgen.graph import Variable
from causalgen.mechanisms import MECHANISMS, Mechanism, build

__all__ = ["CASES", "Case", "data", "wider"]

AGE = Variable("age", "continuous", support=(0, 1))
PEN = Variable("pen", "binary", labels=("ballpoint", "felt-tip"))
KIND = Variable("kind", "categorical", labels=("p", "q", "r"))
GRADE = Variable("grade", "ordinal", labels=("low", "middle", "high", "top"))
SCAN = Variable("scan", "image", shape=(1, 12, 10))
ALL = {v.name: v for v in (AGE, PEN, KIND, GRADE, SCAN)}
SCALARS = {v.name: v for v in (AGE, PEN, KIND, GRADE)}

LENGTH = Variable("length", "continuous", unit="mm")
SHARE = Variable("share", "continuous", support=(0, 20))
WAIT = Variable("wait", "continuous", support=(0, float("inf")))
LABEL = Variable("label", "categorical", labels=("s", "t", "u"))
FLAG = Variable("flag", "binary")
STAGE = Variable("stage", "ordinal", labels=("I", "II", "III", "IV"))
GREY = Variable("grey", "image", shape=(1, 17, 20))
COLOUR = Variable("colour", "image", shape=(3, 28, 30))
PHOTO = Variable("photo", "image", shape=(3, 28, 30))
LUMA = Variable("luma", "image", shape=(1, 28, 30))
THUMBNAIL = Variable("thumbnail", "image", shape=(3, 14, 15))
SHARES = Variable("shares", "image", shape=(1, 16, 16), support=(0, 1))
UNIT = Variable("unit", "image", shape=(1, 16, 16), support=(0, 1))
VOLUME = Variable("volume", "image", shape=(1, 10, 9, 12))
SLAB = Variable("slab", "image", shape=(1, 3, 40, 38))
SHARES_3D = Variable("shares 3D", "image", shape=(1, 16, 16, 16), support=(0, 1))
SCAN_3D = Variable("scan 3D", "image", shape=(2, 8, 7, 9))
SMALL = {"latent": 4, "local": 2, "width": 8, "blocks": 1}
SMALLEST: dict[str, dict[str, Any]] = {
    "conv-vae": {"latent": 4, "local": 2, "width": 8, "blocks": 1},
    "hierarchical-vae": {"latent": 4, "maps": [2, 1], "width": 8, "prior": "conditional"},
    "diffusion": {"width": 8, "steps": 3},
    "flow-matching": {"width": 8, "steps": 3},
    "image-flow": {"width": 8, "couplings": 2},
    "gan": {"latent": 4, "width": 8},
    "dcgan": {"latent": 4, "width": 8},
    "latent": {
        "inner": {"mechanism": "flow-matching", "width": 8, "steps": 3}, "codec": {"channels": 2, "width": 8, "factor": 2},
    },
}  # fmt: skip
"""Options by image mechanism."""
LADDER = {"latent": 4, "maps": [2, 1], "width": 8}


@dataclass(frozen=True)
class Case:
    mechanism: str
    variable: Variable
    parents: dict[str, Variable]
    options: dict[str, Any]

    def __str__(self) -> str:
        options = "-".join(str(v) for v in self.options.values() if isinstance(v, str | float))
        return "-".join(filter(None, (self.mechanism, self.variable.name, f"{len(self.parents)}parents", options)))

    @property
    def needs_files(self) -> bool:
        """Whether its network or codec lies in a folder."""
        return "folder" in str(self.options)

    def build(self) -> Mechanism:
        options = located(self.options)
        torch.manual_seed(0)
        return build(self.mechanism, self.variable, self.parents, options)


def case(mechanism: str, variable: Variable, parents: dict[str, Variable], **options: Any) -> Case:
    return Case(mechanism, variable, parents, options)


CASES = [
    case("spline-flow", LENGTH, ALL),
    case("spline-flow", SHARE, SCALARS),
    case("spline-flow", WAIT, {"pen": PEN}),
    case("spline-flow", LENGTH, {}),
    case("additive-noise", LENGTH, ALL, function="mlp"),
    case("additive-noise", LENGTH, {"age": AGE}, function="linear"),
    case("additive-noise", LENGTH, {}),
    case("linear-gaussian", LENGTH, {"age": AGE, "pen": PEN}),
    case("linear-gaussian", LENGTH, {}),
    case("empirical", LENGTH, {}),
    case("categorical", LABEL, ALL),
    case("categorical", LABEL, {}),
    case("categorical", FLAG, SCALARS),
    case("ordinal", STAGE, ALL),
    case("ordinal", STAGE, {}),
    case("conv-vae", GREY, ALL, **SMALL),
    case("conv-vae", COLOUR, SCALARS, **SMALL, residual=1.0),
    case("conv-vae", GREY, {"age": AGE}, **SMALL, likelihood="gaussian", residual=0.5),
    case("conv-vae", UNIT, {"kind": KIND}, **SMALL, likelihood="bernoulli"),
    case("conv-vae", COLOUR, {"age": AGE}, **SMALL, likelihood="pixelwise-gaussian", residual=1.0),
    case("conv-vae", GREY, {}, **SMALL),
    case("conv-vae", COLOUR, ALL, **SMALL, fine=4),
    case("conv-vae", GREY, ALL, **SMALL, independence=1.0),
    case("diffusion", GREY, ALL, width=8, steps=3),
    case("diffusion", COLOUR, SCALARS, width=8, steps=3, guidance=2.0),
    case("diffusion", COLOUR, {"age": AGE}, width=8, steps=3, attention=2),
    case("diffusion", UNIT, {"kind": KIND}, width=8, steps=3, sampler="ddim"),
    case("diffusion", THUMBNAIL, SCALARS, network={"folder": "unet", "rank": 2}, steps=3, guidance=2.0),
    case("diffusion", THUMBNAIL, {"age": AGE}, network={"folder": "v/unet"}, steps=3),
    case("flow-matching", GREY, ALL, width=8, steps=3),
    case("flow-matching", COLOUR, ALL, width=16, blocks=2, steps=3, network="transformer"),
    case("flow-matching", UNIT, {"age": AGE}, width=8, solver="dopri5", dropout=0.0),
    case("flow-matching", GREY, {}, width=8, steps=3, coupling="independent"),
    case("gan", GREY, ALL, latent=4, width=8),
    case("gan", COLOUR, SCALARS, latent=4, width=8),
    case("dcgan", GREY, ALL, latent=4, width=8),
    case("dcgan", UNIT, {}, latent=4, width=8),
    case("image-flow", GREY, ALL, width=8, couplings=4),
    case("image-flow", COLOUR, {"age": AGE}, width=8, couplings=2),
    case("image-flow", UNIT, {}, width=8, couplings=4),
    case("hierarchical-vae", GREY, ALL, **LADDER),
    case("hierarchical-vae", COLOUR, SCALARS, **LADDER, residual=1.0, prior="conditional"),
    case("hierarchical-vae", UNIT, {}, **LADDER, likelihood="bernoulli"),
    case("latent", GREY, ALL, **SMALLEST["latent"]),
    case("latent", COLOUR, SCALARS, inner={"mechanism": "image-flow", "width": 8}, codec={"width": 8}, residual=1.0),
    case("latent", UNIT, {}, inner={"mechanism": "conv-vae", **SMALL}, codec={"width": 8, "fine": 4}),
    case(
        "latent",
        COLOUR,
        {"pen": PEN},
        codec={"codec": "diffusers", "folder": "vae"},
        residual=0.5,
        inner={"mechanism": "diffusion", "network": {"folder": "unet"}, "steps": 3},
    ),
    case("diffusion", GREY, {"scan": SCAN, "pen": PEN}, width=8, steps=3, guidance=2.0),
    *(case(name, COLOUR, {"grey": GREY, "unit": UNIT}, **size) for name, size in SMALLEST.items()),
    case("conv-vae", VOLUME, SCALARS, **SMALL, residual=1.0),
    case("conv-vae", SHARES_3D, {"age": AGE}, **SMALL, fine=4, likelihood="bernoulli"),
    case("hierarchical-vae", VOLUME, {"age": AGE}, **LADDER, prior="conditional"),
    case("hierarchical-vae", VOLUME, SCALARS, **LADDER, independence=0.5),
    case("flow-matching", VOLUME, SCALARS, width=8, steps=3, attention=2),
    case("diffusion", VOLUME, {"age": AGE}, width=8, steps=3, guidance=2.0),
    *(case(name, VOLUME, {"scan 3D": SCAN_3D, "pen": PEN}, **SMALLEST[name]) for name in ("conv-vae", "flow-matching")),
    case("conv-vae", SLAB, {"age": AGE}, **SMALL),
    case("latent", SHARES_3D, {"pen": PEN}, **SMALLEST["latent"], residual=0.5),
    case("additive-noise", LENGTH, {"scan 3D": SCAN_3D}),
    case("grey", LUMA, {"photo": PHOTO}),
    case("mask", COLOUR, {"photo": PHOTO}, rows=[3, 9], columns=[2, 30]),
    case("blur", COLOUR, {"photo": PHOTO}, width=1.5),
    case("downsample", THUMBNAIL, {"photo": PHOTO}),
    case("noise", COLOUR, {"photo": PHOTO}, sigma=40.0),
    case("noise", UNIT, {"shares": SHARES}),
]


def wider(options: dict[str, Any], width: int) -> dict[str, Any]:
    """The options with another width, also those of parts."""
    return {
        name: wider(value, width) if isinstance(value, dict) else width if name == "width" else value
        for name, value in options.items()
    }


def data(case: Case) -> tuple[Tensor, dict[str, Tensor]]:
    """Made values of a case's variable and parents; the variable depends on a continuous parent where there is one, and is
    what a known mechanism makes of its parent."""
    n = 40 if case.variable.is_image else 200
    generator = torch.Generator().manual_seed(1)
    values = {name: _random(v, n, generator) for name, v in case.parents.items()}
    if MECHANISMS[case.mechanism].known:
        mechanism = case.build()
        value = mechanism({name: prior.sample() for name, prior in mechanism.noise((n,)).items()}, values)
        return value, values
    value = _random(case.variable, n, generator)
    if case.variable.kind == "continuous" and "age" in values:
        value = value * 0.5 + 2 * values["age"]
    return value, values


def _random(variable: Variable, n: int, generator: torch.Generator) -> Tensor:
    if variable.is_image:
        low, high = variable.support or (0, 255)
        levels = torch.randint(0, 256, (n, *variable.shape), generator=generator).float()
        return low + levels / 255 * (high - low)
    if variable.labels is not None:
        return torch.randint(0, len(variable.labels), (n,), generator=generator)
    low, high = variable.support or (-1, 3)
    return low + torch.rand(n, generator=generator) * (min(high, 10) - low)
