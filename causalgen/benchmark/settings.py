"""Settings of a benchmark: its data, its queries, and how every mechanism is trained on a GPU or on a CPU.

Each benchmark has one YAML file, `examples/<data>/benchmark.yaml`, which ships with the package; one on a variant of the data
`benchmark-<variant>.yaml` next to it.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from ..errors import DataError, UnknownNameError, nearest
from ..mechanisms.catalog import words_for
from ..studies.data_section import Count, DataSource, OwnData
from ..studies.study_sections import TrainingStage
from ..training import TuningConfig

__all__ = ["BENCHMARKS", "Benchmark", "Cell", "Form", "Published", "Recipe", "load_benchmark"]

BENCHMARKS = ("morphodigits", "morphomnist", "morphomnist-colour", "pendulum")
"""Names of the benchmarks that come with the package."""
SMOKE_ROWS, SMOKE_EPOCHS, SMOKE_UNITS, SMOKE_BATCH = 400, 2, 30, 32


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Recipe(_Section):
    """How one image mechanism is built and trained."""

    options: dict[str, Any] = {}
    """Options of the mechanism."""
    images: TrainingStage = TrainingStage()
    """Its training."""
    tuning: TuningConfig | None = None
    """Counterfactual fine-tuning, a separate cell that starts from the trained one; None for no such cell."""

    def changed(self, epochs: int | None, batch_size: int | None) -> "Recipe":
        """Return the recipe with other epochs, or another batch size for all stages; None keeps the recipe's."""
        changes = {key: n for key, n in (("epochs", epochs), ("batch_size", batch_size)) if n is not None}
        tuning = self.tuning and replace(self.tuning, batch_size=batch_size or self.tuning.batch_size)
        return self.model_copy(update={"images": self.images.model_copy(update=changes), "tuning": tuning})


class Form(_Section):
    """The benchmark on one class of machine."""

    attributes: TrainingStage = TrainingStage()
    """Training of the attribute mechanisms, which all cells of a seed share."""
    predictor_epochs: Count = 20
    """Training of the attribute predictors."""
    latent_epochs: Count = 10
    """Training of the VAE whose latent space measures minimality."""
    rows: Count | None = 1000
    """Number of test units to evaluate; None for all."""
    cycle_rows: Count = 200
    """Number of test units for composition."""
    particles: Count = 20
    """Draws of each unit's noise for calibration."""
    grids: Count = 5
    """Sample grids drawn while a mechanism trains."""
    mechanisms: dict[str, Recipe]
    """Recipes by mechanism."""


class Published(_Section):
    """Published figures for comparison."""

    source: str
    """Publication."""
    note: str = ""
    """Note for readers."""
    rows: dict[str, dict[str, float]]
    """By row, figures by "metric | query"."""


class Benchmark(_Section):
    """A benchmark file."""

    name: str
    data: DataSource | OwnData
    """The data set, or the user's own table."""
    queries: tuple[str, ...]
    """Attributes to intervene on, one at a time."""
    measurements: dict[str, Any] = {}
    """Measurements on images by attribute, as in a study."""
    protocols: tuple[Literal["causalgen", "published"], ...] = ("causalgen",)
    """Protocols under which every mechanism is evaluated."""
    published: Published | None = None
    gpu: Form
    cpu: Form

    def including(self, mechanisms: Sequence[str]) -> "Benchmark":
        """Return the benchmark with a default recipe for image mechanisms of the catalog that lack one."""
        added = {word: Recipe() for word in mechanisms if word in words_for("image")}
        forms = {"gpu": self.gpu, "cpu": self.cpu}
        return self.model_copy(
            update={key: form.model_copy(update={"mechanisms": added | form.mechanisms}) for key, form in forms.items()}
        )

    def form(self, device: str, *, smoke: bool = False) -> Form:
        """Return the form for a device; shrunk to a few seconds per mechanism if `smoke`."""
        form = self.gpu if device == "cuda" else self.cpu
        if not smoke:
            return form
        quick: dict[str, Any] = {"epochs": SMOKE_EPOCHS, "batch_size": SMOKE_BATCH}
        recipes = {
            name: recipe.model_copy(
                update={
                    "images": recipe.images.model_copy(update=quick),
                    "tuning": recipe.tuning and TuningConfig(epochs=1),
                }
            )
            for name, recipe in form.mechanisms.items()
        }
        return form.model_copy(
            update={
                "attributes": TrainingStage(**quick), "predictor_epochs": SMOKE_EPOCHS, "latent_epochs": 1,
                "rows": SMOKE_UNITS, "cycle_rows": 4, "particles": 3, "grids": 1, "mechanisms": recipes,
            }
        )  # fmt: skip


class Cell(_Section):
    """One mechanism, trained from one seed."""

    mechanism: str
    seed: int
    recipe: Recipe
    tuned: bool = False

    @property
    def label(self) -> str:
        """Name of the row in tables."""
        return f"{self.word}, fine-tuned" if self.tuned else self.word

    @property
    def word(self) -> str:
        """The mechanism's word; for module:Class, the class.

        >>> Cell(mechanism="package.images:Decoder", seed=0, recipe=Recipe()).word
        'Decoder'
        """
        return self.mechanism.rpartition(":")[2]

    @property
    def folder(self) -> str:
        """Name of the cell's folder."""
        return f"{self.word}-seed{self.seed}" + ("-tuned" if self.tuned else "")

    def fingerprint(self, form: Form, data: DataSource | OwnData) -> str:
        """Hash of everything on which the cell's figures depend, except the library."""
        own = self.model_dump(mode="json", exclude=None if self.tuned else {"recipe": {"tuning"}})
        rest = form.model_dump(mode="json", exclude={"mechanisms", "grids"})
        content = [own, rest, data.model_dump(mode="json")]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def load_benchmark(name: str) -> Benchmark:
    """The benchmark on the data set `name`.

    Raises:
        UnknownNameError: No benchmark has that name.
        DataError: Its file is missing or does not follow the schema.
    """
    if name not in BENCHMARKS:
        raise UnknownNameError(
            f"Expected a benchmark among {', '.join(BENCHMARKS)}; got {name!r}." + nearest(name, BENCHMARKS)
        )
    package = Path(__file__).resolve().parents[1]
    data, *variant = name.split("-", 1)
    file = "-".join(["benchmark", *variant]) + ".yaml"
    places = [package / "_data" / "examples" / data, package.parent / "examples" / data]
    for place in places:
        if (path := place / file).is_file():
            return read_benchmark(path)
    raise DataError(f"Expected {file} in {' or '.join(map(str, places))}; found neither. Reinstall causalgen.")


def read_benchmark(path: Path) -> Benchmark:
    """The benchmark in a file.

    Raises:
        DataError: It does not follow the schema.
    """
    try:
        return Benchmark.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (ValidationError, yaml.YAMLError) as error:
        raise DataError(f"Expected a benchmark file in '{path}'; got: {error}") from None


def check_words(words: tuple[str, ...], known: tuple[str, ...], what: str) -> None:
    """Raise `UnknownNameError` unless there are words and all of them are known."""
    if not words:
        raise UnknownNameError(f"Expected {what} among {', '.join(known)}; got none.")
    for word in words:
        if word not in known:
            raise UnknownNameError(f"Expected {what} among {', '.join(known)}; got {word!r}." + nearest(word, known))
