"""What differential privacy costs: error of effects of the attributes of morphomnist, and of images of morphodigits.

    CAUSALGEN_DATA=... python tests/timings/bench_privacy.py attributes --seeds 3 --epochs 10
    python tests/timings/bench_privacy.py image --epochs 16 [--model runs/morphodigits/model]

`attributes` fits thickness -> intensity on all 70,000 rows with and without privacy, with the same settings, and prints the
root mean square error of the effects of three fixed contrasts against the generator's, over contrasts and seeds. `image` fits
the default model of morphodigits, 10,000 rows, whose units are handwritings of several rows, and prints the mean absolute
difference of pixels to the true counterfactual under do(thickness) on validation rows, next to the factual image and to a
model that was fitted without. Test rows are not used.
"""

import argparse
import time
import warnings

import numpy as np
import torch

import causalgen as cg
from causalgen.datasets import Dataset
from causalgen.effects import implied_effect
from causalgen.scm import StructuralCausalModel, load
from causalgen.training import FitConfig, Privacy, Stage, fit

CONTRASTS = ((1.5, 2.0), (2.0, 3.0), (3.0, 4.0))
DRAWS = 200_000
SETTINGS = (2.0, 4.0)
"""Values of do(thickness)."""
UNITS = 150


def attributes(privacy: Privacy, epochs: int, seeds: int) -> None:
    data = cg.load("morphomnist")
    names, splits = ["thickness", "intensity"], ("train", "validation")
    parts = {split: {name: data.part(split)[name] for name in names} for split in splits}
    asked = {"treatment": "thickness", "outcome": "intensity"}
    true = np.array([data.truth.effect(**asked, contrast=contrast) for contrast in CONTRASTS])
    errors: dict[str, list[np.ndarray]] = {"without": [], "private": []}
    for seed in range(seeds):
        for word, used in (("without", None), ("private", privacy)):
            torch.manual_seed(seed)
            scm = StructuralCausalModel(data.graph.project(names))
            began = time.perf_counter()
            fit(scm, parts, FitConfig(attributes=Stage(epochs=epochs), seed=seed, threads=1, privacy=used))
            found = [implied_effect(scm, **asked, contrast=one, n=DRAWS, seed=seed).value for one in CONTRASTS]
            errors[word].append(np.array(found) - true)
            spent = "" if scm.privacy is None else f", {scm.privacy.sentences[0]} {scm.privacy.sentences[1]}"
            print(
                f"seed {seed}, {word}: {time.perf_counter() - began:.0f} s, errors {errors[word][-1].round(2)}{spent}",
                flush=True,
            )
    each = {word: np.sqrt(np.mean(np.square(found), axis=1)) for word, found in errors.items()}
    rms = {word: float(np.sqrt(np.mean(np.square(found)))) for word, found in errors.items()}
    for word in errors:
        print(f"{word}: RMS error {rms[word]:.2f} of effects {true.round(1)}; by seed {each[word].round(2)}")
    print(f"private over without: {rms['private'] / rms['without']:.2f}")


def apart(one: torch.Tensor, other: torch.Tensor) -> float:
    """Mean absolute difference of pixels, which may be stored as bytes."""
    return float((one.float() - other.float()).abs().mean())


def distance(scm: StructuralCausalModel, data: Dataset, rows: list) -> float:
    """Mean absolute difference to the true counterfactual, in grey levels."""
    factual = data.rows(rows)
    found = []
    for value in SETTINGS:
        with warnings.catch_warnings(action="ignore"):
            world = scm.counterfactual(factual, {"thickness": value}, seed=0)["image"]
        found.append(apart(world, data.truth.counterfactual(rows, {"thickness": value})["image"]))
    return float(np.mean(found))


def image(privacy: Privacy, epochs: int, batch: int, model: str | None) -> None:
    data = cg.load("morphodigits", rows=10_000)
    rows = list(data.frame("validation").index[:UNITS])
    factual = data.rows(rows)["image"]
    still = [apart(factual, data.truth.counterfactual(rows, {"thickness": v})["image"]) for v in SETTINGS]
    print(f"the factual image: {float(np.mean(still)):.2f} grey levels", flush=True)
    if model is not None:
        print(f"without privacy, {model}: {distance(load(model), data, rows):.2f}", flush=True)
    torch.manual_seed(0)
    scm = StructuralCausalModel(data.graph)
    settings = Stage(epochs=epochs, batch_size=batch, learning_rate=2e-3, ema=0.9)
    began = time.perf_counter()
    fit(scm, data, FitConfig(Stage(epochs=epochs, batch_size=batch), settings, threads=1, privacy=privacy))
    print(f"private: {distance(scm, data, rows):.2f}, fitted in {time.perf_counter() - began:.0f} s")
    print("\n".join(scm.privacy.sentences[:2]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("attributes", "image"))
    parser.add_argument("--epsilon", type=float, default=8.0)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--clip", type=float, default=1.0, help="max_grad_norm")
    parser.add_argument("--model")
    asked = parser.parse_args()
    if asked.what == "attributes":
        attributes(Privacy(asked.epsilon, max_grad_norm=asked.clip), asked.epochs, asked.seeds)
    else:
        image(Privacy(asked.epsilon, max_grad_norm=asked.clip), asked.epochs, asked.batch, asked.model)


if __name__ == "__main__":
    main()
