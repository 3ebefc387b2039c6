"""A report shows what survives in other models: a sentence, a table and a picture for each intervention."""

from pathlib import Path

import pandas as pd
import torch

from causalgen.graph import CausalGraph, Variable
from causalgen.reports import ReportContent, plot_ambiguity, write_report
from causalgen.reports.ambiguity_table import ambiguity_answer, ambiguity_table
from causalgen.scm import Ambiguity, Claim, StructuralCausalModel


def found() -> tuple[CausalGraph, Ambiguity]:
    graph = CausalGraph(
        "dose -> {pressure, ill}",
        [
            Variable("dose", "continuous"),
            Variable("pressure", "continuous", unit="mmHg"),
            Variable("ill", "binary", labels=("no", "yes")),
        ],
    )
    scm = StructuralCausalModel(graph, dict.fromkeys(("dose", "pressure"), "linear-gaussian")).declare_fitted()
    scm.mechanisms["pressure"].set(120.0, {"dose": 4.0}, 10.0)
    posterior = scm.abduct(scm.sample(80, seed=0), seed=0)
    claims = {"pressure rises": Claim("pressure", low=0, change=True), "ill": "ill"}
    return graph, posterior.ambiguity({"dose": torch.full((80,), 2.0)}, claims)


def test_the_page_has_the_sentence_the_table_and_the_picture(tmp_path: Path) -> None:
    graph, ambiguity = found()
    sentence = ambiguity_answer([ambiguity])
    assert "claims about single units hold for 90% of them down to a correlation of" in sentence
    assert "(pressure rises)" in sentence
    rows = ambiguity_table([ambiguity]).groups[0].rows
    rho = ambiguity.tipping_rho("pressure rises")
    assert 0 < rho < 1
    assert rows[0].cells[-2] == f"{rho:.2f}"
    assert rows[1].cells[-1] == "–"  # a label has no mean to claim

    page = write_report(
        tmp_path, ReportContent(name="doses", question="How?", graph=graph, ambiguities=[ambiguity])
    ).read_text()
    assert "What survives in other models" in page
    assert f"{rho:.2f} (pressure rises)" in page
    table = pd.read_csv(tmp_path / "tables" / "ambiguity.csv")
    assert set(table["claim"]) == {"pressure rises", "ill"}
    assert any("ambiguity-1" in path.name for path in (tmp_path / "figures").iterdir())


def test_every_claim_has_a_panel() -> None:
    axes = [each for each in plot_ambiguity(found()[1]).axes if each.get_title(loc="left")]
    assert [each.get_title(loc="left") for each in axes] == ["pressure rises", "ill"]
