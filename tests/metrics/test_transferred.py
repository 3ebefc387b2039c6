"""What images show after a transfer: light -> brightness -> image, and a shape that stays."""

from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
import torch
from torch import Tensor

from causalgen.errors import DataError
from causalgen.metrics import transfer_report

from .painted import GRAPH, Copier, Painter, measure_brightness, model, painted

MEASURE = {"brightness": measure_brightness}
UNITS = 12


def _predict(images: Tensor, attributes: Any, *, batch_statistics: bool = False) -> Tensor:
    """The shape: which outer thirds are full of ink."""
    left, right = (images[..., side].flatten(1).min(1).values > 0 for side in (slice(0, 4), slice(8, 12)))
    return torch.where(left & right, 2, torch.where(right, 1, 0))


SHAPES: Any = {"shape": SimpleNamespace(variable=GRAPH["shape"], predict=_predict)}


def report(take: list[str], image: type[Painter] = Painter, *, styles: int = UNITS, hold: bool = False) -> pd.DataFrame:
    data = painted()
    scm, rows = model(data, image), data.split["test"]
    content, style = scm.abduct(data.rows(rows[:UNITS])), scm.abduct(data.rows(rows[-styles:]))
    return transfer_report(content, style, take, MEASURE, SHAPES, hold=hold).set_index("attribute")


@pytest.mark.parametrize("styles", [UNITS, 1])
@pytest.mark.parametrize(("take", "part"), [("brightness", "taken"), ("light", "followed")])
def test_a_perfect_model_shows_what_was_taken_and_what_followed(take: str, part: str, styles: int) -> None:
    found = report([take], styles=styles)
    assert found["part"].to_dict() == {"shape": "kept", "brightness": part}
    assert found.loc["brightness", "unit"] == "lx"
    assert found.loc["brightness", "transfer"] < 0.5  # images are stored in bytes
    assert found.loc["brightness", "floor"] < 0.5
    assert found.loc["brightness", "content"] > 5
    assert found.loc["shape", ["transfer", "content", "floor"]].tolist() == [0, 0, 0]


def test_a_model_that_copies_shows_the_content() -> None:
    found = report(["brightness"], Copier)
    assert found.loc["brightness", "transfer"] == found.loc["brightness", "content"]


def test_what_is_held_is_kept() -> None:
    found = report(["light"], hold=True)
    assert found.loc["brightness", "part"] == "kept"
    assert found.loc["brightness", "transfer"] < 0.5
    assert found.loc["brightness", "all attributes"] > 5


def test_units_with_particles_are_refused() -> None:
    data = painted()
    scm = model(data)
    drawn = scm.abduct(data.rows(data.split["test"][:3]), particles=2)
    with pytest.raises(DataError, match="without particles"):
        transfer_report(drawn, drawn, ["light"], MEASURE, {})
