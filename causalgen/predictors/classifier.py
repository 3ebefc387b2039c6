"""A small convolutional classifier of one discrete attribute."""

import torch
from torch import Tensor, nn

from ..columns import as_column
from ..errors import DataError
from ..graph import Variable

__all__ = ["Classifier"]

COARSEST = 8
"""The resolution is halved until the shorter side is at most this."""
WIDTHS = (32, 32, 64)
DENSE = 64
DROPOUT = 0.3
BATCH = 1000
"""Images that pass through the network at once when predicting."""


class Classifier(nn.Module):
    """Convolutional network from an image to a label of `variable`.

    Args:
        variable: A binary, categorical or ordinal variable.
        shape: (C, H, W) of the images, of any size.

    Raises:
        DataError: The variable has no labels.
    """

    must_be_positive = ("deviation",)
    mean: Tensor
    deviation: Tensor

    def __init__(self, variable: Variable, shape: tuple[int, ...]) -> None:
        super().__init__()
        if variable.labels is None:
            raise DataError(f"Expected a discrete variable to classify; got '{variable.name}' of kind {variable.kind}.")
        self.variable, self.shape = variable, tuple(shape)
        self.register_buffer("mean", torch.zeros(1, shape[0], 1, 1))
        self.register_buffer("deviation", torch.ones(1, shape[0], 1, 1))
        self.network = _network(self.shape, len(variable.labels))

    def initialize(self, images: Tensor) -> None:
        """Fit the scaling of each channel to training images `(N, C, H, W)`."""
        pixels = images.to(self.mean)
        self.mean.copy_(pixels.mean((0, 2, 3), keepdim=True))
        self.deviation.copy_(pixels.std((0, 2, 3), keepdim=True).clamp_min(1e-6))

    def forward(self, images: Tensor) -> Tensor:
        """Logits `(N, labels)` of images `(N, C, H, W)` in the units in which they were trained."""
        return self.network((images.to(self.mean) - self.mean) / self.deviation)

    @torch.no_grad()
    def probabilities(self, images: Tensor) -> Tensor:
        """Probability of each label, `(N, labels)`, in evaluation mode.

        Raises:
            DataError: The images have another shape than those of training.
        """
        if images.dim() != 4 or tuple(images.shape[1:]) != self.shape:
            wanted = ", ".join(map(str, self.shape))
            raise DataError(f"Expected images of shape (N, {wanted}); got {tuple(images.shape)}.")
        self.eval()
        parts = [self(part.to(self.mean.device)).softmax(1) for part in images.split(BATCH)]
        return torch.cat(parts)

    def predict(self, images: Tensor) -> Tensor:
        """Codes of the likeliest labels, int64 `(N,)`, on the device of `images`."""
        return self.probabilities(images).argmax(1).to(images.device)

    def accuracy(self, images: Tensor, codes: Tensor) -> float:
        """Share of `images` whose predicted code is the one in `codes` `(N,)` or `(N, 1)`."""
        codes = as_column(self.variable.name, codes)
        if len(codes) != len(images):
            raise DataError(f"Expected one code for each of {len(images)} images; got {len(codes)}.")
        return float((self.predict(images) == codes).double().mean())

    def extra_repr(self) -> str:
        return f"{self.variable.name} among {len(self.variable.labels or ())} labels, images {self.shape}"


def _network(shape: tuple[int, ...], labels: int) -> nn.Sequential:
    """Strided convolutions, one at the coarsest resolution, two dense layers."""
    before, height, width = shape
    layers: list[nn.Module] = []
    stage = 0
    while min(height, width) > COARSEST:
        after = WIDTHS[min(stage, len(WIDTHS) - 1)]
        layers += _convolution(before, after, kernel=5 if stage == 0 else 3, stride=2)
        before, height, width, stage = after, (height + 1) // 2, (width + 1) // 2, stage + 1
    after = WIDTHS[min(stage, len(WIDTHS) - 1)]
    layers += [*_convolution(before, after, kernel=3, stride=1), nn.Flatten(), nn.Dropout(DROPOUT)]
    return nn.Sequential(*layers, nn.Linear(after * height * width, DENSE), nn.ReLU(), nn.Linear(DENSE, labels))


def _convolution(before: int, after: int, *, kernel: int, stride: int) -> list[nn.Module]:
    convolution = nn.Conv2d(before, after, kernel, stride=stride, padding=kernel // 2, bias=False)
    return [convolution, nn.BatchNorm2d(after), nn.ReLU()]
