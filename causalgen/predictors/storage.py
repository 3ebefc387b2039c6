"""Saved predictors: `predictor.json` with its weights in safetensors; also `classifier.json` of earlier versions."""

from pathlib import Path
from typing import Any

from ..graph import Variable
from ..nn import load_module, save_module
from .predictor import AttributePredictor

__all__ = ["load", "save", "saved_in"]

STEM, EARLIER = "predictor", "classifier"


def save(predictor: AttributePredictor, folder: Path | str) -> Path:
    """Write the predictor into `folder`, which is created, and return it."""
    description = {
        "variable": predictor.variable.to_dict(),
        "shape": list(predictor.shape),
        "given": [variable.to_dict() for variable in predictor.given.values()],
        "network": predictor.network,
    }
    return save_module(predictor, folder, STEM, description)


def load(folder: Path | str) -> AttributePredictor:
    """Rebuild a predictor that `save` wrote, or else a classifier of an earlier version.

    Raises:
        CheckpointError: A file is missing, corrupted, from another format, or does not fit its description.
    """
    saved, earlier = (Path(folder) / f"{stem}.json" for stem in (STEM, EARLIER))
    if earlier.is_file() and not saved.is_file():
        return load_module(folder, EARLIER, _rebuild_classifier, renamed=_new_names)
    return load_module(folder, STEM, _rebuild)


def saved_in(folder: Path) -> list[Path]:
    """The folders below `folder` that hold a predictor, classifiers of earlier versions first."""
    found = [path.parent for stem in (EARLIER, STEM) for path in sorted(folder.rglob(f"{stem}.json"))]
    return list(dict.fromkeys(found))


def _rebuild(description: dict[str, Any]) -> AttributePredictor:
    given = [Variable.from_dict(entry) for entry in description["given"]]
    variable, shape = Variable.from_dict(description["variable"]), tuple(description["shape"])
    # Earlier versions had one network for predictors and did not name it.
    return AttributePredictor(variable, shape, {v.name: v for v in given}, network=description.get("network", "pooled"))


def _rebuild_classifier(description: dict[str, Any]) -> AttributePredictor:
    return _rebuild({**description, "given": [], "network": "flat"})


def _new_names(names: list[str]) -> dict[str, str]:
    """Names of a classifier's tensors: it had all layers in one sequence, whose last three are now the head."""
    layers = sorted({int(name.split(".")[1]) for name in names if name.startswith("network.")})
    first = layers[-1] - 2 if layers else 0
    found = {}
    for name in names:
        sequence, _, rest = name.partition(".")
        layer, _, kind = rest.partition(".")
        if sequence == "network":
            place = f"head.{int(layer) - first}" if int(layer) >= first else f"convolutions.{layer}"
            found[name] = f"{place}.{kind}"
    return found
