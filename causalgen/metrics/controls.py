"""The rows of every table: the model and its controls.

- identity control: the factual image is returned as the counterfactual one
- untrained control: the same model, freshly initialised
- oracle: the factual image redrawn by the generator's own operator with the true counterfactual attributes
- codec control: a correct image (the true counterfactual one, or the factual one if the truth is unknown), passed
  through the codec of a latent mechanism alone: its error is the loss of the codec
- null intervention: the model's image with every queried node at its own value
- truth: the true counterfactual images, if the generator is known
- floor: the same measurement without any generated image
- permutation control: noise and parents of different units are combined, or training and held-out units exchanged
- held-out control: the same images compared with held-out units, which the model has not seen
- split control: how well distances between the images, without the model, distinguish training from held-out units
"""

import torch
from torch import Tensor

from ..datasets import Dataset, Truth
from ..mechanisms.latent_image import LatentImage
from ..nn import seeded
from ..scm import StructuralCausalModel
from ..scm.chunks import units_at_once
from ..typing import Values
from .images import as_stored

__all__ = [
    "CODEC",
    "FLOOR",
    "IDENTITY",
    "MODEL",
    "NULL",
    "ORACLE",
    "PERMUTATION",
    "SPLIT",
    "TRUTH",
    "UNSEEN",
    "UNTRAINED",
    "redraw",
    "through_codec",
    "untrained_control",
]

MODEL = "model"
IDENTITY = "identity control"
UNTRAINED = "untrained control"
ORACLE = "oracle"
NULL = "null intervention"
TRUTH = "truth"
CODEC = "codec control"
FLOOR = "floor"
PERMUTATION = "permutation control"
UNSEEN = "held-out control"
SPLIT = "split control"


def untrained_control(scm: StructuralCausalModel, data: Dataset, *, seed: int = 0) -> StructuralCausalModel:
    """Build a model of the same mechanisms, initialised on the training split (scalers, categories) but not trained."""
    with seeded(seed):
        fresh = {name: type(m)(m.variable, m.parents, **m.spec()) for name, m in scm.mechanisms.items()}
        untrained = StructuralCausalModel(scm.graph, fresh).to(scm.like)
        untrained.initialize(data.part("train"))
    return untrained.declare_fitted().eval()


@torch.no_grad()
def through_codec(scm: StructuralCausalModel, image: str, images: Tensor, bits: int) -> Tensor | None:
    """The codec control's images `(N, C, H, W)`, passed through the codec alone and rounded; None without a codec."""
    mechanism = scm.mechanisms[image]
    if not isinstance(mechanism, LatentImage):
        return None
    size = units_at_once(mechanism.variable.shape)
    pieces = [mechanism.reconstruct(piece.to(scm.like)) for piece in images.split(size)]
    return as_stored(torch.cat(pieces), bits)


def redraw(truth: Truth, images: Tensor, attributes: Values) -> Tensor:
    """The oracle's images: `truth.remorph` with the attributes that it can set, `(N, C, H, W)`."""
    return truth.remorph(images, {name: attributes[name] for name in truth.remorphs})
