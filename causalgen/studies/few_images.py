"""Defaults for user tables with few images: latents that do not duplicate the parents, and the number of epochs.

A starter study contains them, and they also apply to a study without a mechanism for the image.
"""

import numpy as np

from ..graph import CausalGraph
from ..mechanisms.catalog import MECHANISMS, default_for
from .data_section import OwnData
from .schema import Study
from .sources import lacking_rows, split_rows

__all__ = ["BATCH", "FEW_IMAGES", "few_images_note", "image_epochs", "image_mechanism", "with_few_images"]

FEW_IMAGES = 5000
"""Below this number of training images, the latents of the image are kept from duplicating the parents."""
STEPS = 2500
"""Target number of training steps, within `EPOCHS`."""
EPOCHS = (10, 50)
"""Longer training on few images puts the parents back into the latents: on 400 synthetic head scans of 64 pixels do(sex)
changed .95 and .97 of the expected amount after 50 epochs (two seeds), and .90 and .68 after 150 (validation rows)."""
LEAST_STEPS, MOST_EPOCHS = 400, 150
"""Minimum number of training steps; very small tables get more epochs to reach it."""
BATCH = 32


def image_mechanism(rows: int) -> dict[str, object]:
    """The mechanism of an image with `rows` training images.

    >>> image_mechanism(280), image_mechanism(60_000)
    ({'mechanism': 'conv-vae', 'free': 0.0, 'beta': 2.0}, {'mechanism': 'conv-vae'})
    """
    word = default_for("image")
    return {"mechanism": word} | (dict(MECHANISMS[word].few_images) if rows < FEW_IMAGES else {})


def image_epochs(rows: int) -> int:
    """Return the number of epochs for `rows` training images in batches of `BATCH`.

    >>> image_epochs(60), image_epochs(280), image_epochs(60_000)
    (150, 50, 10)
    """
    steps = max(1, rows // BATCH)
    least, most = EPOCHS
    return int(np.clip(round(STEPS / steps), least, np.clip(LEAST_STEPS // steps, most, MOST_EPOCHS)))


def with_few_images(study: Study, graph: CausalGraph) -> Study:
    """Fill these defaults into a study with few images, for images without a mechanism.

    The epochs and the batch size of the image training are filled in too, unless the study gives them.
    """
    unnamed = [name for name in graph.images if name not in study.mechanisms]
    own = isinstance(study.data, OwnData) and unnamed
    rows = split_rows(study.data)["train"] + lacking_rows(study.data) if own else FEW_IMAGES
    if rows >= FEW_IMAGES:
        return study
    given = study.training.images
    images = given.model_copy(
        update={"epochs": given.epochs or image_epochs(rows), "batch_size": given.batch_size or BATCH}
    )
    mechanisms = study.mechanisms | {name: image_mechanism(rows) for name in unnamed}
    training = study.training.model_copy(update={"images": images})
    return study.model_copy(update={"mechanisms": mechanisms, "training": training})


def few_images_note(given: Study, filled: Study) -> str:
    """Describe what `with_few_images` has filled in; empty if nothing."""
    added = [name for name in filled.mechanisms if name not in given.mechanisms]
    if not added:
        return ""
    mechanism = dict(filled.mechanisms[added[0]])
    word = mechanism.pop("mechanism")
    options = ", ".join(f"{option}: {value:g}" for option, value in mechanism.items())
    return (
        f"The table has few images, and the study names no mechanism for {', '.join(added)}: {word} with {options} "
        f"and {filled.training.images.epochs} epochs is used, as `causalgen new` writes it."
    )
