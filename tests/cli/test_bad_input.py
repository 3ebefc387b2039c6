"""Bad input: one message on stderr that names thing, place and remedy; exit code 2; no traceback; nothing written."""

from pathlib import Path

import pytest
from study_cases import TINY

from .conftest import Command


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (TINY.replace("training:", "trainig:"), "line 5: Expected a key of the study among"),
        (
            TINY.replace("epochs: 3", "epochs: three", 1),
            "line 6: Expected 'training.attributes.epochs' to be a valid integer",
        ),
        (TINY + "gallery: [{do: {thicknes: 4}}]", "line 8: Expected a node among"),
        (
            TINY + "gallery: [{do: {thickness: 40}}]",
            "line 8: Expected 'thickness' within its support [1, 7] px; got 40.",
        ),
        (TINY + "gallery: [{do: {pen: quill}}]", "line 8: Expected a label of 'pen' among 'ballpoint', 'felt-tip'"),
        (TINY.replace("rows: 100", "rows: 10"), "Expected at least 100 rows of morphodigits; got 10."),
        (TINY + "name: again", "line 8: Expected every key once; got 'name' again (first on line 1)."),
    ],
)
def test_a_bad_study_is_refused(causalgen: Command, study_file: Path, text: str, message: str) -> None:
    study_file.write_text(text)
    out = study_file.parent / "run"
    done = causalgen("run", study_file, "--out", out)
    assert done.exit_code == 2
    assert message in done.stderr
    assert "Traceback" not in done.output
    assert not out.exists()


def test_an_absent_study_is_refused(causalgen: Command, tmp_path: Path) -> None:
    done = causalgen("run", tmp_path / "absent.yaml")
    assert done.exit_code == 2
    assert "absent.yaml'; it cannot be read: No such file" in done.stderr


def test_an_output_that_cannot_be_written_is_refused(causalgen: Command, study_file: Path) -> None:
    done = causalgen("run", study_file, "--out", study_file / "inside-a-file")
    assert done.exit_code == 2
    assert "Choose another with --out" in done.stderr


@pytest.mark.parametrize("arguments", [["--device", "abacus"], ["--seed", "-1"], ["--sed", "1"]])
def test_bad_usage_has_the_same_exit_code(causalgen: Command, study_file: Path, arguments: list[str]) -> None:
    assert causalgen("run", study_file, *arguments).exit_code == 2


def test_a_device_that_is_not_there_is_refused(
    causalgen: Command, study_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    done = causalgen("run", study_file, "--device", "cuda", "--out", study_file.parent / "run")
    assert done.exit_code == 2
    assert "Expected a device that this machine has; got 'cuda'. Choose 'auto' or 'cpu'." in done.stderr


def test_show_wants_a_run(causalgen: Command, tmp_path: Path) -> None:
    done = causalgen("show", tmp_path)
    assert done.exit_code == 2
    assert "Expected a run folder with a run.json" in done.stderr
