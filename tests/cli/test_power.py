"""`causalgen power` takes what it can from the study, and says what it cannot."""

import json
from pathlib import Path

import pytest
from untrained_run import write_untrained_run

from .conftest import Command

STUDY = """\
name: twice
data: {name: morphodigits, rows: 100}
mechanisms:
  image: {mechanism: conv-vae, latent: 4, local: 2, width: 8, blocks: 1}
measurements: {thickness: stroke-thickness}
scores:
  ink: {measure: brightness}
effects:
  - treatment: pen
    outcome: intensity
    contrast: [felt-tip, ballpoint]
    methods: [linear adjustment]
    cluster: group
    level: 0.9
  - {treatment: thickness, outcome: intensity, contrast: [2, 3], population: ATE, weights: hurry}
  - {treatment: hurry, outcome: intensity, contrast: [0, 1], methods: [g-computation]}
  - {treatment: hurry, outcome: intensity, contrast: [0.25, 0.75], methods: [linear adjustment], cluster: group}
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("power")
    (home / "study.yaml").write_text(STUDY)
    (home / "run").mkdir()
    write_untrained_run(home / "run", home / "study.yaml")
    return home / "run"


def test_contrast_method_level_and_groups_come_from_the_study(causalgen: Command, run: Path) -> None:
    done = causalgen("power", run, "--treatment", "pen", "--sizes", "60,80", "--tables", 20, "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["question"].startswith("Effect of do(pen=ballpoint) against do(pen=felt-tip) on intensity")
    assert (found["method"], found["unit"]) == ("linear adjustment", "groups of 'group'")
    assert [row["n"] for row in found["table"]] == [60, 80]
    assert Path(found["files"]["figure"]).exists()
    other = ("--treatment", "pen", "--sizes", "60", "--tables", 20, "--json", "--cluster", "", "--level", "0.5")
    again = json.loads(causalgen("power", run, *other).stdout)
    assert again["unit"] == "rows"
    assert again["files"]["csv"] != found["files"]["csv"]  # another question has another folder


def test_a_contrast_distinguishes_effects_of_one_pair(causalgen: Command, run: Path) -> None:
    asked = ("--treatment", "hurry", "--outcome", "intensity", "--contrast", "0.250", "0.75", "--sizes", "60")
    done = causalgen("power", run, *asked, "--tables", 20, "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["method"] == "linear adjustment"
    assert isinstance(found["needed"]["reached"], bool)


def test_a_score_is_read_on_images(causalgen: Command, run: Path) -> None:
    asked = ("--treatment", "pen", "--outcome", "ink", "--method", "linear adjustment", "--sizes", "60", "--tables", 20)
    done = causalgen("power", run, *asked)
    assert done.exit_code == 0, done.output
    assert "on ink" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "leaves open which are meant"),
        (("--treatment", "pen", "--outcome", "nothing"), "nothing"),
        (("--treatment", "thickness"), "without weights"),
        (("--treatment", "hurry", "--outcome", "intensity"), "has 2. Give a contrast"),
        (("--treatment", "pen", "--sizes", "ten"), "--sizes 100,200,400"),
        (("--treatment", "pen", "--read"), "measures on images (thickness)"),
        (("--treatment", "pen", "--cluster", "persons"), "Expected groups among"),
        (("--treatment", "pen", "--tables", "2"), "20 to 10,000 tables"),
        (("--treatment", "pen", "--level", "0"), "level between 0 and 1"),
    ],
    ids=str,
)
def test_a_mistake_gets_one_message(causalgen: Command, run: Path, arguments: tuple[str, ...], words: str) -> None:
    done = causalgen("power", run, *arguments)
    assert done.exit_code == 2, done.output
    assert words in " ".join(done.output.split())
    assert done.output.count("Expected") == 1


def test_a_saved_model_has_no_groups_and_no_measurements(causalgen: Command, run: Path) -> None:
    asked = ("--treatment", "pen", "--outcome", "intensity", "--sizes", "60", "--tables", 20)
    for option in (("--read",), ("--cluster", "group")):
        assert "without its data and study" in " ".join(
            causalgen("power", run / "model", *asked, *option).output.split()
        )
