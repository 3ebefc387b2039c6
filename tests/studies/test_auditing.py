"""The section `audit` of a study: what it refuses before training, and what the run shows."""

from pathlib import Path

import pytest
from study_cases import TINY

from causalgen.errors import CausalgenError, StudyError, UntrustedCodeError
from causalgen.studies.auditing import find_scorer, try_classifiers
from causalgen.studies.runner import run_study
from causalgen.studies.schema import load_study
from causalgen.studies.sources import load_data, study_graph
from causalgen.studies.validate import check_study

CODE = """
def bold(images):
    return (40 * ((images > 0.5).reshape(len(images), -1).float().mean(1) - 0.15)).sigmoid()

def flat(images):
    return images
"""
AUDIT = "{classifier: ink.py:bold, outcome: bold, scale: 1/255, do: [{thickness: 3.2}]}"


@pytest.fixture
def write(tmp_path: Path):
    """Writes the tiny study with an audit next to the code that it names."""
    (tmp_path / "ink.py").write_text(CODE)

    def study(audit: str, rest: str = TINY) -> Path:
        path = tmp_path / "study.yaml"
        path.write_text(f"{rest}\naudit: [{audit}]\n")
        return path

    return study


def _check(path: Path) -> None:
    study = load_study(path, trust_code=True)
    check_study(study, study_graph(study))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("ink.py:bold", "ink.py:bald", "Did you mean 'bold'?"),
        ("ink.py:bold", "missing.onnx", "there is no such file or folder"),
        ("1/255", "one/255", "a number or a fraction such as 1/255"),
        ("[{thickness: 3.2}]", "[]", "at least 1 entries"),
        ("[{thickness: 3.2}]", "[{thicknes: 3.2}]", "Did you mean 'thickness'?"),
        ("[{thickness: 3.2}]", "[{thickness: 32}]", "within its support"),
        ("[{thickness: 3.2}]", "[{thickness: 3.2}], subgroups: [image]", "got the image 'image'"),
        ("[{thickness: 3.2}]", "[{thickness: 3.2}], image: picture", "Expected an image among image; got 'picture'"),
        ("[{thickness: 3.2}]", "[{thickness: 3.2}], margin: 0", "greater than 0"),
        ("[{thickness: 3.2}]", "[{thickness: 3.2}], color: red", "color"),
    ],
)
def test_a_wrong_audit_is_refused_with_its_line(write, old: str, new: str, message: str) -> None:
    with pytest.raises(StudyError, match="line") as refused:
        _check(write(AUDIT.replace(old, new)))
    assert message in str(refused.value)


def test_code_is_imported_only_if_it_is_trusted(write) -> None:
    study = load_study(write(AUDIT))
    with pytest.raises(UntrustedCodeError, match="--trust-code"):
        find_scorer(study.audit[0], trust_code=study.trust_code)
    assert find_scorer(study.audit[0], trust_code=True).outcome == "bold"


def test_a_classifier_that_cannot_take_the_images_is_refused_before_training(write, tmp_path: Path) -> None:
    study = load_study(write(AUDIT.replace("bold,", "flat,", 1)), trust_code=True)
    with pytest.raises(CausalgenError, match=r"study\.yaml"):
        run_study(study, tmp_path / "run")
    assert not (tmp_path / "run" / "model").exists()


def test_a_fault_of_the_subgroups_is_reported_at_their_line(write) -> None:
    path = write("{classifier: ink.py:bold, outcome: bold, scale: 1/255, do: [{thickness: 3.2}],\n"
                 "  subgroups: [{pen: [1]}]}")  # fmt: skip
    study = load_study(path, trust_code=True)
    with pytest.raises(StudyError, match=f"line {len(path.read_text().splitlines())}"):
        try_classifiers(study.audit, load_data(study.data), study.error, trust_code=True)


def test_a_run_shows_its_audits_in_the_report(write, tmp_path: Path) -> None:
    study = load_study(
        write(AUDIT.replace("}]", "}], subgroups: [pen, {thickness: [2, 3]}], rows: 20")), trust_code=True
    )
    run = run_study(study, tmp_path / "run")
    page = run.report.read_text()
    assert "Audit of ink.py:bold, score “bold”:" in page
    assert 'href="audits/1-ink-py-bold/audit.html"' in page
    whole = (run.path / "audits" / "1-ink-py-bold" / "audit.html").read_text()
    assert "pen = ballpoint" in whole
    assert "20 test units" in whole
    assert run.finished_step("audit classifiers")
    assert (run.tables / "audit-1-changes.csv").exists()
