"""Answers the requests of the page: units, counterfactuals of one unit, and film strips over an attribute."""

import threading
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict

from ..datasets import Dataset
from ..errors import CausalgenWarning, DataError
from ..graph import CausalGraph
from ..graph.volumes import require_flat_images
from ..scm import Counterfactual
from ..scm.values import check_finite
from ..studies.model_on_data import true_counterfactual
from ..studies.saved_model import Asked, ModelDraws, SavedModel, name_of
from .answers import attribute_answers, image_answers, share_supported
from .drawing import difference_limit, picture_url
from .graph_layout import graph_layout
from .inputs import attribute_inputs
from .units import ExploredUnit, ExploredUnits

__all__ = ["DRAWS", "PAGE", "Answered", "Explorer", "WorldSetting"]

DRAWN = "The model comes without data: the units are draws of it. You can also add an image."
PAGE = 24
"""Number of units on a page of thumbnails."""
THUMBNAIL = 64
"""Pixels of the longer side of a thumbnail."""
DRAWS = (1, 8, 16, 32, 100)
"""Available numbers of draws."""
FRAMES = 9
"""Frames of a film strip over a continuous attribute."""
MOST_LABELS = 24
"""Maximum number of frames of a film strip over labels; more labels are sampled at even steps."""


class WorldSetting(BaseModel):
    """One question about one unit.

    Args:
        unit: Key of the unit.
        do: Values of attributes by name; codes for discrete ones.
        hold: Whether all other attributes keep their values, for the direct effect on the image.
        draws: Number of draws of the noise.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    unit: str
    do: dict[str, float] = {}
    hold: bool = False
    draws: int = 1


@dataclass(frozen=True)
class Answered:
    """A setting with its unit and counterfactual.

    Args:
        setting: The setting.
        unit: Its unit.
        values: The interventions with labels instead of codes.
        counterfactual: The answer of the model.
        truth: True counterfactual values by node, if the generator is known.
        notes: Sentences about what was inferred.
    """

    setting: WorldSetting
    unit: ExploredUnit
    values: dict[str, Any]
    counterfactual: Counterfactual
    truth: Mapping[str, Any] | None
    notes: tuple[str, ...]


class Explorer:
    """Answers about the model of a run; it may be called from several threads, which then take turns.

    Args:
        run: A run with a fitted model, and with its data available; or a saved model, from which units are drawn.

    Raises:
        CheckpointError: The run has no fitted model, or one of another graph than the data's.
        DataError: The data cannot be loaded.
    """

    def __init__(self, run: Asked) -> None:
        self.run = run
        self.units = ExploredUnits(run)
        require_flat_images(self.graph, "the explorer")
        self._inputs = attribute_inputs(self.graph, self.units.frame)
        # Threads share the style of figures and the random state, which draws fork.
        self.turn = threading.RLock()

    @property
    def graph(self) -> CausalGraph:
        """The causal graph."""
        return self.units.scm.graph

    def model(self) -> dict[str, Any]:
        """Data from which the page is built: attributes, images, splits, and the drawing of the graph."""
        splits = self.units.splits
        random = any(mechanism.abduction.is_random for mechanism in self.units.scm.mechanisms.values())
        return {
            "name": name_of(self.run),
            "question": DRAWN if isinstance(self.run, SavedModel) else self.run.study.question,
            "run": str(self.run.model if isinstance(self.run, SavedModel) else self.run.path),
            "splits": [{"name": name, "count": count} for name, count in splits.items() if count],
            "split": "test" if splits.get("test") else next(name for name, count in splits.items() if count),
            "page": PAGE,
            "attributes": self._inputs,
            "images": [self._image(name) for name in self.graph.images],
            "draws": DRAWS if random else DRAWS[:1],
            "draws_to_infer": DRAWS[1:],
            "truth": isinstance(self.units.data, Dataset) and self.units.data.truth is not None,
            "graph": graph_layout(self.graph),
        }

    def page(self, split: str, number: int) -> list[dict[str, Any]]:
        """Key, row label, attributes as text, and thumbnail of the first image, of the units on one page of a split."""
        with self.turn:
            return [self.entry(key) for key in self.units.page(split, number, PAGE)]

    def entry(self, key: str) -> dict[str, Any]:
        """Key, row label, attributes as text, and thumbnail of the first image, of one unit."""
        unit = self.units.unit(key)
        row = self.units.frame.loc[unit.label]
        entry = {
            "key": key,
            "label": str(unit.label),
            "attributes": ", ".join(f"{k} {_text(v)}" for k, v in row.items()),
        }
        for name in self.graph.images[:1]:
            entry["picture"] = picture_url(unit.factual[name][0], self.graph[name], longest=THUMBNAIL)
        return entry

    def row(self, text: str) -> dict[str, str]:
        """Key and label of the row whose label reads like `text`.

        Raises:
            DataError: The data have no such row.
        """
        key = self.units.key_of(text)
        return {"key": key, "label": str(self.units.unit(key).label)}

    def add(self, files: Mapping[str, Path], texts: Mapping[str, str]) -> dict[str, Any]:
        """Add an image from outside; see `ExploredUnits.add`."""
        with self.turn:
            unit = self.units.add(files, texts)
            try:
                self.answered(WorldSetting(unit=unit.key, draws=1 if unit.complete else DRAWS[2]))
            except Exception:
                self.units.forget(unit.key)
                raise
        return {"key": unit.key, "label": str(unit.label), "complete": unit.complete, "notes": unit.notes}

    def answer(self, setting: WorldSetting) -> dict[str, Any]:
        """The counterfactual of one unit: title, support, attributes and images.

        Raises:
            DataError, SupportError: A value that does not fit its variable, or that the model cannot produce.
        """
        found = self.answered(setting)
        return {
            "title": found.counterfactual.title,
            "unit": str(found.unit.label),
            "supported": share_supported(found.counterfactual),
            "draws": found.counterfactual.particles or 1,
            "attributes": attribute_answers(found.counterfactual, setting.do, found.truth),
            "images": image_answers(found.counterfactual, found.truth),
            "notes": [*found.unit.notes, *found.notes],
        }

    def strip(self, setting: WorldSetting, sweep: str) -> list[dict[str, Any]]:
        """A frame for each of several values of one attribute, under the rest of the setting.

        Raises:
            UnknownNameError: There is no such attribute.
        """
        found = []
        for value in self.sweep_values(sweep):
            frame = self.answered(setting.model_copy(update={"do": {**setting.do, sweep: value}}))
            images = image_answers(frame.counterfactual, None)
            found.append(
                {
                    "value": value,
                    "supported": share_supported(frame.counterfactual),
                    "pictures": [{"name": each["name"], "picture": each["counterfactual"]} for each in images],
                }
            )
        return found

    def sweep_values(self, name: str) -> list[float]:
        """Values of a film strip: codes of a discrete attribute, else nine over the range of the slider."""
        variable = self.graph[self.graph.require(name)]
        if variable.labels is not None:
            count = len(variable.labels)
            return [float(place * count // min(count, MOST_LABELS)) for place in range(min(count, MOST_LABELS))]
        entry = next((each for each in self._inputs if each["name"] == name), None)
        if entry is None:
            raise DataError(f"Expected an attribute; got the image '{name}'. Sweep one of its causes.")
        low, high, step = entry["low"], entry["high"], entry["step"]
        places = [round((high - low) * place / (FRAMES - 1) / step) for place in range(FRAMES)]
        return [min(high, round(low + place * step, 12)) for place in places]  # the last step may be shorter

    @torch.no_grad()
    def answered(self, setting: WorldSetting) -> Answered:
        """The counterfactual of a setting, with the truth if it is known.

        Raises:
            DataError, SupportError, UnknownNameError: As `answer`.
        """
        if setting.draws not in DRAWS:
            raise DataError(f"Expected {', '.join(map(str, DRAWS))} draws; got {setting.draws}.")
        with self.turn, warnings.catch_warnings():
            warnings.simplefilter("ignore", CausalgenWarning)  # support is part of the answer
            unit = self.units.unit(setting.unit)
            posterior, notes = self.units.posterior(unit, setting.draws)
            values = {name: self._value(unit.scm.graph, name, value) for name, value in setting.do.items()}
            if setting.hold and values:
                style = {name: [value] for name, value in values.items()}
                found = posterior.transfer(style, list(values), hold=True, seed=self.units.seed)
            else:
                found = posterior.counterfactual(values, seed=self.units.seed)
            check_finite(found.graph, found)
            truth = self._truth(unit, found, values)
        return Answered(setting, unit, values, found, truth, notes)

    def _truth(self, unit: ExploredUnit, found: Counterfactual, values: dict[str, Any]) -> Mapping[str, Any] | None:
        data = self.units.data
        if isinstance(data, ModelDraws) or unit.files is not None or not found.do:
            return None
        held = {name: factual_value(unit, name) for name in found.do if name not in values}
        return true_counterfactual(data, [unit.label], values | held)

    def _value(self, graph: CausalGraph, name: str, value: float) -> Any:
        """The label of a code, or the number."""
        variable = graph[graph.require(name)]
        if variable.is_image:
            raise DataError(f"Expected an attribute to set; got the image '{name}'. Set one of its causes.")
        if variable.is_discrete and value != int(value):
            raise DataError(f"Expected the code of a label of '{name}'; got {value:g}. Choose a label.")
        return variable.decode(int(value)) if variable.is_discrete else value

    def _image(self, name: str) -> dict[str, Any]:
        variable = self.graph[name]
        _, height, width = variable.shape
        return {"name": name, "height": height, "width": width, "limit": difference_limit(variable)}


def factual_value(unit: ExploredUnit, name: str) -> Any:
    """The known label or number of one attribute of a unit."""
    variable = unit.scm.graph[name]
    value = unit.scm.tensor(name, unit.factual[name])[0]
    return variable.decode(int(value)) if variable.is_discrete else float(value)


def _text(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
