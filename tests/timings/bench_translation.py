"""Unpaired translation between the pens of morphodigits, where the true picture is known, next to a CycleGAN.

    python tests/timings/bench_translation.py RUN [--seed 0] [--epochs 8] [--units 500] [--mechanism conv-vae]

Each base digit keeps the training rows of one pen only, chosen by a coin, so that no digit is seen with both pens. The model
`pen -> image` learns from the images and their pens, as the CycleGAN does, which trains for as many seconds of processor time.
RUN is a finished run of examples/morphodigits/study.yaml: its classifier says whether the digit was kept, and its model, which
knows all attributes and was trained on all rows, has a line too. Test units only; intervals resample base digits.
"""

import argparse
import time
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from cyclegan import CycleGAN
from skimage.exposure import match_histograms
from torch import Tensor

import causalgen as cg
from causalgen.graph import CausalGraph
from causalgen.predictors import AttributePredictor
from causalgen.scm import StructuralCausalModel
from causalgen.studies.asking import fitted_model
from causalgen.studies.readers import readers_of
from causalgen.studies.runfolder import read_run
from causalgen.training import FitConfig, Stage, fit

REFERENCES = 500
"""Training images of a pen that histogram matching takes as its reference."""
Splits = dict[str, dict[str, Tensor]]


def unpaired(data: cg.Dataset, seed: int) -> Splits:
    """Training and validation rows, of each base digit those with one pen only."""
    generator = torch.Generator().manual_seed(seed)
    coin = torch.randint(2, (int(data.group.max()) + 1,), generator=generator)
    parts = {}
    for split in ("train", "validation"):
        rows = data.split[split]
        kept = rows[data.values["pen"][rows] == coin[data.group[rows]]]
        parts[split] = dict(data.rows(kept))
    return parts


def fitted(
    mechanism: str, data: cg.Dataset, parts: Splits, epochs: int, seed: int
) -> tuple[StructuralCausalModel, float]:
    """The trained model `pen -> image`, and the seconds of processor time that its training took."""
    torch.manual_seed(seed)
    graph = CausalGraph("pen -> image", [data.graph["pen"], data.graph["image"]])
    scm = StructuralCausalModel(graph, {"image": mechanism})
    images = Stage(epochs=epochs, batch_size=64, learning_rate=2e-3, ema=0.995, patience=epochs, shift=1)
    start = time.process_time()
    fit(scm, parts, FitConfig(images=images, device="cpu", seed=seed))
    return scm, time.process_time() - start


def matched(images: Tensor, pens: Tensor, train: Mapping[str, Tensor]) -> Tensor:
    """Every image with the histogram of the ink of the given pen in training images (scikit-image).

    The ground, which is exactly 0, is left out: matched too, it would turn grey under a pen with more ink.
    """
    drawn = images.double().numpy()
    references = [train["image"][train["pen"] == pen][:REFERENCES].double().numpy() for pen in (0, 1)]
    for one, pen in zip(drawn, pens):
        reference = references[int(pen)]
        one[one > 0] = match_histograms(one[one > 0], reference[reference > 0])
    return torch.from_numpy(drawn)


def interval(values: np.ndarray, whole: np.ndarray, groups: np.ndarray) -> str:
    """Ratio of means with a 95 % interval over resampled groups."""
    rng, labels = np.random.default_rng(0), np.unique(groups)
    sums = np.stack([[part[groups == label].sum() for label in labels] for part in (values, whole)])
    drawn = sums[:, rng.integers(len(labels), size=(1000, len(labels)))].sum(2)
    low, high = np.quantile(drawn[0] / drawn[1], [0.025, 0.975])
    return f"{values.sum() / whole.sum():.3f} [{low:.3f}, {high:.3f}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--units", type=int, default=500)
    parser.add_argument("--mechanism", default="conv-vae")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    run = read_run(asked.run)
    data = cg.load("morphodigits")
    parts = unpaired(data, asked.seed)
    train = parts["train"]
    alone, seconds = fitted(asked.mechanism, data, parts, asked.epochs, asked.seed)
    torch.manual_seed(asked.seed)
    gan = CycleGAN()
    steps = gan.fit([train["image"][train["pen"] == pen] for pen in (0, 1)], seconds)

    rows = list(data.split["test"][: asked.units])
    units = dict(data.rows(rows))
    pens = 1 - units["pen"]
    truth = data.truth.counterfactual(rows, {"pen": pens})["image"].double()
    drawn = {"identity control": units["image"]}
    for name, scm in {"pen -> image": alone, "RUN, all attributes": fitted_model(run)}.items():
        known = {node: units[node] for node in scm.graph.nodes}
        drawn[name] = scm.counterfactual(known, {"pen": pens})["image"]
    drawn["CycleGAN"] = torch.stack([gan.translate(one[None], int(pen))[0] for one, pen in zip(units["image"], pens)])
    drawn["histogram matching"] = matched(units["image"], pens, train)
    classifier = readers_of(run, data.graph, "image").trained["digit"]
    report(drawn, truth, units["digit"], data.groups(rows).numpy(), classifier)
    print(f"seed {asked.seed}: {asked.epochs} epochs of {len(train['pen'])} images, {steps} steps of the CycleGAN")
    for name, network in {asked.mechanism: alone.mechanisms["image"], "CycleGAN": gan}.items():
        print(f"{name}: {sum(p.numel() for p in network.parameters()):,} parameters, {seconds:.0f} s of processor time")


def report(
    drawn: Mapping[str, Tensor], truth: Tensor, digits: Tensor, groups: np.ndarray, classifier: AttributePredictor
) -> None:
    """L1 to the true picture as a share of the identity control's, and the share of digits kept."""
    errors = {name: (image.double() - truth).abs().flatten(1).mean(1).numpy() for name, image in drawn.items()}
    print(f"{'':>20}  {'L1':>6}  {'share of identity':>22}  digit kept")
    for name, image in {**drawn, "truth": truth}.items():
        kept = float((classifier.predict(image.float()) == digits).float().mean())
        if name in errors:
            share = interval(errors[name], errors["identity control"], groups)
            print(f"{name:>20}  {errors[name].mean():6.2f}  {share:>22}  {kept:.3f}")
        else:
            print(f"{name:>20}  {'':6}  {'':22}  {kept:.3f}")


if __name__ == "__main__":
    main()
