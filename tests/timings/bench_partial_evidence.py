"""What a fitted run infers of units with missing values, and how well it transfers a style, where the truth is known.

    python tests/timings/bench_partial_evidence.py RUN [UNITS]
    python tests/timings/bench_partial_evidence.py RUN UNITS --certainty

RUN is a finished run on data with a known generator, such as that of examples/morphodigits/study.yaml. Test units only. With
`--certainty`: how often intervals and labels are right, with the fitted temperatures and at face value, on the last UNITS test
units; any run with an image of which attributes are the causes.
"""

import sys
import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from skimage.exposure import match_histograms
from torch import Tensor

from causalgen.metrics import transfer_report
from causalgen.scm import Posterior, StructuralCausalModel
from causalgen.studies.asking import fitted_data, fitted_model
from causalgen.studies.model_on_data import true_counterfactual
from causalgen.studies.readers import RunReaders, readers_of
from causalgen.studies.runfolder import read_run

PARTICLES, DRAWS = 50, 100
DO = {"thickness": 3.2}
STYLE = ["pen", "thickness"]


def error(images: Tensor, truth: Tensor) -> Tensor:
    """L1 distance to the true images, `(B,)`."""
    return (images.float() - truth.float()).abs().flatten(1).mean(1)


def inferred(posterior: Posterior, units: Mapping[str, Tensor]) -> str:
    """Errors and coverage of what was inferred."""
    found, parts = posterior.inferred(), []
    for name, rows in found.groupby("variable", sort=False):
        variable = posterior.scm.graph[str(name)]
        if variable.is_discrete:
            right = [label == variable.decode(int(code)) for label, code in zip(rows["value"], units[str(name)])]
            parts.append(f"{name} right {np.mean(right):.2f}")
        else:
            true = units[str(name)].numpy()
            held = ((rows["low"] <= true) & (true <= rows["high"])).mean()
            mean = np.abs(rows["value"].to_numpy(float) - true).mean()
            parts.append(f"{name} MAE {mean:.3f}, 95 % interval holds {held:.2f}")
    return "; ".join(parts)


def partial(scm: StructuralCausalModel, units: Mapping[str, Tensor], truth: Mapping[str, Any]) -> None:
    """Inferred values and counterfactuals, by what is known."""
    whole = error(units["image"], truth["image"]).mean()
    for known in (list(units), ["image"], ["image", "digit"], [n for n in units if n != "thickness"]):
        start = time.perf_counter()
        posterior = scm.abduct({name: units[name] for name in known}, particles=PARTICLES, seed=0)
        image = posterior.counterfactual(DO)["image"].mean(0)
        seconds = time.perf_counter() - start
        print(
            f"known {', '.join(known)}: error left {float(error(image, truth['image']).mean() / whole):.3f}, {seconds:.0f} s"
        )
        if posterior.completed is not None:
            print(
                f"  {inferred(posterior, units)}; least effective size {float(posterior.completed.effective.min()):.0f}"
            )


def certainty(scm: StructuralCausalModel, units: Mapping[str, Tensor], image: str) -> None:
    """Intervals, labels and effective sample sizes where the image alone is known, and where one of its causes is missing."""
    causes = [name for name in scm.graph.parents(image) if not scm.graph[name].is_image]
    fitted = scm.tempering
    print(fitted.sentence if fitted else "not calibrated")
    for known in ([image], *([name for name in units if name != cause] for cause in causes)):
        for tempering in (fitted, None) if fitted else (None,):
            scm.tempering = tempering
            start = time.process_time()
            parts = [
                scm.abduct({name: units[name][i : i + 50] for name in known}, particles=DRAWS, seed=0)
                for i in range(0, len(units[image]), 50)
            ]
            seconds = (time.process_time() - start) / len(units[image])
            size = torch.cat([part.completed.effective for part in parts])  # type: ignore[union-attr]
            print(
                f"known {', '.join(known)}, {'tempered' if tempering else 'at face value'}: effective size median "
                f"{size.median():.0f}, below 2 in {(size < 2).float().mean():.2f}; {seconds:.2f} CPU s per unit"
            )
            for name in (other for other in scm.graph.attributes if other not in known):
                draws = torch.cat([part.completed.by_particle()[name] for part in parts], dim=1)  # type: ignore[union-attr]
                print(f"  {name}: {certain(draws, units[name], scm.graph[name].labels)}", flush=True)


def certain(draws: Tensor, true: Tensor, labels: Any) -> str:
    """How sure draws `(k, B)` are, and how often they are right."""
    if labels:
        share = torch.stack([(draws == code).double().mean(0) for code in range(len(labels))])
        most, code = share.max(0)
        log = (0.99 * share.gather(0, true[None])[0] + 0.01 / len(labels)).log()
        return f"right {(code == true).double().mean():.3f}, sure {most.mean():.3f}, log score {log.mean():.3f}"
    parts = [f"MAE {(draws.mean(0) - true).abs().mean():.4f}"]
    for level in (0.9, 0.95):
        low, high = draws.quantile((1 - level) / 2, dim=0), draws.quantile((1 + level) / 2, dim=0)
        held = ((low <= true) & (true <= high)).double().mean()
        parts.append(f"{level:.0%} intervals hold {held:.3f}, length {(high - low).mean():.3f}")
    return "; ".join(parts)


def styles(
    scm: StructuralCausalModel, units: dict[str, Tensor], data: Any, rows: list[Any], readers: RunReaders
) -> None:
    """Transfer of pen and thickness of another unit, next to two controls, and what the images show."""
    order = np.random.default_rng(0).permutation(len(rows))
    style = {name: tensor[order] for name, tensor in units.items()}
    posterior = scm.abduct(units)
    result = posterior.transfer(style, STYLE)
    truth = true_counterfactual(data, rows, result.do)
    assert truth is not None
    matched, inked = units["image"].double().numpy(), units["image"].double().numpy()
    for one, ink, other in zip(matched, inked, style["image"].double().numpy()):
        one[:] = match_histograms(one, other)
        ink[ink > 0] = match_histograms(ink[ink > 0], other[other > 0])
    everything = [name for name in scm.graph.attributes if name != "digit"]
    whole = error(units["image"], truth["image"]).mean()
    for name, images in {
        "transfer": result["image"],
        "all attributes but the digit": posterior.transfer(style, everything)["image"],
        "histogram matching": torch.from_numpy(matched),
        "histogram matching of the ink": torch.from_numpy(inked),
    }.items():
        print(f"{name}: error left {float(error(images, truth['image']).mean() / whole):.3f}")
    report = transfer_report(posterior, scm.abduct(style), STYLE, readers.measure, readers.trained)
    print(report.round(3).to_string(index=False))


def main() -> None:
    warnings.simplefilter("ignore")
    run = read_run(Path(sys.argv[1]))
    scm = fitted_model(run)
    data = fitted_data(run, scm)
    if "--certainty" in sys.argv:
        certainty(scm, dict(data.rows(data.split["test"][-int(sys.argv[2]) :])), scm.graph.images[0])
        return
    rows = list(data.split["test"][: int(sys.argv[2]) if len(sys.argv) > 2 else 80])
    units = dict(data.rows(rows))
    truth = true_counterfactual(data, rows, DO)
    assert truth is not None
    partial(scm, units, truth)
    styles(scm, units, data, rows, readers_of(run, scm.graph, "image"))


if __name__ == "__main__":
    main()
