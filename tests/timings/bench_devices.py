"""One process against several, and a batch in parts against a whole one, side by side: time of the image's training, memory.

python tests/timings/bench_devices.py [--rows 4000] [--epochs 4] [--rounds 3] [--devices 2] [--device cpu] [--accumulate 4]
"""

import argparse
import json
import statistics
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

OPTIONS = ("rows", "epochs", "device")


def measure(arguments: argparse.Namespace, devices: int, accumulate: int) -> dict[str, float]:
    """Seconds of an epoch of the image, and the greatest peak memory of a process in MiB."""
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        str(devices),
        __file__,
    ]
    command += [word for name in OPTIONS for word in (f"--{name}", str(getattr(arguments, name)))]
    with TemporaryDirectory() as folder:
        command += ["--worker", folder, "--devices", str(devices), "--accumulate", str(accumulate)]
        subprocess.run(command, check=True, capture_output=True)
        found = [json.loads(path.read_text()) for path in Path(folder).glob("*.json")]
    return {name: max(one[name] for one in found) for name in ("seconds", "memory")}


def work(arguments: argparse.Namespace) -> None:
    """Train in one of the processes, and write what it took."""
    import warnings

    from causalgen.datasets import load
    from causalgen.launched import launch
    from causalgen.machine import MemoryMeter
    from causalgen.scm import StructuralCausalModel
    from causalgen.training import FitConfig, fit

    warnings.simplefilter("ignore")
    data = load("morphodigits", rows=arguments.rows)
    scm = StructuralCausalModel(data.graph)
    config = FitConfig(device=arguments.device, devices=arguments.devices, threads=1, precision="32-true")
    images = replace(config.images, epochs=arguments.epochs, accumulate=arguments.accumulate)
    meter = MemoryMeter(arguments.device)
    result = fit(scm, data, replace(config, attributes=replace(config.attributes, epochs=1), images=images))
    place = launch()
    found = {"seconds": result.seconds["image"] / arguments.epochs, "memory": meter.peak()}
    Path(arguments.worker, f"{place.rank if place else 0}.json").write_text(json.dumps(found))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("rows", 4000), ("epochs", 4), ("rounds", 3), ("devices", 2), ("accumulate", 4)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--worker")
    arguments = parser.parse_args()
    if arguments.worker:
        work(arguments)
        return
    cases = {"one": (1, 1), "several": (arguments.devices, 1), "parts": (1, arguments.accumulate)}
    rounds = [{case: measure(arguments, *setting) for case, setting in cases.items()} for _ in range(arguments.rounds)]
    for case, (devices, accumulate) in cases.items():
        seconds, memory = ([one[case][name] for one in rounds] for name in ("seconds", "memory"))
        print(
            f"processes {devices}, accumulate {accumulate}: {statistics.median(seconds):.2f} s an epoch "
            f"[{min(seconds):.2f}, {max(seconds):.2f}], {max(memory):.0f} MiB in each process"
        )
    for name, case in (("processes", "several"), ("parts", "parts")):
        ratios = [one[case]["seconds"] / one["one"]["seconds"] for one in rounds]
        print(f"time, {name} / one: {statistics.median(ratios):.2f} [{min(ratios):.2f}, {max(ratios):.2f}]")


if __name__ == "__main__":
    main()
