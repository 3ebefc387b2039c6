"""Predictors of all attributes that affect an image, trained once and saved in a folder."""

from pathlib import Path

from rich.progress import Progress

from ..datasets import Dataset
from ..graph import CausalGraph
from .config import PUBLISHED, PredictorConfig
from .fit import fit_predictor
from .predictor import AttributePredictor
from .storage import load, save

__all__ = ["TUTOR_SEED", "attribute_predictors", "further_inputs"]

TUTOR_SEED = 1000
"""Offset of the seed of predictors for fine-tuning, which must differ from those of the evaluation."""


def further_inputs(graph: CausalGraph, image: str, attribute: str) -> list[str]:
    """Return the inputs of an attribute's predictor other than the image: its descendants among the image's parents.

    >>> graph = CausalGraph("thickness -> intensity; {thickness, intensity} -> image")
    >>> further_inputs(graph, "image", "thickness"), further_inputs(graph, "image", "intensity")
    (['intensity'], [])
    """
    below = graph.descendants(attribute)
    return [name for name in graph.parents(image) if name in below]


def attribute_predictors(
    data: Dataset,
    folder: Path,
    *,
    image: str,
    config: PredictorConfig = PUBLISHED,
    seed: int = 0,
    bars: Progress | None = None,
) -> dict[str, AttributePredictor]:
    """Return predictors of the image's parents, read from the folder, or trained and saved there.

    Raises:
        CheckpointError: A kept predictor is damaged.
    """
    predictors = {}
    for name in data.graph.parents(image):
        if data.graph[name].is_image:
            continue
        place = folder / name
        if not (place / "predictor.json").exists():
            given = further_inputs(data.graph, image, name)
            predictor = fit_predictor(data, name, image=image, given=given, config=config, seed=seed, bars=bars)
            save(predictor, place)
        predictors[name] = load(place).to(config.device)
    return predictors
