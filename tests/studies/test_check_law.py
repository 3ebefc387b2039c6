"""`check` finds what `run` would refuse: on every table, both load the data or both refuse them."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from causalgen.datasets.table import DataFaultsError
from causalgen.errors import CausalgenError
from causalgen.studies import expected
from causalgen.studies.checking import check
from causalgen.studies.schema import load_study
from causalgen.studies.settings import resolve, shrink
from causalgen.studies.sources import load_data

pytestmark = pytest.mark.filterwarnings("ignore::causalgen.errors.DataWarning")
ROWS, GRAPH = 40, "{age, sex} -> scan"
Change = Callable[[Path, pd.DataFrame], pd.DataFrame | None]


@pytest.fixture(autouse=True)
def _quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAUSALGEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(expected, "step_seconds", lambda *arguments: 0.01)
    monkeypatch.setattr(expected, "reader_seconds", lambda *arguments: 0.01)


def make(folder: Path) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    (folder / "scans").mkdir(parents=True)
    for row in range(ROWS):
        Image.fromarray(rng.integers(0, 256, (6, 5), dtype=np.uint8)).save(folder / "scans" / f"{row}.png")
    return pd.DataFrame(
        {
            "age": rng.uniform(20, 80, ROWS).round(1),
            "sex": rng.choice(["F", "M"], ROWS),
            "patient": np.arange(ROWS) // 2,
            "scan": [f"scans/{row}.png" for row in range(ROWS)],
        }
    )


def set_cells(**cells: object) -> Change:
    return lambda _, table: table.astype(dict.fromkeys(cells, object)).assign(
        **{name: [cell, *table[name].tolist()[1:]] for name, cell in cells.items()}
    )


def assign(**columns: object) -> Change:
    return lambda _, table: table.assign(**columns)


def replace_scan(save: Callable[[Path], object], every: bool = False) -> Change:
    def change(folder: Path, table: pd.DataFrame) -> None:
        for row in range(ROWS if every else 1):
            save(folder / "scans" / f"{row}.png")

    return change


def cut(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[45:60] = bytes(15)
    path.write_bytes(content)


def wide(path: Path, value: float = 999) -> None:
    Image.fromarray((np.arange(30).reshape(6, 5) * value).astype(np.uint16)).save(path)


def outside(path: Path) -> None:
    Image.new("L", (5, 6), 9).save(path.parent.parent.parent / "secret.png")
    path.unlink()
    os.symlink(path.parent.parent.parent / "secret.png", path)


def gif(path: Path) -> None:
    frames = [Image.fromarray(np.full((6, 5), grey, np.uint8)) for grey in (1, 200)]
    frames[0].save(path, format="GIF", save_all=True, append_images=frames[1:])


def many(rare: int) -> Change:
    """Two thousand rows, of which `rare` have the label M."""
    return lambda _, table: pd.concat([table] * 50, ignore_index=True).assign(
        sex=["M"] * rare + ["F"] * (50 * ROWS - rare), patient=range(50 * ROWS)
    )


NAMED = ["train"] * 28 + ["val"] * 6 + ["test"] * 6
CASES: dict[str, tuple[Change, str, bool]] = {
    "as it is": (assign(), "", True),
    "groups": (assign(), "group: patient", True),
    "cut file": (replace_scan(cut), "", False),
    "flipped bytes": (replace_scan(flip), "", False),
    "empty file": (replace_scan(lambda path: path.write_bytes(b"")), "", False),
    "text": (replace_scan(lambda path: path.write_text("no image")), "", False),
    "no file": (replace_scan(Path.unlink), "", False),
    "bomb": (replace_scan(lambda path: Image.new("1", (20_000, 10_000)).save(path)), "", False),
    "two frames": (replace_scan(gif), "", False),
    "link to elsewhere": (replace_scan(outside), "", False),
    "another size": (replace_scan(lambda path: Image.new("L", (9, 9), 3).save(path)), "", False),
    "another size, declared": (
        replace_scan(lambda path: Image.new("L", (9, 9), 3).save(path)), "variables: {scan: {size: [6, 5]}}", True
    ),
    "CMYK": (replace_scan(lambda path: Image.new("CMYK", (5, 6), (9, 9, 9, 9)).save(path, "TIFF")), "", True),
    "transparent": (replace_scan(lambda path: Image.new("RGBA", (5, 6), (9, 9, 9, 0)).save(path)), "", True),
    "16 bits": (replace_scan(wide, every=True), "variables: {scan: {window: [0, 4095]}}", False),  # all the same
    "one of 16 bits": (replace_scan(wide), "", False),
    "equal images": (replace_scan(lambda path: Image.new("L", (5, 6), 3).save(path), every=True), "", False),
    "word for a number": (set_cells(age="old"), "", False),
    "infinite": (set_cells(age=np.inf), "", False),
    "missing": (set_cells(age=None), "", False),
    "missing, dropped": (set_cells(age=None), "missing: drop", True),
    "no age at all": (assign(age=None), "missing: drop", False),
    "one sex": (assign(sex="F"), "", False),
    "one sex in training": (assign(sex=["F"] * 28 + ["M"] * 12, split=NAMED), "", False),
    "a sex in test alone": (assign(sex=["F", "M"] * 17 + ["X"] * 6, split=NAMED), "", True),
    "age varies in test alone": (assign(age=[50.0] * 34 + [1.5, 2.5, 3.5, 4.5, 5.5, 6.5], split=NAMED), "", False),
    "two groups": (assign(patient=np.arange(ROWS) % 2), "group: patient", False),
    "groups in two splits": (assign(patient=np.arange(ROWS) % 7, split=NAMED), "group: patient", False),
    "no test rows": (assign(split=["train"] * 30 + ["val"] * 10), "", True),
    "no validation rows": (assign(split=["train"] * 30 + ["test"] * 10), "", True),
    "other words for splits": (assign(split=["a"] * 30 + ["b"] * 10), "", False),
    "rare label": (many(3), "", True),
    "rare label of groups": (many(3), "group: patient", True),
    "few rows": (lambda _, table: table.head(2), "", False),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_check_refuses_what_a_run_refuses(tmp_path: Path, name: str) -> None:
    change, more, good = CASES[name]
    table = make(tmp_path / "data")
    changed = change(tmp_path / "data", table)
    (table if changed is None else changed).to_csv(tmp_path / "data" / "table.csv", index=False)
    lines = ["name: own", "data:", "  table: data/table.csv", f'  graph: "{GRAPH}"', f"  {more}"]
    (tmp_path / "study.yaml").write_text("\n".join(lines))
    study = load_study(tmp_path / "study.yaml")
    for use in (
        check,
        lambda study: load_data(resolve(shrink(study)).data),
        lambda study: load_data(resolve(study).data),
    ):
        try:
            use(study)
        except CausalgenError:
            assert not good
        else:
            assert good


def test_all_faults_come_at_once(tmp_path: Path) -> None:
    table = make(tmp_path / "data").astype({"age": object})
    cut(tmp_path / "data" / "scans" / "3.png")
    flip(tmp_path / "data" / "scans" / "4.png")
    (tmp_path / "data" / "scans" / "5.png").unlink()
    table.loc[6, "age"] = "old"
    table.assign(sex="F", patient=1).to_csv(tmp_path / "data" / "table.csv", index=False)
    (tmp_path / "study.yaml").write_text(
        f'name: own\ndata:\n  table: data/table.csv\n  graph: "{GRAPH}"\n  group: patient\n'
    )
    with pytest.raises(DataFaultsError) as caught:
        check(load_study(tmp_path / "study.yaml"))
    found = {(fault.column, fault.row) for fault in caught.value.faults}
    assert found == {("age", 6), ("sex", None), ("scan", 3), ("scan", 4), ("scan", 5), ("patient", None)}


def test_a_run_reuses_what_check_decoded(tmp_path: Path) -> None:
    make(tmp_path / "data").to_csv(tmp_path / "data" / "table.csv", index=False)
    (tmp_path / "study.yaml").write_text(f'name: own\ndata:\n  table: data/table.csv\n  graph: "{GRAPH}"\n')
    study = load_study(tmp_path / "study.yaml")
    check(study)
    (store,) = (tmp_path / "cache" / "images").iterdir()
    before = store.stat().st_mtime_ns
    load_data(resolve(study).data)
    assert [path.stat().st_mtime_ns for path in (tmp_path / "cache" / "images").iterdir()] == [before]
