"""Load test of `causalgen serve`: 50 clients with 2,000 requests, and throughput at 16 clients next to one at a time.

    python tests/timings/bench_service.py runs/morphodigits

Every answer is compared with the library's under the same seed.
"""

import base64
import http.client
import io
import json
import subprocess
import sys
import time
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from threading import local

import numpy as np
import torch
from PIL import Image

from causalgen.errors import SupportWarning
from causalgen.scm import StructuralCausalModel, load
from causalgen.service.http import LOOPBACK

UNITS, REQUESTS, SHORT = 64, 2000, 400
CLIENTS = local()


def questions(scm: StructuralCausalModel) -> list[dict]:
    """One question for each of some units that the model draws, each with another thickness."""
    drawn = scm.sample(UNITS, seed=0)
    table, found = drawn.to_frame(), []
    for place in range(UNITS):
        file = io.BytesIO()
        Image.fromarray(drawn["image"][place, 0].round().numpy().astype(np.uint8)).save(file, "png")
        attributes = json.loads(table.iloc[[place]].to_json(orient="records"))[0]
        image = base64.b64encode(file.getvalue()).decode()
        do = {"thickness": round(1.5 + 4 * place / UNITS, 3)}
        found.append({"attributes": attributes, "images": {"image": image}, "do": do, "seed": place})
    return found


def expected(scm: StructuralCausalModel, question: dict) -> np.ndarray:
    """The library's image."""
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(question["images"]["image"]))))
    factual = {name: [value] for name, value in question["attributes"].items()}
    factual["image"] = torch.from_numpy(pixels.copy())[None, None]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SupportWarning)
        return scm.counterfactual(factual, question["do"], seed=question["seed"])["image"][0, 0].numpy()


def ask(port: int, question: dict) -> tuple[int, dict]:
    """One request on the connection of this thread."""
    if not hasattr(CLIENTS, "connection"):
        CLIENTS.connection = http.client.HTTPConnection(LOOPBACK[0], port, timeout=60)
    CLIENTS.connection.request("POST", "/counterfactual", json.dumps(question), {"Content-Type": "application/json"})
    response = CLIENTS.connection.getresponse()
    return response.status, json.loads(response.read())


def load_up(port: int, asked: Sequence[dict], clients: int, requests: int) -> tuple[float, list[tuple[int, dict]]]:
    """Seconds and answers of `requests` requests from `clients` clients, each of which waits for its answer."""
    with ThreadPoolExecutor(clients) as pool:
        began = time.perf_counter()
        answers = list(pool.map(lambda place: ask(port, asked[place % UNITS]), range(requests)))
        return time.perf_counter() - began, answers


def main(run: str) -> None:
    scm = load(f"{run}/model")
    asked = questions(scm)
    truth = [expected(scm, question) for question in asked]
    command = [sys.executable, "-m", "causalgen", "serve", run, "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        port = int(process.stdout.readline().split()[3].rpartition(":")[2])
        load_up(port, asked, 1, 20)
        rates = {}
        for clients in (1, 16):
            seconds, _ = load_up(port, asked, clients, SHORT)
            rates[clients] = SHORT / seconds
            print(f"{clients} clients: {rates[clients]:.0f} requests a second")
        print(f"throughput at 16 clients: {rates[16] / rates[1]:.1f} times one at a time")
        seconds, answers = load_up(port, asked, 50, REQUESTS)
        failed = sum(status != 200 for status, _ in answers)
        worst = max(
            np.abs(
                np.asarray(Image.open(io.BytesIO(base64.b64decode(a["images"]["image"])))) - truth[place % UNITS]
            ).max()
            for place, (status, a) in zip(count(), answers)
            if status == 200
        )
        print(f"50 clients, {REQUESTS} requests: {failed} failed, {REQUESTS / seconds:.0f} a second")
        print(f"largest difference from the library: {worst:.2f} grey levels (8-bit rounding: 0.5)")
    finally:
        process.terminate()
        print(f"exit code after SIGTERM: {process.wait(30)}")


if __name__ == "__main__":
    main(*sys.argv[1:])
