"""The sections of the study file: training, evaluation, and what the study asks."""

from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from ..grammar.populations import Population, population_of
from ..graph import NestedQuestion
from ..own_code import code_near
from .data_section import Count, Scalar, StudySection, scalar

__all__ = [
    "GROUP",
    "MOST_CLASSES",
    "By",
    "Curve",
    "Do",
    "Effect",
    "EvaluationPlan",
    "GalleryPlan",
    "Measured",
    "Mediation",
    "PrivacySettings",
    "Proxy",
    "Scale",
    "Score",
    "TrainingPlan",
    "TrainingStage",
    "TuningPlan",
]

GROUP = "group"
"""The word of a study for the groups of its data set, as clusters of an effect."""
MOST_CLASSES = 20
"""Maximum number of labels of an attribute that a classifier reads by default."""


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
    """One side of a contrast: a value, or a tuple with one value per treatment."""
    return tuple(map(scalar, value)) if isinstance(value, list | tuple) else scalar(value)


def _by(value: Any) -> Any:
    """Attributes that form groups, each with the values at which it is cut: `[sex, {age: [40, 60]}]`."""
    entries = value if isinstance(value, list | tuple) else [value]
    found: dict[str, tuple[float, ...]] = {}
    for entry in entries:
        named = entry if isinstance(entry, dict) else {entry: ()}
        for name, cuts in named.items():
            numbers = isinstance(cuts, list | tuple) and all(isinstance(cut, int | float) for cut in cuts)
            if not isinstance(name, str) or not numbers:
                raise PydanticCustomError("by", "Input should be attributes, each alone or as {attribute: [cut, cut]}")
            found[name] = tuple(map(float, cuts))
    return found


def _factor(value: Any) -> Any:
    """A number, which may be written as a fraction."""
    if not isinstance(value, str):
        return value
    try:
        return float(Fraction(value))
    except (ValueError, ZeroDivisionError, OverflowError):
        raise PydanticCustomError("factor", "Input should be a number or a fraction such as 1/255") from None


By = Annotated[dict[str, tuple[float, ...]], BeforeValidator(_by)]
Do = Annotated[dict[str, Scalar], Field(min_length=1)]
Scale = Annotated[float, BeforeValidator(_factor)]
Nodes = Annotated[tuple[str, ...], BeforeValidator(_nodes), Field(strict=False, min_length=1)]
Treatment = Annotated[str | tuple[str, ...], BeforeValidator(_treatment)]
Side = Annotated[Any, BeforeValidator(_side)]
Readable = Annotated[tuple[str, ...], BeforeValidator(_nodes), Field(strict=False)]


class TrainingStage(StudySection):
    """Settings of one stage of training, with the defaults of `causalgen.training.FitConfig`."""

    epochs: Count | None = None
    """Maximum number of passes over the training split."""
    batch_size: Count | None = None
    """Maximum number of units per step; small data sets use smaller steps."""
    learning_rate: Annotated[float, Field(gt=0)] | None = None
    """Peak learning rate."""
    weight_decay: Annotated[float, Field(ge=0)] | None = None
    """Decoupled weight decay."""
    clip: Annotated[float, Field(gt=0)] | None = None
    """Norm at which the gradient is clipped."""
    ema: Annotated[float, Field(ge=0, lt=1)] | None = None
    """Decay of the moving average of the weights."""
    patience: Count | None = None
    """Epochs without improvement on the validation split before stopping."""
    shift: Annotated[int, Field(ge=0)] | None = None
    """Pixels by which training images are shifted at random; only for attributes that do not depend on position."""
    checkpointing: bool | None = None
    """Whether the activations inside residual blocks are recomputed instead of stored: less memory, more time."""
    completions: Count | None = None
    """How often missing values are redrawn in the second half of the stage, under `data: missing: model`."""
    accumulate: Count | None = None
    """Number of parts in which a step processes its units, one after another: less memory, the same gradient."""


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


class PrivacySettings(StudySection):
    """Differential privacy of the model, with the defaults of `causalgen.training.Privacy`; needs the extra `privacy`."""

    epsilon: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    """Budget of the whole model; smaller is more private."""
    delta: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Probability with which the bound may fail; left out: a tenth of one over the number of training units."""
    max_grad_norm: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    """Norm at which a unit's gradient is clipped, for each mechanism."""


class TrainingPlan(StudySection):
    """How the mechanisms are trained: all attributes together, then each image."""

    attributes: TrainingStage = TrainingStage()
    """The stage of the attribute mechanisms."""
    images: TrainingStage = TrainingStage()
    """The stage of every image mechanism."""
    codecs: TrainingStage | None = None
    """The stage of the codec of every latent mechanism, where it differs from that of the images."""
    tuning: TuningPlan | None = None
    """Fine-tuning of the image after training, guided by attribute predictors; left out: none."""
    precision: Literal["auto", "32-true", "bf16-mixed"] = "auto"
    """Precision of the images' training; `auto` is the faster one that the device has."""
    devices: Count | None = None
    """Processes on each machine that train together, each with a device; left out: as torchrun or srun started, else one."""
    num_nodes: Count | None = None
    """Machines that train together; left out: as torchrun or srun started, else one."""
    privacy: PrivacySettings | None = None
    """Differential privacy of the fitted model; left out: none."""
    evidence: Literal["tempered", "exact"] = "tempered"
    """Whether the evidence of an image about missing attributes is calibrated on validation rows after training, or taken at
    face value, which saves the time."""


class EvaluationPlan(StudySection):
    """Counterfactual queries to measure, and the number of test units."""

    rows: Count = 1000
    """Maximum number of test units; composition, which repeats every answer ten times, takes at most 200 of them."""
    queries: Annotated[tuple[Nodes, ...], Field(strict=False)] = ()
    """For each query the node, or list of nodes, that gets the values of other test units."""
    classify: Readable | None = None
    """Discrete parents of the image that classifiers read from it; left out, with own data: those that a query sets."""
    regress: Readable | None = None
    """Continuous parents of the image that regressors read from it; left out, with own data: as for `classify`."""
    memorisation: bool = True
    """Whether to test if weights, samples and counterfactuals of the image reveal training units."""


class GalleryPlan(StudySection):
    """One counterfactual grid."""

    do: Do
    """Interventions by node."""
    units: Count = 6
    """Number of test units shown."""
    rows: Annotated[tuple[Scalar, ...], Field(strict=False)] = ()
    """Labels of rows to show in place of test units."""


class Curve(StudySection):
    """One response curve: an outcome over the values that a node is set to."""

    node: str
    """The node that is set."""
    outcome: str
    """The attribute that responds."""
    points: Annotated[int, Field(ge=2)] = 7
    """Values of a continuous node; a discrete one takes all its labels."""


class _WithOptions(StudySection):
    """A section whose further keys are options of the function that it names."""

    model_config = ConfigDict(extra="allow")

    @property
    def options(self) -> dict[str, Any]:
        """Options of the measurement."""
        return dict(self.model_extra or {})


class Score(_WithOptions):
    """A number read from every image, a child of the image in the graph: a measurement, or a classifier's output."""

    measure: str | None = None
    """A name in `causalgen.studies.measurements.MEASUREMENTS`, or module:function; further keys are its options."""
    classifier: str | None = None
    """A .onnx or .pt file relative to the study file, a folder of a causalgen classifier, or module:function."""
    outcome: str | int | None = None
    """The class of interest: its label, or its position among the outputs."""
    scale: Scale = 1.0
    """Factor for pixels from 0 to 255; 1/255 for a classifier that expects [0, 1]."""
    logits: bool = False
    """Whether the classifier gives logits."""
    image: str | None = None
    """The image that is read; left out: the first of the graph."""
    shows: Readable = ()
    """Attributes that the number should follow; the report begins with the effects of interventions on them."""

    def below(self, folder: Path) -> "Score":
        """The same with an absolute path."""
        if self.measure is not None:
            return self.model_copy(update={"measure": code_near(self.measure, folder)})
        if self.classifier is None or not (folder / self.classifier).exists():
            return self.model_copy(update={"classifier": self.classifier and code_near(self.classifier, folder)})
        return self.model_copy(update={"classifier": str((folder / self.classifier).resolve())})

    @model_validator(mode="after")
    def _one_way_of_reading(self) -> Self:
        if (self.measure is None) == (self.classifier is None):
            raise PydanticCustomError("score", "Input should have either a measure or a classifier")
        if self.classifier is not None and self.options:
            raise PydanticCustomError(
                "score", "Input should have options for a measure only", {"got": next(iter(self.options))}
            )
        return self


class Measured(_WithOptions):
    """How an attribute is measured on the image."""

    measure: str
    """A name in `causalgen.studies.measurements.MEASUREMENTS`, or module:function; further keys are its options."""


class Proxy(StudySection):
    """A column of the study's own table that stands for an attribute where its value is unknown."""

    column: str
    """The column, with a value in every row."""
    source: Literal["measured", "predicted"]
    """Whether its errors are those of a measurement, or of a fitted model."""
    labelled_at_random: bool = False
    """Whether the rows with a value of the attribute are a random sample; predictions need one."""
    fitted_on: str | None = None
    """For a prediction: the column that marks the rows on which the model was fitted, or `none` for other data."""


class Effect(StudySection):
    """One effect: do(treatment = b) against do(treatment = a) on the mean outcome."""

    treatment: Treatment
    """An attribute, or a list of several that are set together."""
    outcome: str
    """A binary or continuous attribute, the probability of labels (`pain=severe`, `pain=mild,severe`), or one of the \
study's scores."""
    contrast: Annotated[tuple[Side, Side], Field(strict=False)]
    """The two values, [a, b]; for several treatments, a value for each on both sides, [[a1, a2], [b1, b2]]."""
    methods: Annotated[tuple[str, ...], Field(strict=False, min_length=1)] | None = None
    """Estimators, names in `causalgen.effects.estimators.methods.METHODS`; left out: the defaults for the treatment."""
    population: Annotated[Population, BeforeValidator(population_of)] = "whole"
    """Population that the effect averages over: all units (ATE), the overlap (ATO), or the units with the second value \
(treated, ATT) or the first one (control, ATC); ATE, ATO, ATT and ATC are accepted too."""
    adjustment: Annotated[tuple[str, ...], Field(strict=False)] | None = None
    """Attributes to adjust for, checked against the graph; left out: a set is found."""
    instrument: str | None = None
    """An attribute that is an instrument in the graph, to use instead of adjustment."""
    interval: Literal["analytic", "bootstrap"] = "analytic"
    """Whether intervals come from influence functions, or from refits to resampled rows."""
    resamples: Annotated[int, Field(ge=100)] = 400
    """Resampled tables of a bootstrap interval."""
    level: Annotated[float, Field(gt=0, lt=1)] = 0.95
    """Level of the intervals."""
    cluster: str | None = None
    """Rows that belong together: an attribute, or `group` for the groups of the data set."""
    weights: str | None = None
    """An attribute that holds sampling weights."""
    event: str | None = None
    """For an outcome that is a time until an event or censoring: the attribute of the event, or `attribute=label`."""
    horizon: Annotated[float, Field(gt=0)] | None = None
    """Time horizon of such an outcome; the effect is on the mean time within it."""
    missing: Literal["drop", "impute", "weight"] = "drop"
    """Missing values of the study's own table: incomplete rows dropped, cells imputed, or complete rows weighted."""
    simulations: Annotated[int, Field(ge=10)] = 30
    """Simulated tables per refuter."""
    by: By = {}
    """Attributes in whose groups the effect is estimated; a continuous one is cut at quartiles, or as `{age: [40, 60]}`."""
    doses: Literal["auto"] | Annotated[tuple[float, ...], Field(strict=False)] | None = None
    """Values of a continuous treatment for a dose-response curve, or `auto` for a grid."""
    units: bool = False
    """Whether to estimate the effect in every row with a causal forest."""
    proxies: dict[str, Proxy] = {}
    """By attribute: a column that measures or predicts it, where the study's own table has rows without its value."""
    target: str | None = None
    """A table of another population to transport the effect to, relative to the study file."""
    doubt: bool = True
    """Whether sensitivity, balance, controls, implied independencies and the agreement of the sources are examined."""
    negative_controls: Annotated[tuple[str, ...], Field(strict=False)] = ()
    """Attributes that, by the graph, the treatment does not affect but that share causes with it."""
    margin: Annotated[float, Field(gt=0)] | None = None
    """Largest difference between sources that does not matter, in the outcome's unit; left out: a tenth of its spread."""
    replicates: Annotated[int, Field(ge=10)] = 20
    """Bootstrap replicates of the agreement."""

    @property
    def treatments(self) -> tuple[str, ...]:
        """All treatments."""
        return (self.treatment,) if isinstance(self.treatment, str) else self.treatment

    def below(self, folder: Path) -> "Effect":
        """The same with an absolute path of the target."""
        return (
            self if self.target is None else self.model_copy(update={"target": str((folder / self.target).resolve())})
        )

    @property
    def contrast_fault(self) -> str:
        """Describe what is wrong with the form of the contrast; empty if nothing is."""
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


class Mediation(StudySection):
    """One nested question, such as the direct and indirect parts of an effect: do(treatment = b) against do(treatment = a)."""

    estimand: Literal["natural", "controlled", "path", "treated", "causation"] = "natural"
    """Direct and indirect parts, the direct effect with mediators set, the effect along some paths, the effect on the \
treated, or the probabilities of causation of a binary treatment for a binary outcome."""
    treatment: str
    """An attribute."""
    outcome: str
    """A binary or continuous attribute, the probability of labels (`pain=severe`, `pain=mild,severe`), or one of the \
study's scores."""
    contrast: Annotated[tuple[Scalar, Scalar], Field(strict=False)]
    """The two values, [a, b]."""
    mediators: dict[str, Scalar] | Readable | None = None
    """Attributes on a path between the two, each with its value for `controlled`; left out: all of them."""
    paths: Readable = ()
    """For `path`: the active paths, such as `pen -> thickness -> intensity`."""
    cluster: str | None = None
    """Rows that belong together: an attribute, or `group` for the groups of the data set."""
    missing: Literal["drop", "impute"] = "drop"
    """For a table of your own: `impute` fills in missing values several times and pools the answers of the table."""
    level: Annotated[float, Field(gt=0, lt=1)] = 0.95
    """Level of the intervals."""

    @property
    def question(self) -> NestedQuestion:
        """The question.

        Raises:
            DataError: The estimand does not take these mediators or paths.
        """
        asked = self.treatment, self.outcome, self.contrast
        return NestedQuestion(self.estimand, *asked, mediators=self.mediators, paths=self.paths or None)
