r"""An image mechanism on the small map of a codec: one wrapper for all of them.

.. math:: x = D\bigl(g(u, pa)\bigr) + r\, s\, \epsilon, \qquad u \text{ abducted from } E(x)

A codec (E, D) maps the picture to a small map and back, without the parents; the inner mechanism g models the map as if it
were a small image, and only it sees the parents (Rombach et al., High-resolution image synthesis with latent diffusion
models, 2022).
Abduction encodes, then abducts inside. Details that the codec loses are missing in every answer: `reconstruct` shows
this loss alone, and `r` is the share of it that is carried into counterfactuals.
"""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import pyro.distributions as dist
import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from ..errors import NotFittedError, UnknownNameError, nearest
from ..graph import Variable
from ..typing import Noise, Values
from .autoencoder import Autoencoder
from .base import Abduction, Abductive, Batches, Mechanism
from .conv_vae import ConvVAE
from .diffusion import Diffusion
from .flow_matching import FlowMatching
from .gan import GAN
from .hierarchical_vae import HierarchicalVAE
from .identification import Identifiability, Identification
from .image_flow import ImageFlow
from .options import check_options
from .pretrained_autoencoder import PretrainedAutoencoder

__all__ = ["CODECS", "INNER", "LatentImage"]

INNER: dict[str, type[Abductive]] = {
    "flow-matching": FlowMatching,
    "diffusion": Diffusion,
    "conv-vae": ConvVAE,
    "hierarchical-vae": HierarchicalVAE,
    "image-flow": ImageFlow,
    "gan": GAN,
}
"""Mechanisms that can model the map, by their words in the catalog."""
CODECS: dict[str, type[Autoencoder | PretrainedAutoencoder]] = {
    "autoencoder": Autoencoder,
    "diffusers": PretrainedAutoencoder,
}
"""Codecs by their words."""


class LatentImage(Abductive):
    """A codec, and an image mechanism on its map.

    Noise: that of the inner mechanism; with a residual also `pixel`, `(B, C, H, W)`.

    Args:
        variable: An image variable, grey or colour.
        parents: Parents of any kind; the inner mechanism alone sees them.
        inner: Word of the inner mechanism, or a mapping of `mechanism` and its options. A VAE inside has the Gaussian
            likelihood by default, since the values of a map are not grey levels.
        codec: "autoencoder", which `fit` trains in a stage before the inner mechanism, or a mapping of `codec` and its options:
            those of `Autoencoder`, or `{codec: diffusers, folder: ...}` for a frozen one (see `PretrainedAutoencoder`).
        residual: Share in [0, 1] of the codec's loss of the factual image that abduction keeps and counterfactuals
            carry.

    Raises:
        UnknownNameError: No inner mechanism, codec or option of that name.
        ValueError: An option of another type or out of range, or an image that does not suit the codec.
    """

    kinds = ("image",)
    volumes = True
    parts: ClassVar = ("inner", "codec")
    privacy_obstacle = "its codec has learned from images without privacy"
    works: tuple[str, ...] = ("latent",)

    def __init__(
        self,
        variable: Variable,
        parents: Mapping[str, Variable],
        *,
        inner: str | Mapping[str, Any] = "flow-matching",
        codec: str | Mapping[str, Any] = "autoencoder",
        residual: float = 0.0,
    ) -> None:
        super().__init__(variable, parents)
        if not 0.0 <= residual <= 1.0:
            raise ValueError(f"Expected residual in [0, 1]; got {residual}.")
        self.residual = residual
        self.codec = _codec(variable, codec)
        if isinstance(self.codec, PretrainedAutoencoder):  # so that a saved model does not need the folder
            self.options["codec"] = {"codec": "diffusers", "config": self.codec.config}
        self.inner = _inner(
            Variable(variable.name, "image", shape=self.codec.map_shape, support=(-1, 1)), parents, inner
        )
        if isinstance(self.inner, Diffusion) and self.inner.backbone is not None:
            self.inner.reach = _in_pipeline_units(self.codec, variable)
        # With all its options, so that a saved model keeps them where defaults change.
        self.options["inner"] = {
            "mechanism": _word_and_options(inner, "mechanism", "flow-matching")[0],
            **self.inner.spec(),
        }
        # The noise is unique for the map of the inner mechanism, not for the image, of which the codec loses a part.
        bijective = self.inner.abduction is Abduction.BIJECTIVE
        self.abduction = Abduction.POINT if bijective else self.inner.abduction
        self.pace, self.momentum, self.guided = self.inner.pace, self.inner.momentum, self.inner.guided
        self.works = (*self.inner.works, *type(self).works)

    @property
    def trained_before(self) -> Mapping[str, Mechanism]:
        return {"codec": self.codec} if self.codec.trainable else {}

    @property
    def outside(self) -> tuple[str, ...]:  # type: ignore[override]
        return self.inner.outside

    @property
    def selection(self) -> tuple[str, ...]:
        return self.inner.selection

    @property
    def identification(self) -> Identification:
        if self.guided:
            return self.inner.identification
        carried = f"; {self.residual:.0%} of the pixel residual of the codec is carried over" if self.residual else ""
        return Identification(
            Identifiability.CONVENTION,
            f"on the map of a codec, one of many: {self.inner.identification.assumption}{carried}",
        )

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        return self.inner.parameter_groups()

    def declare_fitted(self) -> "LatentImage":
        self.codec.declare_fitted()
        self.inner.declare_fitted()
        return super().declare_fitted()

    def initialize(self, value: Tensor, parents: Values) -> None:
        self.codec.initialize(value, {})
        # The inner mechanism fits scalers of the parents: there are no maps before the codec is trained.
        device, dtype = self.device_and_dtype()
        no_maps = torch.zeros(1, *self.codec.map_shape, device=device, dtype=dtype)
        self.inner.initialize(no_maps.expand(len(value), *self.codec.map_shape), parents)

    def noise(self, batch_shape: tuple[int, ...] = ()) -> dict[str, Distribution]:
        noise = self.inner.noise(batch_shape)
        if self.residual > 0:
            pixel = dist.Normal(self._zero, self._zero + self.residual)
            noise["pixel"] = pixel.expand((*batch_shape, *self.variable.shape)).to_event(len(self.variable.shape))
        return noise

    def forward(self, noise: Noise, parents: Values, *, changed: frozenset[str] = frozenset()) -> Tensor:
        inside = {name: tensor for name, tensor in noise.items() if name != "pixel"}
        output = self._fitted_codec().draw(self.inner(inside, parents, changed=changed))
        if "pixel" in noise:
            return self.codec.likelihood.add_residual(output, noise["pixel"])
        return self.codec.likelihood.mean(output)

    def abduct(self, value: Tensor, parents: Values, *, draw: bool = True) -> Noise:
        maps = self._fitted_codec().encode(value)
        noise = self.inner.abduct(maps, parents, draw=draw)
        if self.residual == 0:
            return noise
        residual = self.codec.likelihood.residual(self.codec.draw(maps), value)
        return {**noise, "pixel": self.residual * residual}

    def objectives(self, value: Tensor, parents: Values, progress: float) -> dict[str, Tensor]:
        """Return the objectives of the inner mechanism on the maps."""
        with torch.no_grad():
            maps = self._fitted_codec().encode(value)
        return self.inner.objectives(maps, parents, progress)

    def track(self, value: Tensor, parents: Values) -> None:
        """That of the inner mechanism, on the maps."""
        if type(self.inner).track is Mechanism.track:
            return  # no needless encoding
        with torch.no_grad():
            self.inner.track(self._fitted_codec().encode(value), parents)

    def settle(self, batches: Batches) -> None:
        """That of the inner mechanism, on the maps."""
        codec = self._fitted_codec()

        def maps() -> Iterator[tuple[Tensor, Values]]:
            for value, parents in batches():
                with torch.no_grad():
                    yield codec.encode(value), parents

        self.inner.settle(maps)

    def reconstruct(self, value: Tensor) -> Tensor:
        """Images `(B, C, H, W)`, natural units, through the codec alone, which loses a part of them."""
        return self.codec.likelihood.mean(self.codec.draw(self._fitted_codec().encode(value)))

    def _fitted_codec(self) -> Autoencoder | PretrainedAutoencoder:
        if not self.codec.fitted:
            raise NotFittedError(
                f"Expected a fitted codec of '{self.variable.name}'; this one is not. Call causalgen.fit, which trains it "
                "first."
            )
        return self.codec


def _codec(variable: Variable, given: str | Mapping[str, Any]) -> Autoencoder | PretrainedAutoencoder:
    word, options = _word_and_options(given, "codec", "autoencoder")
    cls = _known(word, CODECS, f"the codec of '{variable.name}'")
    check_options(cls, word, variable.name, options)
    return cls(variable, {}, **options)


def _in_pipeline_units(codec: Autoencoder | PretrainedAutoencoder, variable: Variable) -> float:
    """The reach of the codec's map after it took the units of its pipeline, in which a frozen backbone has learned."""
    if not isinstance(codec, PretrainedAutoencoder):
        raise ValueError(
            f"Expected the frozen codec of the same pipeline with the frozen backbone of '{variable.name}', such as codec: "
            "{codec: diffusers, folder: my-pipeline/vae}; got one that fit trains, whose maps the backbone has never seen."
        )
    codec.keep_pipeline_units()
    return codec.reach


def _inner(variable: Variable, parents: Mapping[str, Variable], given: str | Mapping[str, Any]) -> Abductive:
    word, options = _word_and_options(given, "mechanism", "flow-matching")
    cls = _known(word, INNER, f"the inner mechanism of '{variable.name}'")
    check_options(cls, word, variable.name, options)
    if options.get("residual"):
        raise ValueError(
            f"Expected the residual of '{variable.name}' as an option of 'latent', for the pixels of the image; got one of "
            "its inner mechanism."
        )
    if "likelihood" in (cls.__init__.__kwdefaults__ or {}):
        options = {"likelihood": "gaussian", **options}
    return cls(variable, parents, **options)


def _word_and_options(given: str | Mapping[str, Any], key: str, default: str) -> tuple[Any, dict[str, Any]]:
    if isinstance(given, str):
        return given, {}
    options = dict(given)
    return options.pop(key, default), options


def _known(word: Any, table: Mapping[str, Any], what: str) -> Any:
    if not isinstance(word, str) or word not in table:
        raise UnknownNameError(f"Expected {what} among {', '.join(table)}; got {word!r}." + nearest(str(word), table))
    return table[word]
