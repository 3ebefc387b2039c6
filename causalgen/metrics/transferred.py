"""What a style transfer kept, took and changed, read from the images, next to two controls.

- kept: attributes that are neither taken nor follow from what is taken; images should show the content's values
- taken: attributes of the style; images should show the style's values
- followed: attributes that follow from what is taken; images should show their counterfactual values

Controls: all attributes taken from the style, and the histogram of the style's image (scikit-image).
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from skimage.exposure import match_histograms
from torch import Tensor, from_numpy

from ..errors import DataError
from ..graph import Variable
from ..predictors import AttributePredictor
from ..scm import Posterior
from ..typing import Values
from .images import as_stored, bits_of
from .predicted import prediction_error
from .spaces import Measure

__all__ = ["transfer_report"]

TRANSFER, CONTENT, EVERYTHING, HISTOGRAM, FLOOR = "transfer", "content", "all attributes", "histogram", "floor"


def transfer_report(
    content: Posterior,
    style: Posterior,
    take: Sequence[str],
    measure: Mapping[str, Measure],
    predictors: Mapping[str, AttributePredictor],
    *,
    hold: bool = False,
) -> pd.DataFrame:
    """Errors of the attributes shown by images, one row for each attribute that can be read from the first image.

    Columns: attribute; part (kept, taken, followed); unit; and the mean absolute error, for labels the share of wrong
    ones, of the transfer, of the unchanged content, of both controls (all attributes, histogram), and the floor: the
    same reading of the content's images against the content's own values. An image that cannot be measured makes its
    error NaN.

    Args:
        content: Units without particles.
        style: The other units, one or as many as these, without particles.
        take: As in `Posterior.transfer`.
        measure: Measurements by continuous attribute.
        predictors: By attribute; used where there is no measurement.
        hold: As in `Posterior.transfer`.

    Raises:
        DataError: The graph has no image, or units have particles.
        UnknownNameError, AbductionError: As in `Posterior.transfer`.
    """
    graph = content.scm.graph
    if not graph.images or content.particles or style.particles:
        raise DataError("Expected units with an image and without particles for a report; got others.")
    variable = graph[graph.images[0]]
    result = content.transfer(style, take, hold=hold)
    everything = content.transfer(style, [name for name in graph.attributes if name in style.factual])
    worlds: dict[str, Values] = {TRANSFER: result, CONTENT: content.factual, EVERYTHING: everything}
    bits = bits_of(_levels(content.factual[variable.name], variable))
    images = {name: as_stored(_levels(world[variable.name], variable), bits) for name, world in worlds.items()}
    styles = as_stored(_levels(style.factual[variable.name], variable), bits)
    images[HISTOGRAM] = as_stored(_matched(images[CONTENT], styles), bits)
    moved = {node for name in result.do for node in (name, *graph.descendants(name))}
    rows = []
    for name in (n for n in graph.attributes if n in measure or n in predictors):
        part = "taken" if name in take else "followed" if name in moved and not hold else "kept"
        asked = {answer: (shown, result) for answer, shown in images.items()} | {
            FLOOR: (images[CONTENT], content.factual)
        }
        errors = {
            a: float(_errors(graph[name], shown, values, measure, predictors).mean())
            for a, (shown, values) in asked.items()
        }
        rows.append({"attribute": name, "part": part, "unit": graph[name].unit or "", **errors})
    columns = ["attribute", "part", "unit", *images, FLOOR]
    return pd.DataFrame(rows, columns=columns).sort_values(
        "part", key=lambda p: p.map(ORDER.index), kind="stable", ignore_index=True
    )


ORDER = ["kept", "taken", "followed"]


def _errors(
    variable: Variable,
    images: Tensor,
    wanted: Values,
    measure: Mapping[str, Measure],
    predictors: Mapping[str, AttributePredictor],
) -> NDArray[np.float64]:
    if variable.name in measure:
        found = np.asarray(measure[variable.name](images), dtype=np.float64)
        return np.abs(found - wanted[variable.name].double().cpu().numpy())
    error = prediction_error(predictors[variable.name], images, wanted)
    return 1 - error if variable.is_discrete else error


def _levels(images: Tensor, variable: Variable) -> Tensor:
    """Images on 0 to 255."""
    low, high = variable.support or (0.0, 255.0)
    return (images.float() - low) * (255 / (high - low))


def _matched(images: Tensor, styles: Tensor) -> Tensor:
    """Match every image to the histogram of its style, channel by channel."""
    pairs = zip(images.numpy(), styles.expand(len(images), *styles.shape[1:]).numpy())
    return from_numpy(np.stack([match_histograms(a, b, channel_axis=0) for a, b in pairs]))
