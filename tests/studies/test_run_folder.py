"""A run folder resumes what is unfinished and refuses everything else, and loses nothing."""

import json
import shutil
from pathlib import Path

import pytest

from causalgen.errors import CheckpointError, RunFolderError
from causalgen.files import write_whole
from causalgen.studies.fingerprint import fingerprint, require_fingerprint
from causalgen.studies.opening import inspect_run, open_run
from causalgen.studies.runfolder import RunFolder, read_run
from causalgen.studies.schema import Study, load_study


@pytest.fixture
def study(study_file: Path) -> Study:
    return load_study(study_file)


def _finish(path: Path, study: Study) -> RunFolder:
    with open_run(path, study) as folder:
        folder.record_step("fit the model", 2.0, finished=True)
    return folder


def _contents(path: Path) -> dict[str, bytes]:
    return {str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()}


def test_a_run_records_how_it_ended(tmp_path: Path, study: Study) -> None:
    assert _finish(tmp_path / "a", study).status == "finished"
    with pytest.raises(ZeroDivisionError), open_run(tmp_path / "b", study):
        raise ZeroDivisionError("by zero")
    assert read_run(tmp_path / "b").status == "failed"
    assert read_run(tmp_path / "b").record["error"] == "ZeroDivisionError: by zero"
    with pytest.raises(KeyboardInterrupt), open_run(tmp_path / "c", study):
        raise KeyboardInterrupt
    assert read_run(tmp_path / "c").status == "interrupted"
    assert read_run(tmp_path / "a").study == study


def test_an_unfinished_run_of_the_same_study_resumes(tmp_path: Path, study: Study) -> None:
    folder = open_run(tmp_path / "run", study)
    folder.record_step("load", 1.0, finished=True)
    folder.record_step("fit", 2.0, finished=False)
    with pytest.raises(KeyboardInterrupt), folder:
        raise KeyboardInterrupt
    with open_run(tmp_path / "run", study) as folder:
        assert folder.record["attempts"] == 2
        assert folder.finished_step("load")
        assert not folder.finished_step("fit")
        folder.record_step("fit", 3.0, finished=True)
    assert read_run(tmp_path / "run").record["steps"]["fit"] == {"seconds": 5.0, "finished": True}


def test_a_finished_run_is_refused_and_the_flags_are_named(tmp_path: Path, study: Study) -> None:
    _finish(tmp_path / "run", study)
    before = _contents(tmp_path / "run")
    with pytest.raises(RunFolderError, match=r"the finished run of this study\. .*--out.*--fresh"):
        open_run(tmp_path / "run", study)
    assert _contents(tmp_path / "run") == before


def test_another_study_is_refused_and_the_difference_is_named(tmp_path: Path, study: Study) -> None:
    with pytest.raises(KeyboardInterrupt), open_run(tmp_path / "run", study):
        raise KeyboardInterrupt
    before = _contents(tmp_path / "run")
    with pytest.raises(RunFolderError, match=r"another study \(it differs in seed\).*--out.*--fresh"):
        open_run(tmp_path / "run", study.model_copy(update={"seed": 7}))
    assert _contents(tmp_path / "run") == before


def test_a_run_of_another_version_is_refused_as_such(tmp_path: Path, study: Study) -> None:
    with pytest.raises(KeyboardInterrupt), open_run(tmp_path / "run", study):
        raise KeyboardInterrupt
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    write_whole(tmp_path / "run" / "run.json", json.dumps(record | {"study": "0" * 64}))
    with pytest.raises(RunFolderError, match=r"got a run of this study that another version of causalgen began\."):
        open_run(tmp_path / "run", study)


def test_fresh_moves_the_earlier_run_aside_and_says_where(tmp_path: Path, study: Study) -> None:
    _finish(tmp_path / "run", study)
    before = _contents(tmp_path / "run")
    with open_run(tmp_path / "run", study, fresh=True) as folder:
        assert folder.record["moved_aside"] == str(tmp_path / "run.1")
        assert not folder.finished_step("fit the model")
    with open_run(tmp_path / "run", study, fresh=True) as folder:
        assert folder.record["moved_aside"] == str(tmp_path / "run.2")
    assert _contents(tmp_path / "run.1") == before


@pytest.mark.parametrize("fresh", [False, True])
def test_a_folder_with_other_things_is_never_touched(tmp_path: Path, study: Study, fresh: bool) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "thesis.txt").write_text("years of work")
    with pytest.raises(RunFolderError, match=r"a folder with other content\. Choose another with --out"):
        open_run(tmp_path / "run", study, fresh=fresh)
    assert _contents(tmp_path / "run") == {"thesis.txt": b"years of work"}


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path, study: Study) -> None:
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "file" / "run", Path("/proc/nowhere")):
        with pytest.raises(RunFolderError, match=r"Expected an output folder.*Choose another with --out"):
            open_run(place, study)


def test_two_processes_cannot_run_in_one_folder(tmp_path: Path, study: Study) -> None:
    with open_run(tmp_path / "run", study):
        for fresh in (False, True):
            with pytest.raises(RunFolderError, match=r"another process \(\d+ on .*\) is running in it"):
                open_run(tmp_path / "run", study, fresh=fresh)
    assert not (tmp_path / "run.1").exists()


def test_what_is_no_run_is_refused(tmp_path: Path, study: Study) -> None:
    with pytest.raises(RunFolderError, match="no such folder"):
        read_run(tmp_path / "nowhere")
    with pytest.raises(RunFolderError, match="a folder without one"):
        read_run(tmp_path)
    whole = {"causalgen": "1", "name": "a", "status": "finished", "study": "", "steps": {}, "attempts": 1}
    crafted = [whole | {"steps": [1]}, whole | {"steps": {"a": 3}}, whole | {"attempts": "1"}, whole | {"name": ["a"]}]
    for text in ("{", "[]", "[" * 100_000, json.dumps({"status": "finished"}), *map(json.dumps, crafted)):
        (tmp_path / "run.json").write_text(text)
        with pytest.raises(RunFolderError, match="cannot be read"):
            read_run(tmp_path)


@pytest.mark.parametrize("place", ["tables", "counterfactuals/query/images"])
def test_a_run_whose_folders_are_links_is_refused(tmp_path: Path, study: Study, place: str) -> None:
    """Its results would overwrite files elsewhere; a link to the whole run is harmless."""
    _finish(tmp_path / "run", study)
    (tmp_path / "linked").symlink_to(tmp_path / "run")
    assert read_run(tmp_path / "linked").status == "finished"
    link = tmp_path / "run" / place
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(tmp_path)
    for asked in (lambda: read_run(tmp_path / "run"), lambda: open_run(tmp_path / "run", study, fresh=True)):
        with pytest.raises(RunFolderError, match=f"got '.*{link.name}', which is a link to '{tmp_path}'"):
            asked()


def test_a_link_where_a_file_is_prepared_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("years of work")
    (tmp_path / "table.csv.part").symlink_to(tmp_path / "precious")
    (tmp_path / "table.csv").symlink_to(tmp_path / "precious")
    write_whole(tmp_path / "table.csv", "a,b")
    assert (tmp_path / "precious").read_text() == "years of work"
    assert (tmp_path / "table.csv").read_text() == "a,b"


def test_the_fingerprint_of_a_run_is_that_of_its_model_and_study(tmp_path: Path, study: Study) -> None:
    with open_run(tmp_path / "run", study) as run:
        with pytest.raises(CheckpointError, match="got none"):
            fingerprint(run)
        run.model.mkdir()
        (run.model / "model.json").write_text("{}")
    expected = fingerprint(run)
    copy = read_run(shutil.copytree(tmp_path / "run", tmp_path / "copy"))
    copy.tables.mkdir()
    (copy.tables / "metrics.csv").write_text("a")
    require_fingerprint(copy, expected.upper())
    require_fingerprint(copy, None)
    for path in (copy.model / "model.json", copy.path / "study.resolved.yaml", copy.model / "more"):
        before = path.read_bytes() if path.exists() else None
        path.write_bytes((before or b"") + b" ")
        with pytest.raises(CheckpointError, match=f"fingerprint {expected}; got "):
            require_fingerprint(copy, expected)
        path.unlink() if before is None else path.write_bytes(before)
    require_fingerprint(copy, expected)


def test_inspecting_changes_nothing(tmp_path: Path, study: Study) -> None:
    assert inspect_run(tmp_path / "run", study) is None
    assert not (tmp_path / "run").exists()
