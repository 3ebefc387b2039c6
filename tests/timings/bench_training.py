"""Training speed of the convolutional VAE: 32 bits against bfloat16, interleaved in one run.

python tests/timings/bench_training.py [--rounds 5] [--steps 10] [--threads 2]
"""

import argparse
import resource
import statistics
import time
from dataclasses import replace

import torch

from causalgen.graph import Variable
from causalgen.mechanisms import ConvVAE
from causalgen.training import FitConfig
from causalgen.training.fabric import fabric_for
from causalgen.training.stage import NodeTrainer

BATCH = 128


def trainer(precision: str) -> NodeTrainer:
    torch.manual_seed(0)
    vae = ConvVAE(Variable("image", "image", shape=(1, 28, 28)), {"age": Variable("age", "continuous")})
    config = FitConfig(device="cpu")
    fabric = fabric_for(replace(config, precision=precision), image=True)
    return NodeTrainer("image", vae, replace(config.images, batch_size=BATCH), 1000, fabric)


def milliseconds(trainer: NodeTrainer, batch: dict[str, torch.Tensor], steps: int) -> float:
    """Milliseconds an image over `steps` steps."""
    began = time.perf_counter()
    for _ in range(steps):
        trainer.train_batch(batch)
    return (time.perf_counter() - began) / steps / BATCH * 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    batch = {"image": torch.randint(0, 256, (BATCH, 1, 28, 28)).float(), "age": torch.randn(BATCH)}
    trainers = {precision: trainer(precision) for precision in ("32-true", "bf16-mixed")}
    times: dict[str, list[float]] = {precision: [] for precision in trainers}
    for each in trainers.values():
        milliseconds(each, batch, 3)  # warm-up
    for _ in range(arguments.rounds):
        for precision, each in trainers.items():
            times[precision].append(milliseconds(each, batch, arguments.steps))
    for precision, values in times.items():
        low, high = min(values), max(values)
        print(f"{precision:>10}: {statistics.median(values):.3f} ms an image [{low:.3f}, {high:.3f}]")
    ratios = [a / b for a, b in zip(times["32-true"], times["bf16-mixed"])]
    print(f"32-true / bf16-mixed: {statistics.median(ratios):.2f} [{min(ratios):.2f}, {max(ratios):.2f}]")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB, {arguments.threads} threads")


if __name__ == "__main__":
    main()
