"""A benchmark on the data of a study: its queries, any list of image mechanisms, no truth needed."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import CausalgenError, DataError
from ..graph import CausalGraph
from ..graph.volumes import require_flat_images
from ..mechanisms import build
from ..mechanisms.catalog import default_for, mechanism_class
from ..own_code import code_near
from ..predictors import PUBLISHED
from ..studies.few_images import with_few_images
from ..studies.schema import Study
from ..studies.sources import split_rows, study_graph
from ..studies.validate import check_study
from ..training import TuningConfig
from .settings import Benchmark, Form, Recipe

__all__ = ["COMPARED", "study_benchmark"]

COMPARED = ("conv-vae", "flow-matching", "gan")
"""Default mechanisms to compare with the study's: one of each kind of abduction."""
LATENT_EPOCHS = 5


def study_benchmark(study: Study, mechanisms: Sequence[str] | None = None) -> Benchmark:
    """The benchmark that a study describes.

    Its queries are the study's queries that set one attribute or, if there are none, every attribute that is a parent
    of the image. Every mechanism is trained as the study trains its image; options in the study belong to the mechanism
    that it names.

    Args:
        study: The study.
        mechanisms: Words, or module:Class, whose modules may be next to the study file or in the working directory;
            None for the study's mechanism and `COMPARED`.

    Raises:
        StudyError: The study does not fit its graph.
        DataError: The study has no image with attributes as parents, or a mechanism cannot be built.
        UntrustedCodeError: A mechanism is code that is not trusted.
        UnknownNameError: No mechanism of that name.
    """
    graph = study_graph(study)
    check_study(study, graph)
    require_flat_images(graph, "a benchmark")
    study = with_few_images(study, graph)
    image, parents = _image(graph)
    own = dict(study.mechanisms.get(image, {}))
    word = own.pop("mechanism", None) or default_for("image")
    given = (word, *COMPARED) if mechanisms is None else mechanisms
    words = tuple(dict.fromkeys(code_near(code_near(name, study.folder), Path.cwd()) for name in given))
    recipes = {name: _recipe(study, own if name == word else {}) for name in words}
    for name, recipe in recipes.items():
        found = mechanism_class(name, image, trust_code=study.trust_code)
        try:
            build(found, graph[image], {p: graph[p] for p in graph.parents(image)}, recipe.options)
        except CausalgenError:
            raise
        except ValueError as error:  # the wrong kind of variable, or an option with a wrong value
            raise DataError(str(error)) from None
    form = Form(
        attributes=study.training.attributes,
        predictor_epochs=PUBLISHED.passes(split_rows(study.data)["train"]),
        latent_epochs=LATENT_EPOCHS,
        rows=study.evaluation.rows,
        mechanisms=recipes,
    )
    alone = [query[0] for query in study.evaluation.queries if len(query) == 1]
    return Benchmark(
        name=study.name,
        data=study.data,
        queries=tuple(alone or parents),
        measurements={
            n: given if isinstance(given, str) else given.model_dump() for n, given in study.measurements.items()
        },
        gpu=form,
        cpu=form,
    )


def _image(graph: CausalGraph) -> tuple[str, list[str]]:
    """The image and its parents that are attributes."""
    if not graph.images:
        raise DataError("Expected a study with an image to benchmark; got a graph without one. Name an image column.")
    image = graph.images[0]
    parents = [name for name in graph.parents(image) if not graph[name].is_image]
    if not parents:
        raise DataError(f"Expected attributes that affect '{image}'; got none. Add arrows to it in the graph.")
    return image, parents


def _recipe(study: Study, options: dict[str, Any]) -> Recipe:
    tuning = study.training.tuning
    tuned = None if tuning is None else TuningConfig(**tuning.model_dump(exclude_none=True))
    return Recipe(options=options, images=study.training.images, tuning=tuned)
