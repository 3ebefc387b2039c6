"""Time and memory of a training step for each image mechanism, by the size of the picture.

python tests/timings/bench_sizes.py [--sizes 28 64 96 128] [--mechanisms conv-vae latent] [--batch 16] [--checkpointing]

Every cell runs in a new process, so that its peak memory is measured alone. "per pixel" is the time for one pixel
relative to that at the smallest size: 1 where the cost is linear in pixels. The latent mechanism is timed twice: its codec, and
flow matching on the map.
"""

import argparse
import math
import multiprocessing
import resource
import statistics
import time
from dataclasses import replace
from typing import Any

import torch

from causalgen.graph import Variable
from causalgen.mechanisms import build
from causalgen.mechanisms.catalog import words_for
from causalgen.training import FitConfig
from causalgen.training.fabric import fabric_for
from causalgen.training.stage import NodeTrainer

AGE = Variable("age", "continuous")
CODEC = "latent: codec"


def trainer_of(word: str, side: int, arguments: argparse.Namespace) -> NodeTrainer:
    torch.manual_seed(0)
    image = Variable("image", "image", shape=(arguments.channels, side, side))
    mechanism = build("latent" if word == CODEC else word, image, {"age": AGE})
    mechanism.initialize(torch.zeros(2, *image.shape), {"age": torch.tensor([0.0, 1.0])})
    learning = mechanism
    for part in mechanism.trained_before.values():
        learning = part if word == CODEC else learning
        part.declare_fitted()
    config = FitConfig(device="cpu", precision="32-true")
    stage = replace(config.images, batch_size=arguments.batch, checkpointing=arguments.checkpointing)
    return NodeTrainer("image", learning.train(), stage, 1000, fabric_for(config, image=True))


def measure(word: str, side: int, arguments: argparse.Namespace, results: Any) -> None:
    """Milliseconds per image of each round, and the MiB that training took beyond what was in use before."""
    torch.set_num_threads(arguments.threads)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    trainer = trainer_of(word, side, arguments)
    shape = (arguments.batch, arguments.channels, side, side)
    batch = {"image": torch.randint(0, 256, shape).float(), "age": torch.randn(arguments.batch)}
    times = []
    for _ in range(arguments.rounds + 1):
        began = time.process_time()  # of this process: others share the processor
        trainer.train_batch(batch)
        times.append((time.process_time() - began) / arguments.batch * 1e3)
    results.put((times[1:], (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[28, 64, 96, 128])
    parser.add_argument("--mechanisms", nargs="+", default=[*words_for("image"), CODEC])
    parser.add_argument("--channels", type=int, default=3)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--checkpointing", action="store_true")
    arguments = parser.parse_args()
    processes = multiprocessing.get_context("fork")
    print("| mechanism | side | ms per image [least, greatest] | per pixel | MiB |\n|---|---|---|---|---|")
    for word in arguments.mechanisms:
        first = math.nan
        for side in arguments.sizes:
            results = processes.SimpleQueue()
            process = processes.Process(target=measure, args=(word, side, arguments, results))
            process.start()
            times, memory = results.get()
            process.join()
            middle = statistics.median(times)
            first = middle / side**2 if math.isnan(first) else first
            spread = f"{middle:.2f} [{min(times):.2f}, {max(times):.2f}]"
            print(f"| {word} | {side} | {spread} | {middle / side**2 / first:.2f} | {memory:,.0f} |", flush=True)


if __name__ == "__main__":
    main()
