"""The section `data` of a study in both of its forms, and the base of all sections."""

import os
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag
from pydantic_core import PydanticCustomError

__all__ = [
    "CATALOG",
    "OWN",
    "Count",
    "DataSource",
    "OwnData",
    "OwnVariable",
    "Scalar",
    "Source",
    "StudySection",
    "scalar",
]


def scalar(value: Any) -> Any:
    """A number or a label, as it is."""
    if not isinstance(value, bool | int | float | str):
        raise PydanticCustomError("scalar", "Input should be a number or a label")
    return value


def _split(value: Any) -> Any:
    shares = isinstance(value, dict) and all(type(share) in (int, float) for share in value.values())
    if not (value is None or isinstance(value, str) or shares):
        raise PydanticCustomError("split", "Input should be shares of train, validation and test, or a column")
    return value


Scalar = Annotated[Any, BeforeValidator(scalar)]
Count = Annotated[int, Field(ge=1)]
Plane = Literal["axial", "coronal", "sagittal"]
Position = Annotated[int, Field(ge=0)] | Annotated[float, Field(ge=0, le=1)]
"""Number of a slice, or a share of all."""


class StudySection(BaseModel):
    """A section: unknown keys are errors, and the text below a field describes it."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True, ser_json_inf_nan="constants"
    )


class DataSource(StudySection):
    """Where the data come from."""

    name: str
    """Name of a data set in the catalog, such as morphodigits."""
    rows: Count | None = None
    """Total number of rows; left out: the data set's default."""
    seed: int | None = None
    """Seed of the generator of a synthetic data set; left out: the data set's default."""
    source: Literal["released", "generated"] | None = None
    """For morphomnist: the released images, or new ones made by the same process; left out: released."""
    colour: bool | None = None
    """For morphomnist: true for the variant with the attribute hue and colour images."""
    planted_bias: float | None = None
    """For morphodigits: how strongly thick strokes go with digits of 5 or more in the training and validation rows, log odds
    per standard deviation; left out: not at all."""
    size: Literal[64, 96, 128] | None = None
    """For pendulum and phantom: height and width of the images in pixels, 128 for phantom alone; left out: 64."""
    volume: bool | None = None
    """For phantom: true for whole heads, volumes of 32 voxels a side, in place of slices; left out: false."""
    variant: Literal["hidden", "measured", "spurious"] | None = None
    """For pendulum: a hidden cause, errors of measurement in the table, or a wall whose colour misleads; left out: none."""

    @property
    def label(self) -> str:
        """Name of the data."""
        return f"{self.name}, in colour" if self.colour else self.name

    @property
    def bits(self) -> int:
        """Number of bits per pixel of its images."""
        from ..datasets.catalog import entry

        return entry(self.name).bits

    @property
    def options(self) -> dict[str, Any]:
        """Options of the loader that were given."""
        return {key: value for key, value in self if key != "name" and value is not None}


class OwnVariable(StudySection):
    """Declarations about a variable of the user's own data; anything left out is inferred."""

    kind: Literal["continuous", "binary", "categorical", "ordinal", "image"] | None = None
    """Kind of its values."""
    labels: Annotated[tuple[Scalar, ...], Field(strict=False, min_length=2)] | None = None
    """Labels of a discrete variable, in code order; ascending for an ordinal variable."""
    support: Annotated[tuple[float, float], Field(strict=False)] | None = None
    """Lowest and highest possible value."""
    unit: str | None = None
    """Unit, such as years; for an image, the unit of its files' grey values, such as HU."""
    column: str | None = None
    """Column of the table; left out: the column with the variable's name, with or without a unit, as in "age (years)"."""
    size: Annotated[tuple[Count, ...], Field(strict=False, min_length=2, max_length=3)] | None = None
    """Height and width of an image in pixels, or depth, height and width of a volume; left out: those of the files, if all
    are equal."""
    colour: bool | None = None
    """Whether an image has colours; left out: true if any file has colours."""
    fit: Literal["crop", "pad", "stretch"] | None = None
    """How an image of another shape is fitted to that size; left out: crop."""
    window: Annotated[tuple[float, float], Field(strict=False)] | None = None
    """Grey values that become 0 and 255, one pair for all images; left out: the range found in files of 16 bits and more."""
    percentiles: Annotated[tuple[float, float], Field(strict=False)] | None = None
    """In place of `window`: percentiles of the grey values of all training images, such as [0.5, 99.5]."""
    bits: Literal[8, 16] | None = None
    """Number of bits kept per pixel of images with 16 bits or more; left out: 8."""
    slice: Annotated[tuple[Plane, Position], Field(strict=False)] | None = None
    """Slice that is taken of volumes: its plane, and a share from 0.0 to 1.0 or the number of the slice, as [axial, 0.5]."""
    volume: bool | None = None
    """True for whole volumes, from NIfTI or NumPy files; left out: false, for images."""
    ground: str | None = None
    """Colour behind transparent pixels, such as white or "#808080"; left out: white."""
    missing_words: Annotated[tuple[Scalar, ...], Field(strict=False)] = ()
    """Words and numbers that stand for a missing value in this column, such as "n/a" or -999."""


GRAPH_FILES = (".dot", ".gv", ".gml", ".graphml", ".yaml", ".yml", ".json")


class OwnData(StudySection):
    """The user's own data: a table of attributes and image paths, under a causal graph."""

    table: str
    """CSV, Parquet, .npz or tar file, relative to the study file; or a folder of images in a standard layout."""
    graph: str
    """Edges such as "age -> {volume, image}; volume -> image", or a graph file (.dot, .gml, .graphml, .yaml, .json)."""
    variables: dict[str, OwnVariable] = {}
    """Declarations about the variables, by node."""
    images: str | None = None
    """Folder that image paths are relative to, itself relative to the study file; left out: the table's folder."""
    tags: Annotated[tuple[str, ...], Field(strict=False)] = ()
    """Keywords of elements of DICOM files that become columns, such as PatientAge (in years) or Manufacturer."""
    group: str | None = None
    """Column whose rows belong together, such as the patient; each group stays in one split."""
    split: Annotated[dict[str, float] | str | None, BeforeValidator(_split)] = None
    """Shares of train, validation and test, or the column that names each row's split; left out: 0.7, 0.15, 0.15."""
    missing: Literal["refuse", "drop", "model"] = "refuse"
    """Rows with missing values: refused, dropped, or used in training, where the model infers the attributes."""
    missing_words: Annotated[tuple[Scalar, ...], Field(strict=False)] = ()
    """Words and numbers that stand for missing values in every column, except where they are declared labels."""
    rows: Count | None = None
    """Maximum number of rows, drawn at random; left out: all."""
    seed: int = 0
    """Seed of the split and of the choice of rows."""

    @property
    def label(self) -> str:
        """Name of the data."""
        return Path(self.table).name

    @property
    def bits(self) -> int:
        """Maximum number of bits kept per pixel of an image."""
        return max((variable.bits or 8 for variable in self.variables.values()), default=8)

    def below(self, folder: Path) -> "OwnData":
        """Return a copy with absolute paths; links in them are kept."""
        places = {"table": self.table, "images": self.images, "graph": self.graph_file}
        found = {key: os.path.abspath(folder / place) for key, place in places.items() if place is not None}
        return self.model_copy(update=found)

    @property
    def graph_file(self) -> str | None:
        """The graph if it is the name of a file."""
        return self.graph if Path(self.graph).suffix in GRAPH_FILES else None


CATALOG, OWN = "a data set by name", "own data"


def _form(value: Any) -> str:
    own = "table" in value if isinstance(value, dict) else isinstance(value, OwnData)
    return OWN if own else CATALOG


Source = Annotated[Annotated[DataSource, Tag(CATALOG)] | Annotated[OwnData, Tag(OWN)], Discriminator(_form)]
"""Either form of the section `data`."""
