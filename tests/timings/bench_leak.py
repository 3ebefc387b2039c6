"""Noise leak of a VAE against the quality of its counterfactuals, by the option `independence`.

    python tests/timings/bench_leak.py --run runs/morphodigits
    python tests/timings/bench_leak.py [--mechanism conv-vae] [--strengths 0 0.5 1] [--free 20] [--seeds 0 1] [--rows 4000]
        [--width 24] [--epochs 14] [--batch 64] [--shift 1] [--units 400] [--split validation] [--out FILE.csv]

Trains the image of morphodigits for every strength and seed, or takes a finished run, and judges it on units of the validation
split. Prints, as mean [least, greatest] over the seeds:

- how well each parent is predicted from the abducted noise (R2, or accuracy), "mean": from the posterior mean, which `abduct`
  returns, "draw": from a draw of the posterior, as with particles; "linear": by the linear model of `causalgen evaluate`, with
  its chance under permuted noise, "kernel": by a kernel machine; "active": from latents whose mean varies by more than 0.2;
- L1 to the true counterfactual image as a share of what the factual image leaves, and of the null intervention in grey levels;
- error of thickness (px) and intensity on the counterfactual image, as measured on it;
- share of images that show the digit under do(digit), read by a kernel machine on pixels;
- shift of the mean thickness from coupling 1 to 0 (see `Ambiguity.shift`), and the rho down to which the image's claim holds;
- seconds of processor time a step.
"""

import argparse
import time
import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR
from torch import Tensor

import causalgen as cg
from causalgen.metrics import stroke_measures, to_bytes
from causalgen.metrics.cohort import Cohort
from causalgen.metrics.leak import noise_leak, predictability
from causalgen.scm import Posterior, StructuralCausalModel, load
from causalgen.training import FitConfig, Stage, fit

PARENTS = ("thickness", "intensity", "digit")
MEASURED = ("thickness", "intensity")
AMBIGUOUS = 40
ACTIVE = 0.2


def fitted(options: dict, data: cg.Dataset, stage: Stage, seed: int) -> tuple[StructuralCausalModel, float]:
    """The model, and the seconds of processor time that a step of its image took."""
    torch.manual_seed(seed)
    scm = StructuralCausalModel(data.graph, {"image": options})
    config = FitConfig(attributes=Stage(epochs=8), images=stage, device="cpu", seed=seed, threads=1)
    start = time.process_time()
    fit(scm, data, config)
    return scm, (time.process_time() - start) / (stage.epochs * (len(data.split["train"]) // stage.batch_size))


def leaks(posterior: Posterior, groups: NDArray, how: str) -> dict[str, float]:
    """How well each parent is predicted from the image's noise, by a linear model and by a kernel machine."""
    found = {}
    for result in noise_leak({"model": posterior}, groups, image="image"):
        name = result.metric.removeprefix("noise leak: ").split()[0]
        found[f"{name}, {how}, linear{'' if result.row == 'model' else ', chance'}"] = result.value
    noise = torch.cat([part.flatten(1) for part in posterior.noise["image"].values()], dim=1).double().numpy()
    for name in PARENTS:
        found[f"{name}, {how}, kernel"] = _kernel(posterior.factual[name], noise, groups, digit=name == "digit")
    return found


def leaks_of_active(posterior: Posterior, groups: NDArray) -> dict[str, float]:
    """`leaks` of the latents whose posterior mean varies, by the linear model, and what the others change in the image."""
    noise = posterior.noise["image"]
    active = {name: part.std(0) > ACTIVE for name, part in noise.items()}
    world = posterior.counterfactual({"digit": posterior.factual["digit"]})["image"]
    kept = {name: part * active[name] for name, part in noise.items()}
    without = posterior.scm.mechanisms["image"](kept, {name: posterior.factual[name] for name in PARENTS})
    flat = torch.cat([part[:, active[name]] for name, part in noise.items()], dim=1).double().numpy()
    found: dict[str, float] = {
        "latents, active": flat.shape[1],
        "latents": sum(part[0].numel() for part in noise.values()),
    }
    found["change of the image without inactive latents, L1"] = float((world - without).abs().mean())
    for name in PARENTS if flat.shape[1] else ():
        variable, parent = posterior.scm.graph[name], posterior.factual[name]
        found[f"{name}, active mean, linear"] = predictability(variable, flat, parent, groups, row="model").value
    return found


def _kernel(parent: Tensor, noise: NDArray, groups: NDArray, *, digit: bool) -> float:
    target = parent.numpy().astype(float)
    target = target if digit else (target - target.mean()) / target.std()
    learner = make_pipeline(StandardScaler(), SVC() if digit else SVR())
    predicted = cross_val_predict(learner, noise, target, cv=GroupKFold(5), groups=groups)
    return float((predicted == target).mean() if digit else 1 - np.square(target - predicted).mean())


def measured(scm: StructuralCausalModel, data: cg.Dataset, cohort: Cohort) -> dict[str, float]:
    """Quality of the counterfactual images of the cohort's units."""
    posterior, factual, found = cohort.posteriors["model"], cohort.factual, {}
    other = torch.randperm(len(cohort.rows), generator=torch.Generator().manual_seed(0))
    for name in MEASURED:
        do = {name: factual[name][other]}
        world, truth = posterior.counterfactual(do), data.truth.counterfactual(cohort.rows, do)
        left, identity = ((one["image"].float() - truth["image"].float()).abs().mean() for one in (world, factual))
        found[f"error left, do({name})"] = float(left / identity)
        shown = stroke_measures()[name](to_bytes(world["image"]))
        found[f"{name} on the image, MAE"] = float(np.nanmean(np.abs(shown - do[name].numpy())))
    again = posterior.counterfactual({"digit": factual["digit"]})["image"]
    found["composition, L1"] = float((again - factual["image"].float()).abs().mean())
    train = data.rows(data.split["train"][:1500])
    reader = SVC(C=5).fit(train["image"].flatten(1).float().numpy() / 255, train["digit"].numpy())
    swapped = posterior.counterfactual({"digit": factual["digit"][other]})["image"]
    found["digit shown, do(digit)"] = reader.score(swapped.flatten(1).numpy() / 255, factual["digit"][other].numpy())
    few = scm.abduct(data.rows(cohort.rows[:AMBIGUOUS]), seed=0)
    thickness = stroke_measures()["thickness"]
    claims = {"thickness": lambda image: thickness(to_bytes(image)), "image": "image"}
    ambiguity = few.ambiguity({"thickness": 3.2}, claims, couplings=(1.0, 0.9, 0.5, 0.0), draws=10, seed=0)
    shift, error = ambiguity.shift("thickness")
    return found | {
        "shift of mean thickness, px": shift,
        "shift of mean thickness, standard errors": shift / error if error else np.nan,
        "image holds down to rho": ambiguity.tipping_rho("image"),
    }


@torch.no_grad()
def judged(scm: StructuralCausalModel, data: cg.Dataset, split: str, units: int) -> dict[str, float]:
    """All figures of a fitted model on units of a split."""
    cohort = Cohort({"model": scm}, data, data.split[split][:units], "image")
    drawn = scm.abduct(cohort.factual, particles=1, seed=0)
    return {
        **leaks(cohort.posteriors["model"], cohort.groups, "mean"),
        **leaks(drawn, cohort.groups, "draw"),
        **leaks_of_active(cohort.posteriors["model"], cohort.groups),
        **measured(scm, data, cohort),
    }


def main() -> None:
    """Print one column for each strength."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--run", default="")
    parser.add_argument("--mechanism", default="conv-vae")
    parser.add_argument("--strengths", type=float, nargs="+", default=[0.0, 0.5, 1.0])
    parser.add_argument("--free", type=float, nargs="+", default=[20.0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--rows", type=int, default=4000)
    parser.add_argument("--width", type=int, default=24)
    parser.add_argument("--epochs", type=int, default=14)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--shift", type=int, default=1)
    parser.add_argument("--units", type=int, default=400)
    parser.add_argument("--split", choices=("validation", "test"), default="validation")
    parser.add_argument("--out", default="")
    given = parser.parse_args()
    if given.run:
        found = judged(load(f"{given.run}/model"), cg.load("morphodigits"), given.split, given.units)
        print("\n".join(f"{name:55} {value:.3g}" for name, value in found.items()))
        return
    data = cg.load("morphodigits", rows=given.rows)
    default = FitConfig().images
    stage = replace(default, epochs=given.epochs, batch_size=given.batch, shift=given.shift, patience=given.epochs)
    rows = []
    for free in given.free:
        for strength in given.strengths:
            for seed in given.seeds:
                options = {"independence": strength, "free": free, "width": given.width}
                scm, seconds = fitted({"mechanism": given.mechanism, **options}, data, stage, seed)
                found = {**judged(scm, data, given.split, given.units), "seconds a step": seconds}
                setting = {"free": free, "independence": strength, "seed": seed}
                rows += [{**setting, "figure": name, "value": value} for name, value in found.items()]
                if given.out:
                    pd.DataFrame(rows).to_csv(given.out, index=False, float_format="%.4g")
    grouped = pd.DataFrame(rows).groupby(["figure", "free", "independence"], sort=False)["value"]
    table = grouped.agg(["mean", "min", "max"])
    text = table.apply(lambda r: f"{r['mean']:.3g} [{r['min']:.3g}, {r['max']:.3g}]", axis=1)
    print(text.unstack(["free", "independence"]).to_string())


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
