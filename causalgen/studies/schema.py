"""Schema of the study file. Every section is a pydantic model; unknown keys are errors."""

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticCustomError

from ..errors import StudyError
from ..own_code import code_near
from .data_section import CATALOG, OWN, Count, DataSource, OwnData, OwnVariable, Scalar, Source, StudySection, scalar
from .schema_errors import study_error
from .yaml_source import YamlSource, parse_yaml

__all__ = [
    "CATALOG",
    "GROUP",
    "OWN",
    "Curve",
    "DataSource",
    "Effect",
    "EvaluationPlan",
    "GalleryPlan",
    "OwnData",
    "OwnVariable",
    "Score",
    "Study",
    "TrainingPlan",
    "TrainingStage",
    "TuningPlan",
    "load_study",
]


GROUP = "group"
"""The word of a study for the groups of its data set, as clusters of an effect."""


def _mechanism(value: Any) -> Any:
    return {"mechanism": value} if isinstance(value, str) else value


def _nodes(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


def _treatment(value: Any) -> Any:
    """One name, or a tuple of several; a list of one is that one."""
    if isinstance(value, str):
        return value
    names = value if isinstance(value, list | tuple) else ()
    if not names or not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
        raise PydanticCustomError("treatment", "Input should be an attribute, or a list of different attributes")
    return names[0] if len(names) == 1 else tuple(names)


def _side(value: Any) -> Any:
    """One side of a contrast: a value, or a tuple of one for each treatment."""
    return tuple(map(scalar, value)) if isinstance(value, list | tuple) else scalar(value)


Do = Annotated[dict[str, Scalar], Field(min_length=1)]
Nodes = Annotated[tuple[str, ...], BeforeValidator(_nodes), Field(strict=False, min_length=1)]
Treatment = Annotated[str | tuple[str, ...], BeforeValidator(_treatment)]
Side = Annotated[Any, BeforeValidator(_side)]
Readable = Annotated[tuple[str, ...], BeforeValidator(_nodes), Field(strict=False)]


class TrainingStage(StudySection):
    """Settings of one stage of training, with the defaults of `causalgen.training.FitConfig`."""

    epochs: Count | None = None
    """Greatest number of passes over the training split."""
    batch_size: Count | None = None
    """Most units per step; small data use smaller steps."""
    learning_rate: Annotated[float, Field(gt=0)] | None = None
    """Peak of the learning rate."""
    weight_decay: Annotated[float, Field(ge=0)] | None = None
    """Decoupled weight decay."""
    clip: Annotated[float, Field(gt=0)] | None = None
    """Greatest norm of the gradient."""
    ema: Annotated[float, Field(ge=0, lt=1)] | None = None
    """Decay of the moving average of the weights."""
    patience: Count | None = None
    """Epochs without improvement on the validation split before stopping."""
    shift: Annotated[int, Field(ge=0)] | None = None
    """Pixels by which training images are shifted at random; only for attributes that do not depend on position."""


class TuningPlan(StudySection):
    """Counterfactual fine-tuning, with the defaults of `causalgen.training.TuningConfig`."""

    epochs: Count | None = None
    """Passes over the training split."""
    batch_size: Count | None = None
    """Units per step."""
    learning_rate: Annotated[float, Field(gt=0)] | None = None
    """Constant rate."""
    margin: Annotated[float, Field(gt=0)] | None = None
    """Allowed loss of likelihood (or of its bound), in standard deviations over units."""


class TrainingPlan(StudySection):
    """How the mechanisms are trained: all attributes together, then each image."""

    attributes: TrainingStage = TrainingStage()
    """The stage of the attribute mechanisms."""
    images: TrainingStage = TrainingStage()
    """The stage of every image mechanism."""
    tuning: TuningPlan | None = None
    """Fine-tuning of the image after training, guided by attribute predictors; left out: none."""
    precision: Literal["auto", "32-true", "bf16-mixed"] = "auto"
    """Precision of the images' training; `auto` is the faster one that the device has."""


class EvaluationPlan(StudySection):
    """Counterfactual queries to measure, and the number of test units."""

    rows: Count = 1000
    """Greatest number of test units."""
    queries: Annotated[tuple[Nodes, ...], Field(strict=False)] = ()
    """For each query the node, or list of nodes, that gets the values of other test units."""
    classify: Readable | None = None
    """Discrete parents of the image that classifiers read from it; left out, with own data: those that a query sets."""
    regress: Readable | None = None
    """Continuous parents of the image that regressors read from it; left out, with own data: as for `classify`."""


class GalleryPlan(StudySection):
    """One counterfactual grid."""

    do: Do
    """Interventions by node."""
    units: Count = 6
    """Number of test units shown."""


class Curve(StudySection):
    """One response curve: an outcome over the values that a node is set to."""

    node: str
    """The node that is set."""
    outcome: str
    """The attribute that responds."""
    points: Annotated[int, Field(ge=2)] = 7
    """Values of a continuous node; a discrete one takes all its labels."""


class Score(StudySection):
    """A number read from every image, a child of the image in the graph: a measurement, or a classifier's output."""

    model_config = ConfigDict(extra="allow")

    measure: str | None = None
    """A name in `causalgen.studies.measurements.MEASUREMENTS`, or module:function; further keys are its options."""
    classifier: str | None = None
    """A .onnx or .pt file relative to the study file, a folder of a causalgen classifier, or module:function."""
    outcome: str | int | None = None
    """The class of interest: its label, or its position among the outputs."""
    scale: float = 1.0
    """Factor on pixels 0 to 255; 1/255 for a classifier of [0, 1]."""
    logits: bool = False
    """Whether the classifier gives logits."""
    image: str | None = None
    """The image that is read; left out: the first of the graph."""
    shows: Readable = ()
    """Attributes that the number should follow; the report begins with what interventions on them change."""

    def below(self, folder: Path) -> "Score":
        """The same with an absolute path."""
        if self.measure is not None:
            return self.model_copy(update={"measure": code_near(self.measure, folder)})
        if self.classifier is None or not (folder / self.classifier).exists():
            return self.model_copy(update={"classifier": self.classifier and code_near(self.classifier, folder)})
        return self.model_copy(update={"classifier": str((folder / self.classifier).resolve())})

    @property
    def options(self) -> dict[str, Any]:
        """Options of the measurement."""
        return dict(self.model_extra or {})

    @model_validator(mode="after")
    def _one_way_of_reading(self) -> Self:
        if (self.measure is None) == (self.classifier is None):
            raise PydanticCustomError("score", "Input should have either a measure or a classifier")
        if self.classifier is not None and self.options:
            raise PydanticCustomError(
                "score", "Input should have options for a measure only", {"got": next(iter(self.options))}
            )
        return self


class Measured(StudySection):
    """How an attribute is measured on the image."""

    model_config = ConfigDict(extra="allow")

    measure: str
    """A name in `causalgen.studies.measurements.MEASUREMENTS`, or module:function; further keys are its options."""

    @property
    def options(self) -> dict[str, Any]:
        """Options of the measurement."""
        return dict(self.model_extra or {})


class Effect(StudySection):
    """One effect: do(treatment = b) against do(treatment = a) on the mean outcome."""

    treatment: Treatment
    """An attribute, or a list of several that are set together."""
    outcome: str
    """A binary or continuous attribute, or one of the study's scores."""
    contrast: Annotated[tuple[Side, Side], Field(strict=False)]
    """The two values, [a, b]; of several treatments a value for each on both sides, [[a1, a2], [b1, b2]]."""
    methods: Annotated[tuple[str, ...], Field(strict=False, min_length=1)] | None = None
    """Estimators, names in `causalgen.effects.estimators.methods.METHODS`; left out: the defaults for the treatment."""
    population: Literal["whole", "overlap", "treated", "control"] = "whole"
    """Population that the effect averages over: all units, the overlap, or the units with one of the two values."""
    adjustment: Annotated[tuple[str, ...], Field(strict=False)] | None = None
    """Attributes to adjust for, checked against the graph; left out: a set is found."""
    instrument: str | None = None
    """An attribute that is an instrument by the graph, to use it instead of adjustment."""
    interval: Literal["analytic", "bootstrap"] = "analytic"
    """Intervals from influence functions, or from refits to resampled rows."""
    resamples: Annotated[int, Field(ge=100)] = 400
    """Resampled tables of a bootstrap interval."""
    level: Annotated[float, Field(gt=0, lt=1)] = 0.95
    """Level of the intervals."""
    cluster: str | None = None
    """Rows that belong together: an attribute, or `group` for the groups of the data set."""
    weights: str | None = None
    """An attribute that holds sampling weights."""
    simulations: Annotated[int, Field(ge=10)] = 30
    """Simulated tables per refuter."""
    doubt: bool = True
    """Whether sensitivity, balance, controls, implied independencies and the agreement of the sources are examined."""
    negative_controls: Annotated[tuple[str, ...], Field(strict=False)] = ()
    """Attributes on which the treatment has no effect, by the graph, and which share causes with it."""
    margin: Annotated[float, Field(gt=0)] | None = None
    """Largest difference between sources that does not matter, in the outcome's unit; left out: a tenth of its spread."""
    replicates: Annotated[int, Field(ge=10)] = 20
    """Bootstrap replicates of the agreement."""

    @property
    def treatments(self) -> tuple[str, ...]:
        """All that is set."""
        return (self.treatment,) if isinstance(self.treatment, str) else self.treatment

    @property
    def contrast_fault(self) -> str:
        """What is wrong with the form of the contrast; empty where nothing is."""
        if self.contrast[0] == self.contrast[1]:
            return "Input should be two different values"
        if isinstance(self.treatment, str):
            fits = not any(isinstance(side, tuple) for side in self.contrast)
            return "" if fits else "Input should be two values, [a, b]"
        fits = all(isinstance(side, tuple) and len(side) == len(self.treatment) for side in self.contrast)
        a, b = (", ".join(f"{side}{place + 1}" for place in range(len(self.treatment))) for side in "ab")
        return (
            ""
            if fits
            else f"Input should be [[{a}], [{b}]], a value for each of {', '.join(self.treatment)} on both sides"
        )


class Study(StudySection):
    """A whole study."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    """Short name; also that of the run folder. Letters, digits, dot, dash, underscore."""
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
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    """Seed of everything random but the data."""

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
        """The same with absolute paths."""
        data = self.data.below(folder) if isinstance(self.data, OwnData) else self.data
        scores = {name: score.below(folder) for name, score in self.scores.items()}
        measurements = {
            name: code_near(given, folder)
            if isinstance(given, str)
            else given.model_copy(update={"measure": code_near(given.measure, folder)})
            for name, given in self.measurements.items()
        }
        mechanisms = {
            name: given | {"mechanism": code_near(given["mechanism"], folder)}
            if isinstance(given.get("mechanism"), str)
            else given
            for name, given in self.mechanisms.items()
        }
        found = {"data": data, "scores": scores, "measurements": measurements, "mechanisms": mechanisms}
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
        """Hash of the study's content; comments and layout do not count."""
        return hashlib.sha256(json.dumps(self.plain(), sort_keys=True).encode()).hexdigest()


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
        text = Path(path).read_text(encoding="utf-8-sig")
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
