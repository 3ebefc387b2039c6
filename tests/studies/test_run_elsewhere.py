"""Run folders that were copied, whose data are gone, or whose study file changed while they ran."""

import shutil
from pathlib import Path

import own_table
import pytest
from study_cases import TINY
from untrained_run import write_untrained_run

from causalgen.errors import DataError, RunFolderError
from causalgen.studies.asking import answer
from causalgen.studies.runfolder import read_run
from causalgen.studies.runner import run_study
from causalgen.studies.schema import load_study

STUDY = """\
name: scans
data: {table: table.csv, graph: "age -> {size, scan}; size -> scan; sex -> scan", group: patient}
mechanisms:
  scan: {mechanism: conv-vae, latent: 2, local: 2, width: 4, blocks: 1}
"""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CAUSALGEN_CACHE", str(tmp_path / "cache"))
    own_table.make(tmp_path / "own", 60)
    (tmp_path / "own" / "study.yaml").write_text(STUDY)
    (tmp_path / "own" / "run").mkdir()
    write_untrained_run(tmp_path / "own" / "run", tmp_path / "own" / "study.yaml")
    return tmp_path / "own" / "run"


def test_a_copied_and_a_renamed_run_answer_alike(run: Path, tmp_path: Path) -> None:
    expected = answer(read_run(run), ["3", "7"], ["size+=0.1"], tmp_path / "expected")
    copied = Path(shutil.copytree(run, tmp_path / "elsewhere" / "a copy ü"))
    renamed = run.rename(run.with_name("renamed"))
    for number, place in enumerate((copied, renamed)):
        found = answer(read_run(place), ["3", "7"], ["size+=0.1"], tmp_path / f"found {number}")
        assert found.csv.read_bytes() == expected.csv.read_bytes()
        assert [path.read_bytes() for path in found.images] == [path.read_bytes() for path in expected.images]


def test_data_that_are_gone_are_named(run: Path, tmp_path: Path) -> None:
    (run.parent / "scans" / "003.png").unlink()
    with pytest.raises(DataError, match=r"row 3, column 'scan': found a file that no longer exists"):
        answer(read_run(run), ["7"], ["size+=0.1"])
    (run.parent / "table.csv").unlink()
    with pytest.raises(DataError, match=r"Expected a table at '.*table.csv'; it cannot be read: No such file"):
        answer(read_run(run), ["7"], ["size+=0.1"])


def test_a_study_that_is_edited_while_it_runs_changes_nothing_and_does_not_continue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, out = tmp_path / "study.yaml", tmp_path / "run"
    path.write_text(TINY)
    begun = load_study(path)

    def edits(*_: object, **__: object) -> None:
        path.write_text(TINY.replace("rows: 100", "rows: 200"))
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("causalgen.studies.runner.fit_model", edits)
        with pytest.raises(KeyboardInterrupt):
            run_study(begun, out)
    assert read_run(out).study.plain()["data"]["rows"] == 100
    with pytest.raises(RunFolderError, match=r"a run of another study \(it differs in data\.rows\)"):
        run_study(load_study(path), out)
