"""Schema of the study file. Every section is a pydantic model; unknown keys are errors."""

import hashlib
import json
import os
from pathlib import Path
from typing import Annotated, Any, Self

import yaml
from pydantic import (
    BeforeValidator,
    Field,
    PrivateAttr,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticCustomError

from ..errors import StudyError
from ..files import read_text
from ..moved import keep_old_names
from ..own_code import code_near
from .audit_section import Audit
from .data_section import OwnData, Source, StudySection
from .schema_errors import study_error
from .study_sections import Curve, Effect, EvaluationPlan, GalleryPlan, Measured, Mediation, Score, TrainingPlan
from .yaml_source import YamlSource, parse_yaml

__all__ = ["Study", "load_study"]

MOST_BYTES = 1_600_000
"""Maximum size of a study file."""


def _mechanism(value: Any) -> Any:
    return {"mechanism": value} if isinstance(value, str) else value


def _near(given: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Resolve a mechanism whose code, codec and frozen backbone are relative to `folder`, and the one inside it."""
    found = dict(given)
    if isinstance(word := given.get("mechanism"), str):
        found["mechanism"] = code_near(word, folder)
    for name in ("codec", "network"):
        part = given.get(name)
        if isinstance(part, dict) and isinstance(part.get("folder"), str):
            found[name] = part | {"folder": os.path.abspath(folder / part["folder"])}
    if isinstance(inner := given.get("inner"), dict):
        found["inner"] = _near(inner, folder)
    return found


class Study(StudySection):
    """A whole study."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    """Short name, also of the run folder: letters, digits, dot, dash, underscore."""
    question: str = ""
    """What the study asks, as text."""
    data: Source
    """Where the data come from: a data set by name, or the user's own table."""
    mechanisms: dict[str, Annotated[dict[str, Any], BeforeValidator(_mechanism)]] = {}
    """By node: a mechanism's name or module:Class, or `{mechanism: name, option: value}`; left out: the kind's default."""
    measurements: dict[str, str | Measured] = {}
    """By attribute: how it is measured on the image, the name of a measurement or module:function, where it has options as \
`{measure: name, option: value}`."""
    scores: dict[str, Score] = {}
    """By name: numbers read from every image, which may be outcomes of effects."""
    training: TrainingPlan = TrainingPlan()
    """How the mechanisms are trained."""
    evaluation: EvaluationPlan = EvaluationPlan()
    """How counterfactuals are evaluated."""
    gallery: Annotated[tuple[GalleryPlan, ...], Field(strict=False)] = ()
    """Counterfactual grids."""
    curves: Annotated[tuple[Curve, ...], Field(strict=False)] = ()
    """Response curves."""
    effects: Annotated[tuple[Effect, ...], Field(strict=False)] = ()
    """Effects to estimate."""
    mediation: Annotated[tuple[Mediation, ...], Field(strict=False)] = ()
    """Effects to split into direct and indirect parts, and other nested counterfactuals."""
    audit: Annotated[tuple[Audit, ...], Field(strict=False)] = ()
    """Classifiers to audit with counterfactual images."""
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    """Seed of all random numbers except those of the data."""

    _source: YamlSource = PrivateAttr(default=YamlSource("study"))
    _trust_code: bool = PrivateAttr(default=False)

    @model_validator(mode="after")
    def _contrasts_fit(self) -> Self:
        for position, effect in enumerate(self.effects):
            if fault := effect.contrast_fault:
                place = ("effects", position, "contrast")
                raise PydanticCustomError("contrast", fault, {"loc": place, "got": list(effect.contrast)})
        return self

    @property
    def measured(self) -> dict[str, Measured]:
        """How each attribute is measured, with the short form written out."""
        return {
            name: Measured(measure=given) if isinstance(given, str) else given
            for name, given in self.measurements.items()
        }

    @property
    def trust_code(self) -> bool:
        """Whether the code that the study names may be imported; the caller of `load_study` decides, never the file."""
        return self._trust_code

    @property
    def folder(self) -> Path:
        """Folder of the file that the study was read from; the working directory for a study made in Python."""
        return Path(self._source.path).parent

    def below(self, folder: Path) -> "Study":
        """Return a copy with absolute paths."""
        data = self.data.below(folder) if isinstance(self.data, OwnData) else self.data
        scores = {name: score.below(folder) for name, score in self.scores.items()}
        measurements = {
            name: code_near(given, folder)
            if isinstance(given, str)
            else given.model_copy(update={"measure": code_near(given.measure, folder)})
            for name, given in self.measurements.items()
        }
        mechanisms = {name: _near(given, folder) for name, given in self.mechanisms.items()}
        found: dict[str, Any] = {"data": data, "scores": scores, "measurements": measurements, "mechanisms": mechanisms}
        found["effects"] = tuple(effect.below(folder) for effect in self.effects)
        found["audit"] = tuple(audit.below(folder) for audit in self.audit)
        return self.model_copy(update=found)

    def error(self, loc: tuple, message: str) -> StudyError:
        """A `StudyError` at an entry of the file this study was read from."""
        return self._source.error(loc, message)

    def plain(self) -> dict[str, Any]:
        """The study as JSON-serialisable data, without entries that have neither a value nor a default."""
        return self.model_dump(mode="json", exclude_none=True)

    def to_yaml(self) -> str:
        """The study as YAML that `load_study` reads."""
        return yaml.safe_dump(self.plain(), sort_keys=False, allow_unicode=True, width=110)

    @property
    def fingerprint(self) -> str:
        """Hash of the study's content, regardless of comments, layout, and where it is computed."""
        content = self.plain()
        for name in ("devices", "num_nodes"):
            content["training"].pop(name, None)
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def load_study(path: Path | str, *, trust_code: bool = False) -> Study:
    """Read a study file.

    Args:
        path: The file.
        trust_code: Whether Python code that the study names may be imported: own measurements, mechanisms and classifiers.

    Raises:
        StudyError: The file cannot be read, is not YAML, or does not follow the schema. The message holds one line for
            every fault: file, line, what was expected, what was found, and the nearest valid word.
    """
    try:
        text = read_text(Path(path), MOST_BYTES)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise StudyError(f"Expected a study file at '{path}'; it cannot be read: {reason}.") from None
    source = parse_yaml(text, str(path))
    if not isinstance(source.data, dict):
        found = repr(source.data) if len(repr(source.data)) < 60 else repr(source.data)[:57] + "..."
        raise StudyError(
            f"{path}, line 1: Expected a mapping with the keys name and data; got {found}. "
            "`causalgen new` writes a study about a table."
        )
    try:
        study = Study.model_validate(source.data)
    except ValidationError as error:
        raise study_error(error, Study, source) from None
    study = study.below(Path(path).parent)
    study._source, study._trust_code = source, trust_code
    return study


keep_old_names(__name__)
