"""Plant a bias in a classifier, and look whether an audit finds it.

    python examples/audit/planted_bias.py                 one pair of classifiers, a few minutes
    python examples/audit/planted_bias.py --smoke         about a minute; the numbers mean little
    python examples/audit/planted_bias.py --seeds 20      twenty pairs
    python examples/audit/planted_bias.py --out audits    a page for each of the first pair, audits/biased/audit.html

Two classifiers say whether a digit is 5 or more. Both are trained on equally many images of morphodigits. For one of them the
images were picked such that thick strokes go with the label; for the other at random. The audit asks both: does your answer
about *this* image change when its stroke is another?
"""

import argparse
import time
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

import causalgen as cg
from causalgen.audit import AuditReport, CounterfactualImages, as_classifier, audit_images, counterfactual_images
from causalgen.audit.page import write_audit
from causalgen.datasets import Dataset
from causalgen.graph import Variable
from causalgen.metrics import Readers, stroke_measures
from causalgen.predictors import LABELS as FOR_LABELS
from causalgen.predictors import AttributePredictor, fit_predictor
from causalgen.scm import StructuralCausalModel, load
from causalgen.training import FitConfig, Stage

LABEL = Variable("digit is 5 or more", "binary", labels=("no", "yes"))
INTERVENTIONS = [{"thickness": 1.8}, {"thickness": 3.2}, {"pen": "felt-tip"}]
STRENGTH = 8.0
"""How strongly thickness decides which images are picked: log odds per standard deviation."""


def fit_model(data: Dataset, *, epochs: int, seed: int = 0) -> StructuralCausalModel:
    """A causal model of all images: the auditor's, not the classifiers' maker's."""
    scm = StructuralCausalModel(data.graph)
    cg.fit(scm, data, FitConfig(attributes=Stage(epochs=30), images=Stage(epochs=epochs, batch_size=128), seed=seed))
    return scm


def picked(data: Dataset, count: int, *, biased: bool, seed: int) -> Tensor:
    """Rows of the training split: at random, or such that thickness predicts the label."""
    rows = data.split["train"]
    generator = torch.Generator().manual_seed(seed)
    if not biased:
        return rows[torch.randperm(len(rows), generator=generator)[:count]]
    thickness = data.rows(rows)["thickness"]
    standardised = (thickness - thickness.median()) / thickness.std()
    side = 2 * label(data, rows) - 1
    weight = torch.sigmoid(STRENGTH * side * standardised)
    return rows[torch.multinomial(weight, count, generator=generator)]


def label(data: Dataset, rows: Tensor) -> Tensor:
    """Codes of LABEL, int64 `(N,)`."""
    return (data.rows(rows)["digit"] >= 5).long()


def train(data: Dataset, *, rows: int, epochs: int, biased: bool, seed: int) -> AttributePredictor:
    """A classifier on its own choice of images; the last fifth of them decides when to stop."""
    chosen = picked(data, rows, biased=biased, seed=seed)
    fitted, kept = chosen[: rows * 4 // 5], chosen[rows * 4 // 5 :]
    parts = {"train": fitted, "validation": kept}
    values = {part: {"image": data.rows(rows)["image"], LABEL.name: label(data, rows)} for part, rows in parts.items()}
    return fit_predictor(values, LABEL, image="image", config=replace(FOR_LABELS, epochs=epochs), seed=seed)


def reader(data: Dataset, name: str) -> AttributePredictor:
    """What reads a discrete attribute off the counterfactual images, to see whether they show and keep it."""
    return fit_predictor(data, name, image="image", config=replace(FOR_LABELS, epochs=4))


def alarmed(report: AuditReport) -> bool:
    """Whether any row is beyond the margin."""
    return len(report.beyond) > 0


def audited(classifier: AttributePredictor, images: CounterfactualImages) -> AuditReport:
    """The audit, with a margin of five percentage points."""
    return audit_images(as_classifier(classifier, outcome="yes"), images, margin=0.05)


def run(
    *, seeds: int = 1, smoke: bool = False, model: Path | None = None, rows: int = 2500, out: Path | None = None
) -> dict[bool, list[AuditReport]]:
    """Reports of the biased (True) and the unbiased (False) classifiers."""
    began = time.perf_counter()
    data = cg.load("morphodigits", rows=3000 if smoke else 10_000)
    scm = load(model) if model else fit_model(data, epochs=20 if smoke else 12)
    measure = {name: stroke_measures()[name] for name in ("thickness", "intensity")}
    readers = Readers(measure, {"digit": reader(data, "digit")})
    images = counterfactual_images(scm, data, interventions=INTERVENTIONS, readers=readers, rows=150 if smoke else 500)
    print(f"model and counterfactual images: {time.perf_counter() - began:.0f} s")
    reports: dict[bool, list[AuditReport]] = {True: [], False: []}
    for seed in range(seeds):
        for biased in reports:
            classifier = train(data, rows=1500 if smoke else rows, epochs=6, biased=biased, seed=seed)
            test = data.split["test"]
            accuracy = classifier.accuracy(data.rows(test)["image"], label(data, test))
            report = audited(classifier, images)
            reports[biased].append(report)
            kind = "thickness predicts the label" if biased else "picked at random"
            beyond = f"{len(report.beyond)} of {len(report)} rows beyond the margin"
            print(f"seed {seed}, {kind}: accuracy on all test images {accuracy:.1%}; {beyond}", flush=True)
            if seed == 0:
                print(report)
                if out:
                    write_audit(
                        out / ("biased" if biased else "unbiased"), report, scm.graph, about={"classifier": kind}
                    )
    print("The images:", reports[True][0].trust_frame().to_string(float_format="{:.2f}".format), sep="\n")
    for biased, some in reports.items():
        print(f"{'biased' if biased else 'unbiased'}: alarm in {sum(map(alarmed, some))} of {len(some)} seeds")
    print(f"{time.perf_counter() - began:.0f} s in all")
    return reports


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=1, help="pairs of classifiers")
    parser.add_argument("--smoke", action="store_true", help="small and short; the numbers mean little")
    parser.add_argument("--model", type=Path, help="model folder of a finished run, such as runs/morphodigits/model")
    parser.add_argument("--out", type=Path, help="folder for the pages and tables of the first pair")
    arguments = parser.parse_args()
    run(seeds=arguments.seeds, smoke=arguments.smoke, model=arguments.model, out=arguments.out)


if __name__ == "__main__":
    main()
