"""`causalgen new` in a messy folder: odd names, wrong answers, places that cannot be written."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from own_table import make
from PIL import Image
from typer.testing import CliRunner

from causalgen.cli.app import app
from causalgen.cli.options import split
from causalgen.studies.data_section import OwnData
from causalgen.studies.schema import Study, load_study

runner = CliRunner()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    make(tmp_path / "data", rows=40)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def new(*arguments: str, answers: str | None = None) -> tuple[int, str]:
    result = runner.invoke(app, ["new", *arguments], input=answers)
    return result.exit_code, " ".join(result.output.split())


def checked(path: str) -> Study:
    result = runner.invoke(app, ["check", path])
    assert result.exit_code == 0, result.output
    return load_study(path)


def test_names_of_any_kind_make_a_study_that_checks(folder: Path) -> None:
    rng = np.random.default_rng(1)
    table = pd.read_csv(folder / "data" / "table.csv")
    table = table.rename(columns={"age": "age (years)", "sex": "class", "scan": "影像"}).assign(
        **{
            "lambda": rng.normal(size=40),
            "height, cm": rng.normal(170, 9, 40).round(1),
            "no": rng.choice(["yes", "no", "off"], 40),
            'q"x': rng.normal(size=40),
            "id": np.arange(1, 41),
        }
    )
    table.to_csv(folder / "data" / "数据.csv", index=False)
    code, output = new("data/数据.csv", "-y", "--out", "made/here/study.yaml")
    assert code == 0, output
    assert "Not usable: id (the numbers of the rows)" in output
    assert 'Not usable: q"x (a name with a quotation mark or semicolon)' in output
    study = checked("made/here/study.yaml")
    assert isinstance(study.data, OwnData)
    assert study.data.graph == '{age, size, class, lambda, "height, cm", no} -> 影像'
    assert study.data.variables["age"].unit == "years"
    assert study.name == "study"


def test_contrasts_differ_however_the_numbers_lie(folder: Path) -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"mostly": np.r_[np.zeros(55), rng.uniform(size=5)], "year": rng.uniform(2015, 2021, 60)})
    table.assign(out=rng.normal(size=60)).to_csv("years.csv", index=False)
    code, output = new("years.csv", "--edges", "mostly -> out; year -> out")
    assert code == 0, output
    first, second = (effect.contrast for effect in checked("study.yaml").effects)
    assert first[0] == 0 < first[1]
    assert 2015 < second[0] < second[1] < 2021


def test_a_wrong_graph_is_asked_again_and_nothing_is_lost_without_answers(folder: Path) -> None:
    code, output = new("data/table.csv", answers="age -> \nage -> scan -> age\nage -> scan\n")
    assert code == 0, output
    assert "Expected a name at line 1" in output
    assert "got the cycle age -> scan -> age" in output
    code, output = new("data/table.csv", "--out", "other.yaml", answers="")
    assert code == 130
    assert "Nothing was written. Answer with TABLE, --image and --edges, or add --yes." in output
    assert not Path("other.yaml").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--out", "data/table.csv/study.yaml"], "Expected an output folder that can be written"),
        (
            ["--image", "scn"],
            "Expected a column for 'scn' among patient, age, size, sex, scan; got 'scn'. Did you mean",
        ),
        (["--group", "pat"], "Expected a column for the group among patient"),
    ],
)
def test_wrong_options_are_named(folder: Path, arguments: list[str], message: str) -> None:
    code, output = new("data/table.csv", "--yes", *arguments)
    assert code == 2
    assert message in output
    assert not list(folder.glob("*.yaml"))


def test_images_of_several_sizes_get_one(folder: Path) -> None:
    for row, size in ((3, (30, 20)), (7, (11, 9))):
        Image.new("L", size, 90).save(folder / "data" / "scans" / f"{row:03d}.png")
    code, output = new("data/table.csv", "-y")
    assert code == 0, output
    assert "# files have 12x10 (38 images), 20x30 (1 image), 9x11 (1 image)" in Path("study.yaml").read_text()
    study = checked("study.yaml")
    assert isinstance(study.data, OwnData)
    assert (study.data.variables["scan"].size, study.data.variables["scan"].fit) == ((12, 10), "crop")


def test_images_alone_are_no_study(folder: Path) -> None:
    pd.read_csv("data/table.csv")[["scan"]].to_csv("data/only.csv", index=False)
    code, output = new("data/only.csv", "-y")
    assert code == 2
    assert "Expected a column that can be an attribute; got none. Add attributes of each image." in output


def test_links_and_open_supports_in_a_study(folder: Path) -> None:
    Path("shared").symlink_to(folder / "data")
    text = (
        "name: own\ndata:\n  table: shared/table.csv\n  graph: age -> scan\n  variables: {age: {support: [0, .inf]}}\n"
    )
    Path("own.yaml").write_text(text)
    study = checked("own.yaml")
    assert isinstance(study.data, OwnData)
    assert study.data.table == str(folder / "shared" / "table.csv")


def test_assignments_with_commas_in_names() -> None:
    assert split(['"height, cm"=180,class=male', '"height, cm"-=3']) == [
        '"height, cm"=180',
        "class=male",
        '"height, cm"-=3',
    ]


def test_a_graph_goes_into_a_folder_that_exists(folder: Path) -> None:
    result = runner.invoke(app, ["graph", "a -> b", "--out", "nowhere/graph.dot"])
    assert result.exit_code == 2
    assert "Expected a file in an existing folder for --out" in result.output
