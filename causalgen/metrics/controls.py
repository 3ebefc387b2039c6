"""The rows of every table: the model and its controls.

- identity control: the factual image is returned as the counterfactual one
- untrained control: the same model, freshly initialised
- oracle: the factual image redrawn by the generator's own operator with the true counterfactual attributes
- floor: the same measurement where nothing is generated
- permutation control: noise and parents of different units are combined
"""

from torch import Tensor

from ..datasets import Dataset, Truth
from ..nn import seeded
from ..scm import StructuralCausalModel
from ..typing import Values

__all__ = ["FLOOR", "IDENTITY", "MODEL", "ORACLE", "PERMUTATION", "UNTRAINED", "redraw", "untrained_control"]

MODEL = "model"
IDENTITY = "identity control"
UNTRAINED = "untrained control"
ORACLE = "oracle"
FLOOR = "floor"
PERMUTATION = "permutation control"


def untrained_control(scm: StructuralCausalModel, data: Dataset, *, seed: int = 0) -> StructuralCausalModel:
    """A model of the same mechanisms, initialised on the training split (scalers, categories) but not trained."""
    with seeded(seed):
        fresh = {name: type(m)(m.variable, m.parents, **m.spec()) for name, m in scm.mechanisms.items()}
        untrained = StructuralCausalModel(scm.graph, fresh).to(scm.like)
        untrained.initialize(data.part("train"))
    return untrained.declare_fitted().eval()


def redraw(truth: Truth, images: Tensor, attributes: Values) -> Tensor:
    """The oracle's images: `truth.remorph` with the attributes that it can set; uint8 `(N, C, H, W)`."""
    return truth.remorph(images, {name: attributes[name] for name in truth.remorphs})
