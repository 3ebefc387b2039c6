"""Four hundred made scans, from `new` to the first lines of the report: what interventions change on the image."""

from pathlib import Path

import pandas as pd
import pytest
import scans
from typer.testing import CliRunner

from causalgen.cli.app import app

WINDOW = 255 / 3564
"""Stored grey levels per grey level of the files: `new` proposes the window 0 to 3564."""
SCORES = f"""
scores:
  ventricle: {{measure: area, threshold: {round(scans.VENTRICLE_LEVEL * WINDOW)}, shows: age}}
  head: {{measure: area, threshold: {round(scans.HEAD_LEVEL * WINDOW)}, shows: sex}}
"""


@pytest.mark.slow
def test_interventions_change_on_the_image_what_they_change_in_truth(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The starter study without the networks that read: about a minute on an idle core."""
    monkeypatch.chdir(tmp_path)
    truth = scans.make(tmp_path)
    new = ["new", "scans.csv", "--edges", scans.GRAPH, "--group", "Patient ID", "--yes"]
    assert CliRunner().invoke(app, new).exit_code == 0
    text = Path("study.yaml").read_text(encoding="utf-8")
    gallery = text.index("gallery:")
    ends = text[gallery:].index("\n\n") + gallery
    text = text[:gallery] + "gallery: [{do: {age: 80}}, {do: {sex: M}}]" + text[ends:] + SCORES
    for before, after in {
        "classify: [sex]": "classify: []",
        "regress: [age]": "regress: []",
    }.items():
        assert before in text
        text = text.replace(before, after)
    Path("study.yaml").write_text(text, encoding="utf-8")
    done = CliRunner().invoke(app, ["run", "study.yaml", "--out", "run"])
    assert done.exit_code == 0, done.output
    assert "do(age = 80 years) changes ventricle on the image by +" in " ".join(done.output.split())
    first = Path("run/report.html").read_text(encoding="utf-8").partition("<nav")[0]
    asked = [(query, name) for query in ("do(age = 80 years)", "do(sex = M)") for name in ("ventricle", "head")]
    assert [f"{query} changes {name} on" in first for query, name in asked] == [True, False, False, True]
    changes = pd.read_csv("run/tables/image-changes.csv").set_index(["query", "name"])
    sexes = [scans.measure(scans.draw(truth.assign(sex=sex)), scans.HEAD_LEVEL).mean() for sex in "FM"]
    head = changes.loc[("do(sex = M)", "head")]
    assert 0.9 < head["change"] / (sexes[1] - sexes[0]) < 1.1
    older, own = (
        scans.measure(scans.draw(rows), scans.VENTRICLE_LEVEL).mean() for rows in (truth.assign(age=80), truth)
    )
    ventricle = changes.loc[("do(age = 80 years)", "ventricle")]
    assert 0.7 < ventricle["change"] / (older - own) < 1.3
    assert ventricle["low"] > abs(ventricle["floor"])
