"""How well a fitted run restores damaged images, next to what needs no model.

    python tests/timings/bench_restoration.py RUN [UNITS] [--only hidden] [--unknown] [--sigma 50] [--particles 50]
    python tests/timings/bench_restoration.py pretrained:morphomnist 60 --study examples/morphomnist/study.yaml

RUN is a finished run with one image, or a saved model; --study names the data of a saved model. The pictures are test units
with a quarter of their pixels hidden (a rectangle, or scattered ones), with noise, or at half the size; for each, PSNR (dB)
and SSIM of the restored images and of biharmonic inpainting, total-variation denoising and bicubic interpolation, and how
often the 90 % intervals of the pixels hold the true ones. The attributes are given; with --unknown all are inferred. The
weight of total variation is chosen on validation rows.
"""

import argparse
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy.interpolate import griddata
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from skimage.restoration import denoise_tv_chambolle, inpaint_biharmonic
from skimage.transform import rescale, resize

from causalgen.graph import Variable
from causalgen.reports.restoration_plot import interval
from causalgen.scm import Damage, restore
from causalgen.studies.asking import fitted_data, fitted_model
from causalgen.studies.saved_model import read_asked
from causalgen.studies.schema import load_study
from causalgen.studies.sources import load_data

WEIGHTS = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8)
LEVEL = 0.9
VALIDATION = 30
AT_ONCE = 10
Images = np.ndarray
"""`(N, H, W, C)` in [0, 1]."""


def quality(images: Images, truth: Images) -> tuple[float, float]:
    """Mean PSNR and SSIM."""
    pairs = list(zip(images, truth))
    psnr = [peak_signal_noise_ratio(b, a, data_range=1) for a, b in pairs if not np.array_equal(a, b)]
    ssim = [structural_similarity(b, a, data_range=1, channel_axis=-1) for a, b in pairs]
    return float(np.mean(psnr)), float(np.mean(ssim))


def cubic(image: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """Hidden pixels by cubic interpolation between the others, the nearest one at the edge."""
    places, wanted = np.argwhere(~hidden), np.argwhere(hidden)
    filled = image.copy()
    for channel in range(image.shape[-1]):
        values = image[..., channel][~hidden]
        found = griddata(places, values, wanted, method="cubic")
        filled[..., channel][hidden] = np.where(np.isnan(found), griddata(places, values, wanted, "nearest"), found)
    return filled.clip(0, 1)


def with_variation(images: Images, truth: Images, tried: Callable[[Images, float], Images]) -> float:
    """The weight of total variation with the best PSNR on validation images."""
    return max(WEIGHTS, key=lambda weight: quality(tried(images, weight), truth)[0])


def variation(images: Images, weight: float) -> Images:
    return np.stack([denoise_tv_chambolle(image, weight=weight, channel_axis=-1) for image in images])


def through_half(images: Images) -> Images:
    """Bicubic interpolation of the image at half its size."""
    shape = images.shape[1:]
    return np.stack(
        [resize(rescale(i, 0.5, order=3, anti_aliasing=True, channel_axis=-1), shape, order=3) for i in images]
    ).clip(0, 1)


def inpainting(seen: Images, hidden: np.ndarray, validation: tuple[Images, Images]) -> dict[str, Images]:
    def by_variation(images: Images, weight: float) -> Images:
        # Total variation, again and again with the seen pixels put back.
        filled = np.stack([inpaint_biharmonic(i, hidden, channel_axis=-1) for i in images]).clip(0, 1)
        for _ in range(10):
            filled[:, hidden] = variation(filled, weight)[:, hidden]
        return filled

    weight = with_variation(*validation, by_variation)
    return {
        "biharmonic": np.stack([inpaint_biharmonic(i, hidden, channel_axis=-1) for i in seen]).clip(0, 1),
        f"total variation {weight}": by_variation(seen, weight),
        "bicubic": np.stack([cubic(i, hidden) for i in seen]),
    }


def denoising(seen: Images, validation: tuple[Images, Images]) -> dict[str, Images]:
    weight = with_variation(*validation, variation)
    return {f"total variation {weight}": variation(seen, weight), "bicubic": through_half(seen)}


def enlarging(seen: Images, shape: tuple[int, ...], validation: tuple[Images, Images]) -> dict[str, Images]:
    def enlarged(images: Images, order: int) -> Images:
        return np.stack([resize(i, shape, order=order) for i in images]).clip(0, 1)

    def sharpened(images: Images, weight: float) -> Images:
        return variation(enlarged(images, 3), weight)

    weight = with_variation(*validation, sharpened)
    return {"bicubic": enlarged(seen, 3), f"total variation {weight}": sharpened(seen, weight)}


def coverage(draws: torch.Tensor, truth: torch.Tensor, counted: torch.Tensor) -> tuple[float, float, float]:
    """Share of the true pixels inside their central interval, of all and of those that are not black; and by rank, ties at
    random, so that pixels that are exactly black in every draw do not count as held by luck."""
    low, high = map(torch.from_numpy, interval(draws, LEVEL))
    held = ((low <= truth) & (truth <= high))[counted].float()
    below, equal = (draws < truth).float().mean(0), (draws == truth).float().mean(0)
    rank = (below + torch.rand_like(below) * equal)[counted]
    ranked = ((rank >= (1 - LEVEL) / 2) & (rank <= (1 + LEVEL) / 2)).float()
    ink = truth[counted] > 0
    return float(held.mean()), float(held[ink].mean()), float(ranked.mean())


def pictures(images: torch.Tensor) -> Images:
    return images.double().permute(0, 2, 3, 1).numpy() / 255


def cases(shape: tuple[int, ...], sigma: float, random: np.random.Generator) -> dict[str, Damage]:
    _, height, width = shape
    box = np.zeros((height, width), dtype=bool)
    box[height // 4 : height // 4 + height // 2, width // 4 : width // 4 + width // 2] = True
    return {
        "rectangle hidden": Damage(mask=box),
        "scattered pixels hidden": Damage(mask=random.random((height, width)) < 0.25),
        f"noise {sigma:g}": Damage(noise=sigma),
        "half the size": Damage(downsample=2),
    }


def damaged(images: torch.Tensor, damage: Damage, seed: int) -> torch.Tensor:
    """Pictures of 8 bits."""
    images = images.float()
    if damage.mask is not None:
        images = torch.where(torch.from_numpy(damage.mask), 0.0, images)
    if damage.downsample > 1:
        images = torch.nn.functional.avg_pool2d(images, damage.downsample)
    if damage.noise:
        images = images + damage.noise * torch.randn(images.shape, generator=torch.Generator().manual_seed(seed))
    return images.round().clamp(0, 255)


def judge(
    scm: Any, damage: Damage, units: Mapping[str, Any], few: torch.Tensor, given: Mapping[str, Any], particles: int
) -> None:
    """Print how well the images of some units are restored; `few` are validation images."""
    node = scm.graph.images[0]
    truth = units[node].float()
    seen, before = damaged(truth, damage, 1), damaged(few, damage, 2)
    counted = torch.ones_like(truth, dtype=torch.bool)
    validation = (pictures(before), pictures(few.float()))
    if damage.mask is not None:
        others = inpainting(pictures(seen), damage.mask, validation)
        counted = torch.from_numpy(damage.mask).expand(truth.shape)
    elif damage.noise:
        others = {"as it is": pictures(seen), **denoising(pictures(seen), validation)}
    else:
        others = enlarging(pictures(seen), pictures(truth).shape[1:], validation)
    start = time.perf_counter()
    draws, inferred = restored(scm, seen, damage, given, particles)
    print(f"  {(time.perf_counter() - start) / len(truth):.2f} s a unit")
    for other, images in {"causalgen": pictures(draws.mean(0)), **others}.items():
        print("  {:20s} PSNR {:.2f}  SSIM {:.3f}".format(other, *quality(images, pictures(truth))))
    torch.manual_seed(0)
    held = coverage(draws, truth, counted)
    print("  90 % intervals hold {:.3f} of the pixels, {:.3f} of those not black, {:.3f} by rank".format(*held))
    for name, rows in inferred.groupby("variable", sort=False):
        print(f"  {name} {error(scm.graph[str(name)], rows, units[str(name)])}", flush=True)


def restored(
    scm: Any, seen: torch.Tensor, damage: Damage, given: Mapping[str, Any], particles: int
) -> tuple[torch.Tensor, pd.DataFrame]:
    """Draws of the images `(k, B, C, H, W)`, and what was inferred of the attributes; few units at a time."""
    node, draws, tables = scm.graph.images[0], [], []
    for start in range(0, len(seen), AT_ONCE):
        few = slice(start, start + AT_ONCE)
        known = {name: values[few] for name, values in given.items()} | {node: seen[few]}
        posterior = restore(scm, known, damage, particles=particles, seed=0)
        draws.append(posterior.completed.by_particle()[node])
        tables.append(posterior.inferred())
    return torch.cat(draws, dim=1), pd.concat(tables)


def error(variable: Variable, rows: pd.DataFrame, truth: torch.Tensor) -> str:
    """How well an attribute was inferred."""
    if variable.is_discrete:
        right = [label == variable.decode(int(code)) for label, code in zip(rows["value"], truth)]
        return f"right {np.mean(right):.2f}"
    off = np.abs(rows["value"].to_numpy(float) - truth.numpy()).mean()
    return f"MAE {off:.3f}, standard deviation of the truth {float(truth.std()):.3f}"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("run", help="a run folder, a model folder or pretrained:NAME")
    parser.add_argument("units", type=int, nargs="?", default=100)
    parser.add_argument("--only", default="", help="damages whose name holds this")
    parser.add_argument("--study", type=Path, help="study whose data a saved model was trained on")
    parser.add_argument("--unknown", action="store_true")
    parser.add_argument("--sigma", type=float, default=50.0)
    parser.add_argument("--particles", type=int, default=50)
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    run = read_asked(asked.run)
    scm = fitted_model(run)
    data = fitted_data(run, scm) if asked.study is None else load_data(load_study(asked.study).data)
    node = scm.graph.images[0]
    units = dict(data.rows(list(data.split["test"][: asked.units])))
    few = data.rows(list(data.split["validation"][:VALIDATION]))[node]
    given = {} if asked.unknown else {name: units[name] for name in scm.graph.attributes}
    for name, damage in cases(scm.graph[node].shape, asked.sigma, np.random.default_rng(0)).items():
        if asked.only in name:
            print(f"{name}, {len(units[node])} test units", flush=True)
            judge(scm, damage, units, few, given, asked.particles)


if __name__ == "__main__":
    main()
