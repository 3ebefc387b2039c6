"""A hospital's table of 16-bit scans: what the generator promises, and the way from the table to a study."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scans
from PIL import Image


@pytest.mark.parametrize(
    ("level", "area"),
    [(scans.VENTRICLE_LEVEL, scans.ventricle_area), (scans.HEAD_LEVEL, scans.head_area)],
)
def test_the_areas_of_a_scan_are_the_true_ones(level: float, area: object) -> None:
    rows = scans.truth(60, seed=1)
    older = rows.assign(age=80.0, sex="M")
    for table in (rows, older):
        error = scans.measure(scans.draw(table), level) - area(table)  # type: ignore[operator]
        assert abs(error.mean()) < 3
        assert error.std() < 8
    assert np.array_equal(scans.draw(rows), scans.draw(rows))


def test_files_hold_what_was_drawn(tmp_path: Path) -> None:
    rows = scans.make(tmp_path / "data", 12)
    table = pd.read_csv(tmp_path / "data" / "scans.csv")
    assert list(table.columns) == list(scans.COLUMNS.values())
    assert table["Age at scan (years)"].isna().tolist() == [True] + [False] * 11
    first = np.asarray(Image.open(tmp_path / "data" / rows["file"][0]))
    assert first.dtype == np.uint16
    assert np.array_equal(first, scans.draw(rows.iloc[:1])[0])
