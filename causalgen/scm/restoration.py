"""Restoration: the images behind damaged pictures, drawn from their posterior under a model.

A picture is a child of its image by known mechanisms. Restoring an image is abduction with the picture as evidence and the
image missing (see `completion`): inpainting, denoising, super-resolution and colourisation differ only in the
mechanism.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ..errors import DataError, MissingValueError, UnknownNameError
from ..graph import Variable
from ..mechanisms.degradations import AddedNoise, Blur, Downsample, Grey, Mask
from ..mechanisms.known_image import ImageFunction, KnownImage
from .completion import Completed
from .posterior import Posterior
from .values import unit_labels

if TYPE_CHECKING:
    from .model import StructuralCausalModel

__all__ = ["Damage", "restore"]

Parents = Mapping[str, Variable]


@dataclass(frozen=True, eq=False)
class Damage:
    """What happened to an image, in this order: grey, blur, smaller, a function, hidden pixels, noise.

    Args:
        grey: Whether its colours are lost.
        blur: Standard deviation of a Gaussian blur, pixels; 0 for none.
        downsample: Number of pixels along a side that became one; 1 for none.
        function: Any differentiable function of images `(B, C, H, W)`, natural units; None for none.
        mask: Which pixels of the picture are hidden, `(H, W)`: true, or anything but 0; None for none.
        noise: Standard deviation of Gaussian noise, grey levels of 255; 0 for none.
    """

    grey: bool = False
    blur: float = 0.0
    downsample: int = 1
    function: Callable[[Tensor], Tensor] | None = None
    mask: Any = None
    noise: float = 0.0

    def steps(self, image: Variable) -> list[KnownImage]:
        """The known mechanisms, each with the one before as its parent.

        Raises:
            DataError: Nothing happened to the image, a number is out of range, or the mask has another size, covers
                everything or nothing.
        """
        self._check(image)
        steps: list[KnownImage] = []
        parent = image

        def add(build: Callable[[Variable, Parents], KnownImage], shape: tuple[int, ...]) -> None:
            nonlocal parent
            made = Variable(f"{image.name} (damage {len(steps) + 1})", "image", shape=shape, support=image.support)
            steps.append(build(made, {parent.name: parent}))
            parent = made

        if self.grey:
            add(Grey, (1, *image.shape[1:]))
        if self.blur:
            add(lambda made, parents: Blur(made, parents, width=self.blur), parent.shape)
        if self.downsample != 1:
            small = (parent.shape[0], *(side // self.downsample for side in parent.shape[1:]))
            add(lambda made, parents: Downsample(made, parents, factor=self.downsample), small)
        if self.function is not None:
            function = self.function
            add(lambda made, parents: ImageFunction(made, parents, function=function), _made_by(function, parent))
        if self.mask is not None:
            hidden = _hidden(self.mask, parent.shape)
            add(lambda made, parents: Mask.of_pixels(made, parents, hidden), parent.shape)
        if self.noise:
            add(lambda made, parents: AddedNoise(made, parents, sigma=self.noise), parent.shape)
        if not steps:
            raise DataError(
                "Expected what happened to the image: a mask, noise, blur, downsample, grey or a function; got none of them. "
                "An image without damage is abducted as it is."
            )
        return steps

    def _check(self, image: Variable) -> None:
        """Refuse numbers out of range, before a mechanism sees them."""
        if image.is_volume:
            raise DataError(
                f"Expected an image of two dimensions to restore; got the volume '{image.name}' of shape {image.shape}. A "
                "model of one slice of each volume answers this: declare `slice: [axial, 0.5]` in place of `volume: true`."
            )
        _, height, width = image.shape
        if not 0 <= self.noise <= 255:
            raise DataError(f"Expected noise of 0 to 255 grey levels, standard deviation; got {self.noise:g}.")
        if not 0 <= self.blur <= max(height, width):
            raise DataError(f"Expected a blur of 0 to {max(height, width)} pixels; got {self.blur:g}.")
        factors = [factor for factor in range(1, min(height, width) + 1) if not (height % factor or width % factor)]
        if self.downsample not in factors:
            raise DataError(
                f"Expected downsample among {', '.join(map(str, factors))}, which divide the {height}x{width} pixels of "
                f"'{image.name}'; got {self.downsample}."
            )
        if self.grey and image.shape[0] != 3:
            raise DataError(f"Expected an image with colours for grey; '{image.name}' has none. Leave grey out.")


def restore(
    scm: "StructuralCausalModel",
    damaged: Mapping[str, Any],
    damage: Damage,
    *,
    image: str | None = None,
    particles: int = 50,
    seed: int | None = None,
) -> Posterior:
    """The posterior of units whose image was observed damaged, for any number of counterfactual queries.

    Its `factual` holds the restored images, the mean of the draws, and `completed.by_particle()` the draws. Attributes that are
    not given are inferred.

    Args:
        scm: The model; the mechanism of the image is a VAE.
        damaged: Pictures `(B, C, H, W)` under the name of the image, and known attributes, as in `abduct`.
            Hidden pixels may have any value, NaN too.
        damage: What happened to the images, the same for all units.
        image: The image node; None for the only one.
        particles: Draws of every unit.
        seed: As in `abduct`.

    Raises:
        DataError: There is no damage, or pictures do not have the size that it produces.
        MissingValueError: There is no picture, or pixels are NaN that the mask does not hide.
        NotObservableError: The image's mechanism has no latents to search, or something that depends on the image is given.
        SupportError: The model cannot produce what is known.
    """
    node = _image_node(scm, damaged, image)
    steps = damage.steps(scm.graph[node])
    seen = steps[-1].variable
    picture = _picture(damaged[node], seen, damage, node)
    edges = [*scm.graph.edges, *((parent, step.variable.name) for step in steps for parent in step.parents)]
    variables = [*scm.graph.variables.values(), *(step.variable for step in steps)]
    graph = scm.graph.with_parts(edges=edges, variables=variables)
    device = scm.like.device
    extended = type(scm)(graph, {**scm.mechanisms, **{step.variable.name: step.to(device) for step in steps}})
    extended.tempering = scm.tempering
    known = {name: value for name, value in damaged.items() if name != node} | {seen.name: picture}
    posterior = extended.abduct(known, particles=particles, seed=seed)
    assert posterior.completed is not None
    nodes = set(scm.graph.nodes)
    return Posterior(
        scm,
        {name: posterior.factual[name] for name in scm.graph.nodes},
        {name: noise for name, noise in posterior.noise.items() if name in nodes},
        particles,
        unit_labels(damaged),
        _within(posterior.completed, nodes),
    )


def _within(completed: Completed, nodes: set[str]) -> Completed:
    """The part of drawn values that belongs to some nodes."""

    def part(found: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in found.items() if name in nodes}

    return replace(
        completed,
        values=part(completed.values),
        known=part(completed.known),
        fresh=part(completed.fresh),
        drawn=part(completed.drawn),
    )


def _image_node(scm: "StructuralCausalModel", damaged: Mapping[str, Any], image: str | None) -> str:
    images = scm.graph.images
    if (image is not None and image not in images) or (image is None and len(images) != 1):
        got = f"'{image}'" if image is not None else f"{len(images)} images"
        raise UnknownNameError(f"Expected one image of the model to restore; got {got}. Name one of {list(images)}.")
    node = image or images[0]
    if damaged.get(node) is None:
        raise MissingValueError(
            f"Expected a damaged picture of '{node}'; got none, so nothing is observed of the image."
        )
    return node


def _made_by(function: Callable[[Tensor], Tensor], parent: Variable) -> tuple[int, ...]:
    """Shape of the images that a function makes, tried on one black image; the mechanism judges what it returns."""
    try:
        made = function(torch.full((1, *parent.shape), (parent.support or (0.0, 255.0))[0]))
    except Exception as error:
        raise DataError(
            f"Expected a function of images (B, C, H, W); on one image it failed with {type(error).__name__}: {error}"
        ) from error
    return tuple(made.shape[1:]) if isinstance(made, Tensor) and made.dim() == 4 else parent.shape


def _hidden(mask: Any, shape: tuple[int, ...]) -> Tensor:
    """Bool `(H, W)`."""
    hidden = torch.as_tensor(np.asarray(mask) != 0)
    if tuple(hidden.shape) != tuple(shape[1:]):
        raise DataError(
            f"Expected a mask of {shape[1]}x{shape[2]} pixels (height x width), the size of the picture; "
            f"got shape {tuple(hidden.shape)}. Draw it at that size."
        )
    if hidden.all():
        raise DataError(
            "Expected a mask that leaves some pixels; got one that hides all of them, so that nothing is observed. "
            "A mask is 0 (black) where the picture is seen."
        )
    if not hidden.any():
        raise DataError("Expected a mask that hides some pixels; got one that hides none. Leave it out.")
    return hidden


def _picture(value: Any, seen: Variable, damage: Damage, node: str) -> Tensor:
    """Pictures `(B, C, H, W)`; hidden pixels have the least value of the support."""
    try:
        picture = torch.as_tensor(np.asarray(value.cpu() if isinstance(value, Tensor) else value, dtype=np.float64))
    except (TypeError, ValueError):
        raise DataError(f"Expected pixels for the picture of '{node}'; got {type(value).__name__}.") from None
    if picture.dim() == 2:
        picture = picture[None]
    if picture.dim() == 3:
        picture = picture[None]
    if tuple(picture.shape[1:]) != seen.shape:
        channels, height, width = seen.shape
        raise DataError(
            f"Expected a picture of {height}x{width} pixels (height x width) and {'colour' if channels == 3 else 'grey'}, as "
            f"this damage makes it of '{node}'; got shape {tuple(picture.shape[1:])}. Resize or crop the picture, or describe "
            "the damage with grey and downsample."
        )
    if damage.mask is not None:
        low = (seen.support or (0.0, 255.0))[0]
        picture = torch.where(_hidden(damage.mask, seen.shape), low, picture)
    if picture.isnan().any():
        unit = int(picture.isnan().flatten(1).any(1).nonzero()[0])
        raise MissingValueError(
            f"Expected a number in every pixel that is seen; got NaN in the picture of unit {unit}. Hide such pixels with "
            "a mask (--mask)."
        )
    return picture
