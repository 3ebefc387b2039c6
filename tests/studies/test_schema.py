"""A study file says what it means, or the error says where it does not."""

from pathlib import Path

import pytest
from study_cases import TINY

from causalgen.errors import StudyError
from causalgen.studies.schema import Study, load_study
from causalgen.studies.settings import SMOKE, fit_config, resolve, shrink
from causalgen.studies.yaml_source import parse_yaml

EXAMPLES = Path(__file__).parents[2] / "examples"


def _load(tmp_path: Path, text: str) -> Study:
    path = tmp_path / "study.yaml"
    path.write_text(text, encoding="utf-8")
    return load_study(path)


def _refusal(tmp_path: Path, text: str) -> str:
    with pytest.raises(StudyError) as refused:
        _load(tmp_path, text)
    return str(refused.value).replace(f"{tmp_path}/", "")


def test_words_numbers_and_booleans_follow_yaml_1_2() -> None:
    text = "a: no\nb: on\nc: 1e-3\nd: 010\ne: 1:30\nf: 2024-01-01\ng: true\nh: -.inf\ni: .5\nj: ~\nk: '3'"
    assert parse_yaml(text, "x").data == {
        "a": "no", "b": "on", "c": 0.001, "d": 10, "e": "1:30", "f": "2024-01-01", "g": True, "h": float("-inf"),
        "i": 0.5, "j": None, "k": "3",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("a: 1\nb: 2\na: 3", 3, "got 'a' again (first on line 1)"),
        ("a:\n  b: 1\n  b: 2", 3, "got 'b' again (first on line 2)"),
        ("a: [1\nb: 2", 2, "Expected YAML"),
        ("a: 1\n2: b", 2, "Expected a word as key; got '2'"),
        ("a: !!python/object:os.system x", 1, "Expected YAML"),
        ("a: &x [*x]", 1, "an alias"),
        ("a: 1\n\tb: 2", 2, "Expected YAML"),
    ],
)
def test_broken_yaml_is_refused_with_its_line(text: str, line: int, what: str) -> None:
    with pytest.raises(StudyError) as refused:
        parse_yaml(text, "study.yaml")
    assert str(refused.value).startswith(f"study.yaml, line {line}: ")
    assert what in str(refused.value)


def test_a_bottomless_file_is_refused() -> None:
    with pytest.raises(StudyError, match="Expected YAML"):
        parse_yaml("[" * 5000, "study.yaml")


@pytest.mark.parametrize(
    ("added", "message"),
    [
        ("trainig: {}", "study.yaml, line 8: Expected a key of the study among name, "),
        ("trainig: {}", "got 'trainig'. Did you mean 'training'?"),
        (
            "gallery:\n  - {do: {thickness: 4}, unit: 3}",
            "line 9: Expected a key of 'gallery.0' among do, units, rows; got 'unit'.",
        ),
        (
            "gallery: [{do: {pen: [1, 2]}}]",
            "line 8: Expected 'gallery.0.do.pen' to be a number or a label; got [1, 2].",
        ),
        ("gallery: [{}]", "line 8: Expected 'gallery.0.do'; it is missing."),
        ("gallery: 3", "line 8: Expected 'gallery' to be a list; got 3."),
        ("evaluation: {rows: many}", "line 8: Expected 'evaluation.rows' to be a valid integer; got 'many'."),
        ("evaluation: {rows: true}", "line 8: Expected 'evaluation.rows' to be a valid integer; got True."),
        ("seed: -1", "line 8: Expected 'seed' to be greater than or equal to 0; got -1."),
        ("question: 3", "line 8: Expected 'question' to be text; got 3."),
        (
            "effects:\n  - {treatment: pen, outcome: intensity, contrast: [2, 2]}",
            "line 9: Expected 'effects.0.contrast' to be two different values; got [2, 2].",
        ),
        (
            "effects:\n  - {treatment: pen, outcome: intensity, contrast: [2]}",
            "line 9: Expected 'effects.0.contrast.1'; it is missing.",
        ),
    ],
)
def test_what_the_schema_does_not_know_is_refused(tmp_path: Path, added: str, message: str) -> None:
    assert message in _refusal(tmp_path, TINY + added)


def test_every_fault_has_a_line_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = TINY.replace("epochs: 3, batch_size", "epochs: 0, bach_size", 1) + "sed: 1"
    places = [fault.split(":")[0] for fault in _refusal(tmp_path, text).splitlines()]
    assert places == ["study.yaml, line 6", "study.yaml, line 6", "study.yaml, line 8"]


@pytest.mark.parametrize("text", ["", "- 1", "just words"])
def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    assert "Expected a mapping" in _refusal(tmp_path, text)


def test_unreadable_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"absent\.yaml'; it cannot be read: No such file"):
        load_study(tmp_path / "absent.yaml")
    (tmp_path / "latin.yaml").write_bytes("name: caf\xe9".encode("latin-1"))
    with pytest.raises(StudyError, match="not UTF-8 text"):
        load_study(tmp_path / "latin.yaml")


def test_the_resolved_study_reads_back_as_itself(tmp_path: Path) -> None:
    study = resolve(_load(tmp_path, TINY + "gallery: [{do: {pen: 'no'}}]"))
    again = _load(tmp_path, study.to_yaml())
    assert again == study
    assert again.fingerprint == study.fingerprint
    assert again.gallery[0].do == {"pen": "no"}
    assert study.training.images.learning_rate == fit_config(study.training).images.learning_rate


def test_layout_does_not_change_the_fingerprint_but_content_does(tmp_path: Path) -> None:
    study = _load(tmp_path, TINY)
    assert _load(tmp_path, "# a comment\n" + TINY + "\n").fingerprint == study.fingerprint
    assert _load(tmp_path, TINY + "seed: 1").fingerprint != study.fingerprint


def test_smoke_shrinks_every_part_and_enlarges_none() -> None:
    study = load_study(EXAMPLES / "morphodigits" / "study.yaml")
    small = shrink(study)
    assert small.data.rows == SMOKE["rows"]
    assert small.training.images.epochs == SMOKE["images"]
    assert small.evaluation.rows == SMOKE["evaluation"]
    assert [effect.simulations for effect in small.effects] == [SMOKE["simulations"]] * len(study.effects)
    assert len(small.gallery) == len(study.gallery)
    modest = study.model_copy(update={"data": study.data.model_copy(update={"rows": 200})})
    assert shrink(modest).data.rows == 200
