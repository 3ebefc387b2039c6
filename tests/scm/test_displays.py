"""What Python prints of each noun: few lines, with names, counts and units, and no tensors."""

import pandas as pd
import torch

from causalgen import CausalGraph, FitConfig, Stage, StructuralCausalModel, Variable, fit, from_arrays
from causalgen.scm import load, save

GRAPH = CausalGraph(
    "dose -> {ill, scan}", [Variable("dose", "continuous", unit="mg"), Variable("ill", "binary"),
                            Variable("scan", "image", shape=(1, 4, 4))],
)  # fmt: skip


def test_the_nouns_print_few_lines(tmp_path) -> None:
    generator = torch.Generator().manual_seed(0)
    dose = torch.randn(40, generator=generator)
    scans = (torch.rand(40, 4, 4, generator=generator) * 255).to(torch.uint8)
    ill = (dose + torch.randn(40, generator=generator) > 0).tolist()
    data = from_arrays({"dose": dose, "ill": ill, "scan": scans}, GRAPH)
    scm = StructuralCausalModel(GRAPH, {"dose": "linear-gaussian"})
    count = sum(parameter.numel() for parameter in scm.parameters())
    assert repr(scm).splitlines() == [
        f"StructuralCausalModel(3 nodes, {count:,} trainable parameters, not fitted)",
        "  dose := linear-gaussian(noise)",
        "  ill  := categorical(noise, dose)",
        "  scan := conv-vae(noise, dose)",
    ]
    stage = Stage(epochs=1, batch_size=20)
    result = fit(scm, data, FitConfig(attributes=stage, images=stage))
    assert repr(result).startswith("FitResult(attributes 0.")
    assert repr(result).endswith("best epochs: ill 1, scan 1)")
    save(scm, tmp_path)
    summary = load(tmp_path).summary()
    assert summary["fitted"].all()
    assert summary.loc["scan"].drop(["parameters", "assumption"]).tolist() == [
        "image", "conv-vae", "dose", "variational", "a convention", True
    ]  # fmt: skip
    assert "Gaussian latents" in summary.loc["scan", "assumption"]
    assert summary["parameters"].sum() == count
    assert isinstance(summary, pd.DataFrame)
    posterior = scm.abduct(data.rows([0, 1]), particles=3, seed=0)
    assert repr(posterior) == (
        "Posterior(2 units, 3 particles; abduction: dose bijective, ill posterior, scan variational)"
    )
    world = posterior.counterfactual({"dose": 0.1})
    assert repr(world) == "Counterfactual(do(dose = 0.1 mg), 2 units, 3 particles, 6 of 6 in support)"


def test_many_nodes_and_labels_are_counted() -> None:
    chain = CausalGraph([(f"x{i}", f"x{i + 1}") for i in range(40)], confounded="x0 <-> x2")
    assert repr(chain) == "CausalGraph(<41 nodes: x0, x1, x2, x3, ..., x40; 40 edges, 1 bidirected>)"
    variables = [Variable(name, "continuous") for name in chain.nodes]
    text = repr(
        StructuralCausalModel(CausalGraph(chain.edges, variables), dict.fromkeys(chain.nodes, "linear-gaussian"))
    )
    assert len(text.splitlines()) == 18
    assert text.endswith("... and 25 more nodes; see summary()")
    assert repr(Variable("city", "categorical", labels=range(50))) == (
        "Variable('city', 'categorical', labels=<50: 0 ... 49>)"
    )
    pen = Variable("pen", "binary", labels=("ballpoint", "felt-tip"))
    assert eval(repr(pen)) == pen
