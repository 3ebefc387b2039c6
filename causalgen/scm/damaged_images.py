"""Missing images of which pictures, made by known mechanisms, were observed."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import NotObservableError
from ..mechanisms.degraded import Degraded
from ..mechanisms.image_vae import ImageVAE
from ..mechanisms.known_image import KnownImage

if TYPE_CHECKING:
    from .model import StructuralCausalModel

__all__ = ["DamagedImage", "find_damaged"]


@dataclass(frozen=True)
class DamagedImage:
    """A missing image of which a picture was observed.

    Args:
        photo: The missing image.
        steps: Nodes of the known mechanisms that lead to the picture, in their order; all but the last are missing.
    """

    photo: str
    steps: tuple[str, ...]

    @property
    def seen(self) -> str:
        """The picture."""
        return self.steps[-1]

    def mechanism(self, scm: "StructuralCausalModel", parents: Sequence[str]) -> Degraded:
        """The mechanism of the picture given the parents of the missing image, in this order.

        Raises:
            NotObservableError: The mechanism of the image has no latents that can be searched.
        """
        photo, steps = scm.mechanisms[self.photo], [scm.mechanisms[name] for name in self.steps]
        if not isinstance(photo, ImageVAE):
            raise NotObservableError(
                f"Expected an image mechanism whose latents can be inferred from a damaged picture for '{self.photo}'; got "
                f"{type(photo).__name__}. Fit '{self.photo}' with conv-vae or hierarchical-vae."
            )
        known = [step for step in steps if isinstance(step, KnownImage)]
        if early := [name for name, step in zip(self.steps[:-1], known) if step.noisy]:
            raise NotObservableError(
                f"Expected noise in the last mechanism only between '{self.photo}' and '{self.seen}'; got it in "
                f"{', '.join(early)}. Add the noise last."
            )
        variables = {name: scm.graph[name] for name in parents}
        return Degraded(scm.graph[self.seen], variables, photo=photo, steps=known)

    def model(self, scm: "StructuralCausalModel") -> "StructuralCausalModel":
        """The model without the image, which is integrated out, and without its other descendants.

        Raises:
            NotObservableError: As `mechanism`.
        """
        below = scm.graph.descendants(self.photo)
        kept = [name for name in scm.graph.nodes if name != self.photo and (name not in below or name == self.seen)]
        graph = scm.graph.project(kept)
        mechanism = self.mechanism(scm, graph.parents(self.seen))
        model = type(scm)(graph, {name: scm.mechanisms[name] for name in kept} | {self.seen: mechanism})
        model.tempering = scm.tempering
        return model


def find_damaged(scm: "StructuralCausalModel", missing: Collection[str]) -> DamagedImage | None:
    """A missing image with an observed picture of it, if there is one.

    Raises:
        NotObservableError: Another descendant of the image is known.
    """
    for photo in scm.graph.images:
        if photo not in missing or isinstance(scm.mechanisms[photo], KnownImage):
            continue
        seen = [name for name in scm.graph.descendants(photo) if name not in missing]
        if not any(isinstance(scm.mechanisms[name], KnownImage) for name in seen):
            continue
        if len(seen) > 1:
            raise NotObservableError(
                f"Expected one picture of the missing '{photo}'; got {', '.join(sorted(seen))}. Leave the others out."
            )
        steps = [seen[0]]
        while (parent := scm.graph.parents(steps[0])[0]) != photo:
            steps.insert(0, parent)
        return DamagedImage(photo, tuple(steps))
    return None
