"""How many units a study needs, by simulation from its model, with the effects and groups of the study."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..effects.power import SIZES, PowerCurve, ReadOutcome, power_curve
from ..effects.shared_noise import SharedNoise
from ..errors import DataError, UnknownNameError, nearest
from ..reports.figure_files import write_figure
from ..reports.power_plot import plot_power
from ..scm import StructuralCausalModel, attribute_model
from ..spreadsheets import write_csv
from .asking import fitted_data, fitted_model
from .data_section import OwnData
from .image_readers import ImageReaders
from .output import answer_folder, writing
from .saved_model import Asked, SavedModel, name_of, seed_of
from .study_sections import GROUP, Effect

__all__ = ["PowerQuestion", "WrittenPower", "power_of"]

MOST_READ = 500
"""Number of rows whose images are read to measure what the images of a group share."""


@dataclass(frozen=True)
class PowerQuestion:
    """The question; missing fields are taken from the study's effect of the same treatment and outcome, if any.

    Args:
        treatment: The treatment; None for the one in the study's only effect.
        outcome: The outcome; None for the one in the study's only effect.
        contrast: The two compared values.
        method: The estimator.
        sizes: Numbers of units.
        tables: Number of simulated tables.
        target: The power to reach.
        read: Whether the outcome is read from generated images with the study's measurement; a score always is.
        cluster: Attribute of the groups, or `group` for those of the data; an empty text for independent rows.
        level: Level of the intervals.
        seed: Seed.
    """

    treatment: str | None = None
    outcome: str | None = None
    contrast: tuple[Any, Any] | None = None
    method: str | None = None
    sizes: Sequence[int] = SIZES
    tables: int = 100
    target: float = 0.8
    read: bool = False
    cluster: str | None = None
    level: float | None = None
    seed: int | None = None


@dataclass(frozen=True)
class WrittenPower:
    """A power curve, and its files."""

    curve: PowerCurve
    csv: Path
    figure: Path


def power_of(
    asked: Asked, question: PowerQuestion, out: Path | None = None, *, on_table: Callable[[], None] | None = None
) -> WrittenPower:
    """The power curve of a question about the model of a run, or about a saved one.

    Raises:
        DataError: The question does not fit the model, or its study leaves open which effect is meant.
        UnknownNameError, NotIdentifiableError, NotFittedError: As `power_curve`.
        RunFolderError: The output cannot be written, or groups of a saved model, which comes without data.
    """
    scm = fitted_model(asked)
    effect = _effect(asked, question)
    treatment = effect.treatment if effect else str(question.treatment)
    outcome = effect.outcome if effect else str(question.outcome)
    words = [str(treatment), "on", outcome, *(["read"] if question.read else []), *map(str, question.sizes)]
    words += [question.method or "", *map(str, question.contrast or ())]
    further = ((name, getattr(question, name)) for name in ("tables", "target", "cluster", "level", "seed"))
    words += [f"{name}={value}" for name, value in further if value != getattr(PowerQuestion, name)]
    folder = answer_folder(out, asked.path / "power", [word for word in words if word], "power.csv")
    seed = seed_of(asked) if question.seed is None else question.seed
    reading = _reading(asked, scm, outcome, wanted=question.read)
    curve = power_curve(
        scm,
        treatment=treatment,
        outcome=outcome,
        contrast=question.contrast or (effect.contrast if effect else None),
        sizes=question.sizes,
        tables=question.tables,
        methods=[question.method] if question.method else effect.methods if effect else None,
        target=question.target,
        reading=reading,
        shared=_groups(asked, scm, reading, question, effect, seed),
        adjustment=effect.adjustment if effect else None,
        level=question.level if question.level is not None else effect.level if effect else 0.95,
        seed=seed,
        on_table=on_table,
    )
    with writing(folder):
        write_csv(curve.frame, folder / "power.csv")
        write_figure(plot_power(curve), folder / "power.png", dpi=160)
    return WrittenPower(curve, folder / "power.csv", folder / "power.png")


def _effect(asked: Asked, question: PowerQuestion) -> Effect | None:
    """Return the study's effect that is meant; None if treatment and outcome are given and it has none of these."""
    effects = () if isinstance(asked, SavedModel) else asked.study.effects
    fitting = [
        effect
        for effect in effects
        if question.treatment in (None, effect.treatment) and question.outcome in (None, effect.outcome)
    ]
    if len(fitting) > 1 and question.contrast is not None:
        wanted = list(map(_number_or_text, question.contrast))
        fitting = [effect for effect in fitting if list(map(_number_or_text, effect.contrast)) == wanted]
    if len(fitting) == 1:
        chosen = fitting[0]
    elif question.treatment is not None and question.outcome is not None:
        if fitting:
            raise DataError(
                f"Expected one effect of {question.treatment} on {question.outcome}; '{name_of(asked)}' has {len(fitting)}. "
                "Give a contrast that only one of them has."
            )
        chosen = None
    else:
        shown = "; ".join(f"{' and '.join(one.treatments)} on {one.outcome}" for one in effects) or "none"
        raise DataError(
            f"Expected a treatment and an outcome; '{name_of(asked)}' leaves open which are meant (its effects: {shown}). "
            "Give both."
        )
    if chosen is not None:
        given = {"event": chosen.event, "weights": chosen.weights, "instrument": chosen.instrument}
        given["population"] = None if chosen.population == "whole" else chosen.population
        if unable := [name for name, value in given.items() if value is not None]:
            raise DataError(
                f"Expected an effect in the whole population by adjustment, without {', '.join(unable)}; the effect of the "
                "study has them, and they are not simulated."
            )
    return chosen


def _number_or_text(value: Any) -> float | str:
    """Normalise a side of a contrast, so that "2" in a command equals 2.0 in a study."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return str(value)


def _reading(asked: Asked, scm: StructuralCausalModel, outcome: str, *, wanted: bool) -> ReadOutcome | None:
    """Return how the outcome is read from images; None if its assigned values are used."""
    if isinstance(asked, SavedModel):
        if wanted:
            raise asked.lacks("measurements on images")
        return None
    readers = ImageReaders.of(asked.study, scm.graph)
    if outcome in readers.scores and outcome not in scm.graph:
        score = readers.scores[outcome]
        return ReadOutcome(score.image, score.read)
    if not wanted:
        return None
    if outcome not in readers.measurements:
        known = list(readers.measurements)
        raise UnknownNameError(
            f"Expected an outcome that the study measures on images ({', '.join(known) or 'it measures none'}); got "
            f"'{outcome}'." + nearest(outcome, known)
        )
    return ReadOutcome(scm.graph.images[0], readers.measurements[outcome])


def _groups(
    asked: Asked,
    scm: StructuralCausalModel,
    reading: ReadOutcome | None,
    question: PowerQuestion,
    effect: Effect | None,
    seed: int,
) -> SharedNoise | None:
    """The groups of the rows, and what they share; None for independent rows."""
    cluster = question.cluster
    if cluster is None and effect is not None:
        cluster = effect.cluster
    if isinstance(asked, SavedModel):
        if cluster:
            raise asked.lacks("groups of rows")
        return None
    own = asked.study.data.group if isinstance(asked.study.data, OwnData) else None
    if cluster is None and own is not None:
        cluster = GROUP
    if not cluster:
        return None
    data = fitted_data(asked, scm)
    frame = data.frame()
    if cluster not in (*frame.columns, GROUP):
        raise UnknownNameError(
            f"Expected groups among {', '.join(map(str, frame.columns))} and {GROUP}; got '{cluster}'."
            + nearest(cluster, [*map(str, frame.columns), GROUP])
        )
    by_data = cluster == GROUP and GROUP not in frame
    codes = data.group.numpy() if by_data else frame[cluster].to_numpy()
    name = own or cluster if by_data else cluster
    part = attribute_model(scm)
    values = {node: data.values[node] for node in part.graph.nodes if not part.graph[node].is_image}
    if part.graph.images:
        values = dict(data.rows(frame.index))
    shared = SharedNoise.measure(part, values, codes, name=str(name), seed=seed)
    if reading is None:
        return shared
    rows = np.arange(min(MOST_READ, len(frame)))  # the first rows, which contain whole groups if the table is sorted
    order = np.argsort(codes, kind="stable")[rows]
    some = data.rows(frame.index[order])
    of_images = SharedNoise.measure(
        scm, some, codes[order], readings={reading.image: reading.read}, name=str(name), seed=seed
    )
    return SharedNoise(
        shared.sizes, {**shared.shared, reading.image: of_images.shared.get(reading.image, 0.0)}, str(name)
    )
