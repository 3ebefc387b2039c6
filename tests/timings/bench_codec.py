"""Flow matching on the map of a codec against flow matching on the pixels, both trained alike on pendulums.

python tests/timings/bench_codec.py [--size 128] [--rows 400] [--epochs 16] [--width 32] [--factor 4] [--seed 0]

The attributes are given, so that only the image mechanism answers: units get the light and the angle of other units, and the
shadow that these cast. "Error left" is L1 to the true counterfactual image as a share of what giving back the factual image
leaves; the codec's is that of the true image through the codec alone. Times are of the processor, one thread, validation
included.
"""

import argparse
import resource
import time

import numpy as np
import torch

from causalgen.datasets.pendulum.equations import draw_noise
from causalgen.datasets.pendulum.truth import PendulumTruth
from causalgen.datasets.resources import load_graph
from causalgen.graph import CausalGraph
from causalgen.mechanisms import Abductive, Mechanism
from causalgen.mechanisms.latent_image import LatentImage
from causalgen.scm import StructuralCausalModel
from causalgen.training import FitConfig, Stage, fit

UNITS = 48


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in {"size": 128, "rows": 400, "epochs": 16, "width": 32, "factor": 4, "seed": 0}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    flow = {"mechanism": "flow-matching", "width": arguments.width}
    latent = {"mechanism": "latent", "inner": flow, "codec": {"factor": arguments.factor, "width": arguments.width}}
    seconds = {name: measure(name, given, arguments) for name, given in (("pixels", flow), ("latent", latent))}
    print(f"time for an image, map / pixels: {seconds['latent'][0] / seconds['pixels'][0]:.2f}", end="; ")
    print(f"with the training of the codec: {sum(seconds['latent']) / seconds['pixels'][0]:.2f}")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB")


def measure(name: str, given: dict[str, object], arguments: argparse.Namespace) -> tuple[float, float]:
    """Train and ask one mechanism; milliseconds per image and epoch, of the mechanism and of its codec."""
    truth, values = scenes(arguments)
    graph = CausalGraph(f"{{{', '.join(truth.graph.parents('image'))}}} -> image", list(truth.graph.variables.values()))
    torch.manual_seed(arguments.seed)
    roots = dict.fromkeys(graph.parents("image"), "empirical")
    scm = StructuralCausalModel(graph, {**roots, "image": given})
    held_out = {key: value[-UNITS:] for key, value in values.items()}
    train = {key: value[: arguments.rows] for key, value in values.items()}
    epochs: list[float] = []

    def clock(node: str, epoch: int, mechanism: Mechanism) -> None:
        epochs.append(time.process_time())

    images = Stage(epochs=arguments.epochs, batch_size=16, learning_rate=3e-3, patience=arguments.epochs)
    began = time.process_time()
    config = FitConfig(images=images, device="cpu", precision="32-true", seed=arguments.seed, threads=1)
    fit(scm, {"train": train, "validation": held_out}, config, on_epoch=clock)
    each = float(np.median(np.diff(epochs)))
    before = max(0.0, epochs[0] - began - each) if name == "latent" else 0.0
    own, coded = errors(scm.mechanisms["image"], truth, held_out, arguments)
    factor = 1e3 / arguments.rows
    times = each * factor, before / arguments.epochs * factor
    print(f"{name}: {times[0]:.1f} ms per image, codec {times[1]:.1f}; error left {own:.3f}", end="")
    print(f", of the codec alone {coded:.3f}" if coded is not None else "", flush=True)
    return times


def scenes(arguments: argparse.Namespace) -> tuple[PendulumTruth, dict[str, torch.Tensor]]:
    count = arguments.rows + UNITS
    noise = draw_noise(count, np.random.default_rng([0, arguments.seed]), None)
    truth = PendulumTruth(load_graph("pendulum", size=arguments.size), noise, None)
    rows = torch.arange(count)
    return truth, truth.attributes(rows, {}) | {"image": torch.as_tensor(truth.draw(rows, {}))}


@torch.no_grad()
def errors(
    mechanism: Mechanism, truth: PendulumTruth, factual: dict[str, torch.Tensor], arguments: argparse.Namespace
) -> tuple[float, float | None]:
    """Error left of the mechanism, and of its codec, if it has one."""
    assert isinstance(mechanism, Abductive)
    rows = torch.arange(arguments.rows, arguments.rows + UNITS)
    do = {name: factual[name].flip(0) for name in ("light", "angle")}
    wanted = truth.attributes(rows, do)
    real, true = factual["image"].float(), torch.as_tensor(truth.draw(rows, do)).float()
    parents, others = ({name: values[name] for name in mechanism.parents} for values in (factual, wanted))
    answer = mechanism(mechanism.abduct(real, parents), others)
    left = float((real - true).abs().mean())
    coded = mechanism.reconstruct(true) if isinstance(mechanism, LatentImage) else None
    return float((answer - true).abs().mean()) / left, None if coded is None else float(
        (coded - true).abs().mean()
    ) / left


if __name__ == "__main__":
    main()
