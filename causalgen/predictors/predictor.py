"""A convolutional predictor of one attribute, continuous or discrete."""

import math
from collections.abc import Mapping
from types import MappingProxyType

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..columns import as_column
from ..errors import DataError
from ..graph import Variable
from ..nn import Features, Standardiser
from ..scm.chunks import units_at_once
from ..typing import Values
from .network import Form, build_network
from .stored_images import channel_moments

__all__ = ["AttributePredictor"]

AT_ONCE = 1000
"""Maximum number of images that pass through the network at once during prediction."""
NONE: Values = MappingProxyType({})


class AttributePredictor(nn.Module):
    """Reads an attribute from an image: logits if it is discrete, the value in natural units if it is continuous.

    Args:
        variable: The attribute.
        shape: (C, H, W) of the images, of any size, or (C, D, H, W) of volumes.
        given: Attributes by name that are inputs besides the image, such as the intensity for a predictor of thickness.
        network: "flat" or "pooled" (see `causalgen.predictors.network`).

    Raises:
        DataError: The attribute is an image or has no kind.
    """

    must_be_positive = ("deviation",)
    mean: Tensor
    deviation: Tensor

    def __init__(
        self,
        variable: Variable,
        shape: tuple[int, ...],
        given: Mapping[str, Variable] | None = None,
        *,
        network: Form = "pooled",
    ) -> None:
        super().__init__()
        if variable.kind is None or variable.is_image:
            raise DataError(
                f"Expected a discrete or continuous attribute to predict; got '{variable.name}' of kind {variable.kind}."
            )
        self.variable, self.shape, self.given, self.network = variable, tuple(shape), dict(given or {}), network
        # A pooled network has this part even if no attribute is given, as in the files that earlier versions saved.
        self.features = Features(self.given) if self.given or network == "pooled" else None
        self.scaler = None if variable.is_discrete else Standardiser()
        if network == "flat":
            each = (1, shape[0], *[1] * (len(shape) - 1))
            self.register_buffer("mean", torch.zeros(each))
            self.register_buffer("deviation", torch.ones(each))
        self.convolutions, self.head = build_network(
            network,
            self.shape,
            more=self.features.width if self.features is not None and self.given else 0,
            outputs=len(variable.labels or ()) if variable.is_discrete else 1,
        )

    @property
    def at_once(self) -> int:
        """Return how many images, or volumes, pass through the network at once during prediction."""
        return AT_ONCE if len(self.shape) == 3 else units_at_once(self.shape, AT_ONCE)

    def initialize(self, images: Tensor, attributes: Values = NONE) -> None:
        """Fit scalers to training images `(N, C, H, W)`, as stored, and to the attributes that are read or given."""
        if self.network == "flat":
            mean, deviation = channel_moments(images)
            self.mean.copy_(mean.view_as(self.mean))
            self.deviation.copy_(deviation.view_as(self.deviation).clamp_min(1e-6))
        if self.features is not None:
            self.features.fit(attributes)
        if self.scaler is not None:
            self.scaler.fit(attributes[self.variable.name])

    def embed(self, images: Tensor) -> Tensor:
        """Features `(B, F)` of images `(B, C, H, W)`: the input of the head."""
        pixels = images.to(next(self.parameters()))
        # The published network takes all images on [-1, 1]; the flat one standardises each channel.
        pixels = pixels / 127.5 - 1 if self.network == "pooled" else (pixels - self.mean) / self.deviation
        return self.convolutions(pixels)

    def forward(self, images: Tensor, attributes: Values = NONE) -> Tensor:
        """Logits `(B, labels)`, or values `(B,)`, of images `(B, C, H, W)` on 0 to 255 and the attributes in `given`."""
        features = self.embed(images)
        if self.features is not None and self.given:
            features = torch.cat([features, self.features(attributes)], dim=1)
        output = self.head(features)
        if self.scaler is None:
            return output
        return output[:, 0] * self.scaler.scale + self.scaler.loc

    def loss(self, images: Tensor, attributes: Values) -> Tensor:
        """Mean cross-entropy, or mean squared error on the standardised scale."""
        output, target = self(images, attributes), attributes[self.variable.name]
        if self.scaler is None:
            return F.cross_entropy(output, target)
        return ((output - target) / self.scaler.scale).square().mean()

    def predict(self, images: Tensor, attributes: Values = NONE, *, batch_statistics: bool = False) -> Tensor:
        """Likeliest codes int64 `(N,)`, or values float `(N,)`, on the device of `images`.

        Args:
            images: `(N, C, H, W)`.
            attributes: The attributes in `given`, `(N,)` each.
            batch_statistics: Normalise by the current images, in equal batches of at most 1,000, instead of by the
                running averages of training. Published scores use batch statistics, which make a prediction depend on
                the other images.

        Raises:
            DataError: The images have another shape than those of training, or a single image, which has no batch statistics.
        """
        output = self._outputs(images, attributes, batch_statistics=batch_statistics)
        return output.argmax(1) if self.variable.is_discrete else output

    def probabilities(self, images: Tensor, attributes: Values = NONE) -> Tensor:
        """Probability of each label, `(N, labels)`, on the device of `images`.

        Raises:
            DataError: The attribute is continuous, or the images have another shape than those of training.
        """
        if not self.variable.is_discrete:
            raise DataError(
                f"Expected a discrete attribute for probabilities; '{self.variable.name}' is continuous. Call predict()."
            )
        return self._outputs(images, attributes).softmax(1)

    def accuracy(self, images: Tensor, codes: Tensor, attributes: Values = NONE) -> float:
        """Share of `images` whose predicted code is the one in `codes` `(N,)` or `(N, 1)`."""
        codes = as_column(self.variable.name, codes)
        if len(codes) != len(images):
            raise DataError(f"Expected one code for each of {len(images)} images; got {len(codes)}.")
        return float((self.predict(images, attributes) == codes).double().mean())

    @torch.no_grad()
    def _outputs(self, images: Tensor, attributes: Values, *, batch_statistics: bool = False) -> Tensor:
        """Compute outputs in evaluation mode, or with batch statistics, which leave the running averages unchanged."""
        if images.dim() < 4 or tuple(images.shape[1:]) != self.shape:
            raise DataError(
                f"Expected images of shape (N, {', '.join(map(str, self.shape))}); got {tuple(images.shape)}."
            )
        if batch_statistics and len(images) < 2:
            raise DataError(f"Expected at least two images for batch statistics; got {len(images)}.")
        device = next(self.parameters()).device
        running = {name: buffer.clone() for name, buffer in self.named_buffers()}
        self.eval()
        for part in self.modules():  # dropout stays off: a prediction is not random
            part.training = batch_statistics and isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d)
        outputs = []
        batches = max(
            1, math.ceil(len(images) / self.at_once)
        )  # of equal size: a last, tiny batch would have poor statistics
        for index in torch.arange(len(images)).tensor_split(batches):
            given = {name: attributes[name][index].to(device) for name in self.given}
            outputs.append(self(images[index].to(device), given))
        self.eval()
        for name, buffer in self.named_buffers():
            buffer.copy_(running[name])
        return torch.cat(outputs).to(images.device)

    def extra_repr(self) -> str:
        given = f", given {', '.join(self.given)}" if self.given else ""
        return f"{self.variable.name} on images {self.shape}{given}"
