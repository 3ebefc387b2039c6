"""The explorer answers as the library does, on any table; its finds reproduce their answers."""

import base64
import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from PIL import Image

from causalgen.app import Explorer, write_static_page
from causalgen.app.drawing import difference_url, palette
from causalgen.app.explorer import DRAWS, WorldSetting
from causalgen.app.finds import find_files
from causalgen.errors import CausalgenError, DataError, StudyError, SupportError
from causalgen.graph import Variable
from causalgen.spreadsheets import restored
from causalgen.studies.grids import check_named_rows, gallery
from causalgen.studies.model_on_data import ModelOnData
from causalgen.studies.runfolder import read_run
from causalgen.studies.study_sections import GalleryPlan

from .twins import MARKUP


def _ask(explorer: Explorer, unit: str = "row-0", **settings: object) -> WorldSetting:
    return WorldSetting.model_validate({"unit": unit, **settings})


def _states(answer: dict) -> dict[str, str]:
    return {entry["name"]: entry["state"] for entry in answer["attributes"]}


def _pixels(url: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))))


def test_every_attribute_has_an_input_of_its_kind(twins: Explorer) -> None:
    inputs = {entry["name"]: entry for entry in twins.model()["attributes"]}
    assert list(inputs) == list(twins.graph.attributes)
    assert inputs["clinic"]["labels"][0] == MARKUP
    assert inputs["grade"]["labels"] == ["low", "middle", "high"]
    age, ages = inputs["age at scan"], twins.units.frame["age at scan"]
    assert age["unit"] == "years <i>"
    assert 0 <= age["low"] < ages.min() < ages.max() < age["high"] <= 120


def test_no_intervention_shows_the_factual_bit_for_bit(twins: Explorer) -> None:
    answer = twins.answer(_ask(twins))
    assert set(_states(answer).values()) == {"same"}
    factual = twins.units.data.rows([twins.units.frame.index[0]])
    for image, name in zip(answer["images"], ("left", "right")):
        assert image["name"] == name
        assert image["factual"] == image["counterfactual"]
        assert image["largest"] == 0
        shown = np.atleast_3d(_pixels(image["factual"])).transpose(2, 0, 1)
        np.testing.assert_array_equal(shown, factual[name][0].numpy())


@pytest.mark.parametrize("draws", DRAWS[:2])
@pytest.mark.parametrize("hold", [False, True])
def test_answers_equal_those_of_the_library(twins: Explorer, draws: int, hold: bool) -> None:
    do, row = {"age at scan": 71.5, "clinic": 2.0}, twins.units.frame.index[4]
    found = twins.answered(_ask(twins, "row-4", do=do, hold=hold, draws=draws)).counterfactual
    particles = None if draws == 1 else draws
    posterior = twins.units.scm.abduct(twins.units.data.rows([row]), particles=particles, seed=0)
    asked = {"age at scan": 71.5, "clinic": "c"}
    if hold:
        style = {name: [value] for name, value in asked.items()}
        expected = posterior.transfer(style, list(asked), hold=True, seed=0)
    else:
        expected = posterior.counterfactual(asked, seed=0)
    for name in expected:
        assert torch.equal(found[name], expected[name]), name


def test_what_follows_is_named_and_what_is_held_stays(twins: Explorer) -> None:
    states = {"age at scan": "set", "grade": "same", "volume": "moved", "=side": "same", "clinic": "same"}
    assert _states(twins.answer(_ask(twins, do={"age at scan": 60.0}))) | {"grade": "same"} == states
    held = twins.answer(_ask(twins, do={"age at scan": 60.0}, hold=True))
    assert _states(held) == states | {"grade": "held", "volume": "held"}
    volume = next(entry for entry in held["attributes"] if entry["name"] == "volume")
    assert volume["factual"] == volume["counterfactual"]


def test_support_is_flagged(twins: Explorer) -> None:
    assert twins.answer(_ask(twins, do={"age at scan": 119.0}))["supported"] == 0
    assert twins.answer(_ask(twins, do={"clinic": 1.0}))["supported"] == 1


@pytest.mark.parametrize(
    ("setting", "error"),
    [
        ({"do": {"age at scan": 121.0}}, SupportError),
        ({"do": {"volume": 1e38}}, SupportError),
        ({"do": {"clinic": 7.0}}, DataError),
        ({"do": {"clinic": -1.0}}, DataError),
        ({"do": {"grade": 1.5}}, DataError),
        ({"do": {"left": 1.0}}, DataError),
        ({"do": {"nobody": 1.0}}, CausalgenError),
        ({"draws": 9}, DataError),
        ({"unit": "row-90"}, DataError),
        ({"unit": "row--1"}, DataError),
        ({"unit": "own-700"}, DataError),
    ],
)
def test_impossible_questions_are_refused(twins: Explorer, setting: dict, error: type[Exception]) -> None:
    with pytest.raises(error, match="Expected"):
        twins.answer(WorldSetting.model_validate({"unit": "row-0"} | setting))


def test_a_strip_has_a_frame_for_every_value(twins: Explorer) -> None:
    frames = twins.strip(_ask(twins, do={"grade": 0}), "clinic")
    assert [frame["value"] for frame in frames] == list(range(7))
    assert [each["name"] for each in frames[0]["pictures"]] == ["left", "right"]
    ages = twins.strip(_ask(twins), "age at scan")
    one = twins.answer(_ask(twins, do={"age at scan": ages[3]["value"]}))
    assert [each["picture"] for each in ages[3]["pictures"]] == [each["counterfactual"] for each in one["images"]]


def test_a_strip_covers_the_slider_and_stays_within_it(twins: Explorer, monkeypatch: pytest.MonkeyPatch) -> None:
    age = next(entry for entry in twins.model()["attributes"] if entry["name"] == "age at scan")
    monkeypatch.setitem(age, "high", 85.3)  # as a declared support may end it: between two steps
    values = twins.sweep_values("age at scan")
    assert values[-1] == 85.3
    assert values == pytest.approx(np.linspace(age["low"], 85.3, 9).tolist(), abs=age["step"])


def test_the_truth_is_shown_where_the_generator_is_known(digits: Explorer) -> None:
    row = digits.units.frame.index[3]
    found = digits.answer(_ask(digits, "row-3", do={"thickness": 4.0}))
    truth = digits.units.data.truth.counterfactual([row], {"thickness": 4.0})
    np.testing.assert_array_equal(_pixels(found["images"][0]["truth"]), truth["image"][0, 0].numpy())
    intensity = next(entry for entry in found["attributes"] if entry["name"] == "intensity")
    assert intensity["truth"] == pytest.approx(float(truth["intensity"][0]))
    held = digits.answer(_ask(digits, "row-3", do={"thickness": 4.0}, hold=True))
    kept = next(entry for entry in held["attributes"] if entry["name"] == "intensity")
    assert kept["truth"] == pytest.approx(kept["factual"]["value"])


def test_a_posterior_is_abducted_once(twins: Explorer, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    abduct = type(twins.units.scm).abduct
    monkeypatch.setattr(
        type(twins.units.scm), "abduct", lambda *args, **options: calls.append(1) or abduct(*args, **options)
    )
    for age in (30.0, 40.0, 50.0):
        twins.answer(_ask(twins, "row-33", do={"age at scan": age}))
    assert len(calls) == 1


GIVEN = {"age at scan": "44 years <i>", "grade": "low", "volume": "23.5"}


def _upload(home: Path) -> dict[str, Path]:
    rng = np.random.default_rng(1)
    files = {"left": home / "mine.png", "right": home / "mine.jpg"}
    Image.fromarray(np.uint8(rng.uniform(0, 90, (24, 20)))).save(files["left"])
    Image.fromarray(np.uint8(rng.uniform(0, 90, (8, 8, 3)))).save(files["right"])
    return files


def test_an_image_of_ones_own_infers_what_is_not_given(twins: Explorer, tmp_path: Path) -> None:
    added = twins.add(_upload(tmp_path), {**GIVEN, "clinic": MARKUP})
    assert not added["complete"]
    answer = twins.answer(_ask(twins, added["key"], draws=16, do={"age at scan": 60.0}))
    assert any("resized" in note for note in answer["notes"])
    assert any(note.startswith("=side was inferred") for note in answer["notes"])
    clinic = next(entry for entry in answer["attributes"] if entry["name"] == "clinic")
    assert clinic["factual"] == {"value": 0}
    assert [len(image["draws"]) for image in answer["images"]] == [16, 16]
    assert twins.add(_upload(tmp_path), {**GIVEN, "clinic": "b", "=side": "+R"})["complete"]


def test_python_lines_reproduce_the_finds(
    twins: Explorer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    own = twins.add(_upload(Path()), {**GIVEN, "clinic": MARKUP})["key"]
    finds = [
        _ask(twins, "row-5", do={"clinic": 0, "age at scan": 33.3}),
        _ask(twins, "row-6", do={"age at scan": 70.1}, hold=True, draws=8),
        _ask(twins, own, do={"age at scan": 70.1}, draws=8),
    ]
    names: dict = {}
    exec(find_files(twins, finds, "py").decode(), names)
    for number, find in enumerate(finds, start=1):
        expected = twins.answered(find).counterfactual
        assert all(torch.equal(names[f"find_{number}"][name], expected[name]) for name in expected)


def test_the_table_of_finds_reads_back(twins: Explorer) -> None:
    finds = [_ask(twins, "row-5", do={"=side": 0.0}), _ask(twins, "row-6", do={"clinic": 0.0}, draws=8)]
    content = find_files(twins, finds, "csv")
    table = restored(pd.read_csv(io.BytesIO(content)))
    assert table["find"].tolist() == [1] + 8 * [2]
    assert set(table["clinic_cf"][1:]) == {MARKUP}
    assert set(table["=side_cf"][:1]) == {"+R" if twins.graph["=side"].labels[0] == "+R" else "=L"}
    assert b"\n1,5,do(=side" in content


def test_study_lines_are_read_by_a_study(twins: Explorer) -> None:
    finds = [_ask(twins, "row-5", do={"age at scan": 70.1}, hold=True), _ask(twins, "row-6")]
    text = find_files(twins, finds, "yaml").decode()
    (item,) = yaml.safe_load(text)["gallery"]
    assert item["do"]["age at scan"] == 70.1
    assert item["do"]["grade"] == twins.units.frame["grade"].iloc[5]
    assert item["rows"] == [5]
    with pytest.raises(DataError, match="row of the data"):
        find_files(twins, finds[1:], "yaml")


def test_a_gallery_of_a_study_shows_the_unit_of_a_find(twins: Explorer) -> None:
    find = _ask(twins, "row-5", do={"age at scan": 70.1}, hold=True)
    content = yaml.safe_load(find_files(twins, [find], "yaml"))["gallery"]
    plans = [GalleryPlan.model_validate(item) for item in content]
    units, expected = twins.units, twins.answered(find).counterfactual
    check_named_rows(plans, units.data, lambda place, text: StudyError(text))
    (shown,) = gallery(plans, ModelOnData(units.scm, units.data, units.seed))
    assert all(torch.equal(shown.counterfactual[name], expected[name]) for name in expected)
    missing = [plans[0], plans[0].model_copy(update={"rows": (5, 900)})]
    with pytest.raises(StudyError, match=r"'gallery', 1, 'rows'.*got 900"):
        check_named_rows(missing, units.data, lambda place, text: StudyError(f"{place}: {text}"))


def test_pictures_of_finds_are_one_png(digits: Explorer, twins: Explorer) -> None:
    find = _ask(digits, do={"pen": 1.0})
    one, two = find_files(digits, [find], "png"), find_files(digits, [find, find], "png")
    heights = [Image.open(io.BytesIO(content)).height for content in (one, two)]
    assert heights[1] > 1.8 * heights[0]
    for wrong, kind in ([], "png"), ([_ask(twins)] * 51, "csv"), ([_ask(twins)], "exe"):
        with pytest.raises(DataError, match="Expected"):
            find_files(twins, wrong, kind)


def test_differences_are_coloured_on_one_scale() -> None:
    image, steps = Variable("image", "image", shape=(3, 1, 3)), torch.tensor([-300.0, 0.0, 64.0])
    shown = _pixels(difference_url(steps.expand(3, 1, 3), image))[0]
    np.testing.assert_array_equal(shown, palette()[[0, 128, 192]])
    assert shown[0][2] > shown[0][0]  # less is blue
    assert shown[2][0] > shown[2][2]


def test_a_static_page_holds_every_answer_and_no_markup(twins: Explorer, tmp_path: Path) -> None:
    path = write_static_page(twins, tmp_path / "page", ["3", "4", "3"])
    text = path.read_text()
    assert MARKUP not in text
    assert "<script>window" not in text
    assert 'src="page.js"' not in text
    assert 'href="style.css"' not in text
    baked = json.loads(text.partition('type="application/json">')[2].partition("</script>")[0])
    assert [unit["label"] for unit in baked["units"]] == ["3", "4"]
    expected = twins.answer(_ask(twins, "row-4", do={"clinic": 2.0}, hold=True))
    found = baked["answers"]["row-4"][1]["clinic"][2]
    for shown, attribute in zip(found["attributes"], expected["attributes"], strict=True):
        assert (shown["name"], shown["state"]) == (attribute["name"], attribute["state"])
        assert shown["counterfactual"] == pytest.approx(attribute["counterfactual"], rel=1e-5)
    assert baked["pictures"][found["images"][1]["counterfactual"]] == expected["images"][1]["counterfactual"]
    assert len(set(baked["pictures"])) == len(baked["pictures"])
    with pytest.raises(DataError, match="row of"):
        write_static_page(twins, tmp_path / "other", ["900"])


def test_a_run_without_a_model_says_so(twins: Explorer, tmp_path: Path) -> None:
    run = twins.run.path
    (tmp_path / "run").mkdir()
    for name in ("run.json", "study.resolved.yaml"):
        (tmp_path / "run" / name).write_bytes((run / name).read_bytes())
    with pytest.raises(CausalgenError, match="has none yet"):
        Explorer(read_run(tmp_path / "run"))
