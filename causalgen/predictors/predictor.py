"""A convolutional predictor of one attribute, continuous or discrete, the kind that published benchmarks score images with."""

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ..errors import DataError
from ..graph import Variable
from ..nn import Features, Standardiser
from ..typing import Values

__all__ = ["AttributePredictor"]

LAYERS = ((8, 7, 1), (16, 3, 2), (16, 3, 1), (32, 3, 2), (32, 3, 1), (64, 3, 2))
"""Channels, kernel and stride of the convolutions, those of the MorphoMNIST benchmark of Melistas et al. (NeurIPS 2024)."""
DENSE = 64
SLOPE = 0.1
BATCH = 1000
"""Images that pass through the network at once when predicting."""


class AttributePredictor(nn.Module):
    """An attribute read off an image: logits if it is discrete, the value in natural units if it is continuous.

    Args:
        variable: The attribute.
        shape: (C, H, W) of the images, of any size.
        given: Attributes by name that are inputs besides the image, such as the intensity when it reads thickness.

    Raises:
        DataError: The attribute is an image or has no kind.
    """

    def __init__(self, variable: Variable, shape: tuple[int, ...], given: Mapping[str, Variable] | None = None) -> None:
        super().__init__()
        if variable.kind is None or variable.is_image:
            raise DataError(
                f"Expected a discrete or continuous attribute to predict; got '{variable.name}' of kind {variable.kind}."
            )
        self.variable, self.shape, self.given = variable, tuple(shape), dict(given or {})
        self.features = Features(self.given)
        self.scaler = None if variable.is_discrete else Standardiser()
        layers: list[nn.Module] = []
        before = shape[0]
        for after, kernel, stride in LAYERS:
            layers += [
                nn.Conv2d(before, after, kernel, stride=stride, padding=kernel // 2, bias=False),
                nn.BatchNorm2d(after),
                nn.LeakyReLU(SLOPE),
            ]
            before = after
        self.convolutions = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())
        told = self.features.width if self.given else 0
        outputs = len(variable.labels or ()) if variable.is_discrete else 1
        self.head = nn.Sequential(
            nn.Linear(before + told, DENSE, bias=False),
            nn.BatchNorm1d(DENSE),
            nn.LeakyReLU(SLOPE),
            nn.Linear(DENSE, outputs),
        )

    def initialize(self, values: Values) -> None:
        """Fit scalers to the training attributes."""
        self.features.fit(values)
        if self.scaler is not None:
            self.scaler.fit(values[self.variable.name])

    def forward(self, images: Tensor, attributes: Values) -> Tensor:
        """Logits `(B, labels)`, or values `(B,)`, of images `(B, C, H, W)` on 0 to 255 and the attributes in `given`."""
        features = self.convolutions(images.to(next(self.parameters())) / 127.5 - 1)
        if self.given:
            features = torch.cat([features, self.features(attributes)], dim=1)
        output = self.head(features)
        if self.scaler is None:
            return output
        return output[:, 0] * self.scaler.scale + self.scaler.loc

    def loss(self, images: Tensor, attributes: Values) -> Tensor:
        """Mean cross-entropy, or mean squared error on the standardised scale."""
        output, target = self(images, attributes), attributes[self.variable.name]
        if self.scaler is None:
            return nn.functional.cross_entropy(output, target)
        return ((output - target) / self.scaler.scale).square().mean()

    @torch.no_grad()
    def predict(self, images: Tensor, attributes: Values, *, batch_statistics: bool = False) -> Tensor:
        """Likeliest codes int64 `(N,)`, or values float `(N,)`, on the device of `images`.

        Args:
            images: `(N, C, H, W)`.
            attributes: The attributes in `given`, `(N,)` each.
            batch_statistics: Normalise by the images at hand, in even batches of at most 1,000, instead of by the running
                averages of training. Published scores use batch statistics, which make a prediction depend on the other images.

        Raises:
            DataError: The images have another shape than those of training, or a single image, which has no batch statistics.
        """
        if images.dim() != 4 or tuple(images.shape[1:]) != self.shape:
            raise DataError(
                f"Expected images of shape (N, {', '.join(map(str, self.shape))}); got {tuple(images.shape)}."
            )
        if batch_statistics and len(images) < 2:
            raise DataError(f"Expected at least two images for batch statistics; got {len(images)}.")
        device = next(self.parameters()).device
        running = {name: buffer.clone() for name, buffer in self.named_buffers()}
        self.train(batch_statistics)
        outputs = []
        batches = max(1, math.ceil(len(images) / BATCH))  # of equal size: a last, tiny batch would have poor statistics
        for index in torch.arange(len(images)).tensor_split(batches):
            told = {name: attributes[name][index].to(device) for name in self.given}
            outputs.append(self(images[index].to(device), told))
        self.eval()
        for name, buffer in self.named_buffers():
            buffer.copy_(running[name])
        output = torch.cat(outputs).to(images.device)
        return output.argmax(1) if self.variable.is_discrete else output

    def extra_repr(self) -> str:
        told = f", given {', '.join(self.given)}" if self.given else ""
        return f"{self.variable.name} on images {self.shape}{told}"
