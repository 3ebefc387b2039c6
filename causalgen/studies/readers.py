"""Readers of attributes from the images of a run: its measurements, and the classifiers and predictors that it trained.

readers/     from the metrics step: a classifier of each discrete attribute, a regressor of each continuous one
predictors/  from `causalgen evaluate`: a predictor of each parent of the image
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..graph import CausalGraph
from ..metrics import Measure
from ..predictors import AttributePredictor, Regressor, load, save
from ..predictors.storage import saved_in
from ..reports.folder import slug
from .measurements import find_measurements
from .runfolder import RunFolder

__all__ = ["RunReaders", "keep_readers", "readers_of"]


@dataclass(frozen=True)
class RunReaders:
    """Readers of the attributes of a run's images.

    Args:
        measure: Measurements by continuous attribute.
        trained: Classifiers and predictors by attribute.
        notes: The reader of each attribute, and attributes without one, in sentences.
    """

    measure: Mapping[str, Measure]
    trained: Mapping[str, AttributePredictor]
    notes: tuple[str, ...]


def keep_readers(folder: Path, readers: Mapping[str, AttributePredictor | Measure]) -> None:
    """Write the trained readers into `folder`, each into a separate folder; measurements need no file."""
    trained = {name: reader.predictor if isinstance(reader, Regressor) else reader for name, reader in readers.items()}
    networks = {name: reader for name, reader in trained.items() if isinstance(reader, AttributePredictor)}
    for place, (name, network) in enumerate(networks.items()):
        save(network, folder / f"{place}-{slug(name)}")


def readers_of(run: RunFolder, graph: CausalGraph, image: str) -> RunReaders:
    """The readers of a run; nothing is trained.

    An attribute is read by the study's measurement, else by the reader of the metrics step, else by the predictor of
    `causalgen evaluate`.

    Args:
        run: The run.
        graph: The graph of its model.
        image: The image to read; readers belong to the first image of the graph.

    Raises:
        CheckpointError: A saved reader is damaged.
    """
    if image != graph.images[0]:
        return RunReaders({}, {}, (f"The run has no readers of '{image}': they were trained on '{graph.images[0]}'.",))
    study = run.study
    measure: dict[str, Measure] = dict(
        find_measurements(study.measured, trust_code=run.trust_code, bits=study.data.bits)
    )
    trained = dict(_saved(run.predictors)) | dict(_saved(run.readers))
    used = {name: reader for name, reader in trained.items() if name in graph and name not in measure}
    return RunReaders(measure, used, _notes(graph, image, measure, used))


def _saved(folder: Path) -> Iterator[tuple[str, AttributePredictor]]:
    for place in saved_in(folder):
        predictor = load(place)
        yield predictor.variable.name, predictor


def _notes(
    graph: CausalGraph,
    image: str,
    measure: Mapping[str, Measure],
    trained: Mapping[str, AttributePredictor],
) -> tuple[str, ...]:
    missing = [name for name in graph.parents(image) if name not in measure and name not in trained]
    notes = []
    if measure:
        notes.append(f"Read from the images by a measurement of the study: {', '.join(measure)}.")
    if trained:
        notes.append(
            f"Read from the images by networks that the run trained on its training images: {', '.join(trained)}."
        )
    if missing:
        notes.append(
            f"The run trained nothing that reads {', '.join(missing)} from the images. `causalgen evaluate RUN` trains "
            "predictors of all parents of the image and keeps them; the next audit uses them."
        )
    return tuple(notes)
