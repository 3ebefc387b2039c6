"""The service answers as the library does, together or alone, and refuses what it cannot answer with one message."""

import base64
import io
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from causalgen.graph import CausalGraph, Variable
from causalgen.scm import StructuralCausalModel
from causalgen.service import BatchedModel, Batcher, BusyError

pytest.importorskip("fastapi")
from starlette.testclient import TestClient

from causalgen.service import http

GRAPH = CausalGraph(
    '"dose, mg" -> {digit, grade}; {digit, grade, "dose, mg"} -> scan',
    [
        Variable("dose, mg", "continuous", unit="mg", support=(0, 20)),
        Variable("digit", "categorical", labels=(3, 5, 8)),
        Variable("grade", "ordinal", labels=("low", "middle", "<b>top</b>")),
        Variable("scan", "image", shape=(3, 10, 12)),
    ],
)
IMAGE = {"mechanism": "conv-vae", "latent": 2, "local": 2, "width": 8, "blocks": 1}


@pytest.fixture(scope="module")
def scm() -> StructuralCausalModel:
    torch.manual_seed(0)
    model = StructuralCausalModel(GRAPH, {"scan": IMAGE})
    dose = 20 * torch.rand(90)
    scan = torch.randint(0, 255, (90, 3, 10, 12), dtype=torch.uint8)
    model.initialize({"dose, mg": dose, "digit": (dose / 7).long(), "grade": (dose / 7).long(), "scan": scan})
    return model.declare_fitted().eval()


@pytest.fixture(scope="module")
def client(scm: StructuralCausalModel) -> Iterator[TestClient]:
    with TestClient(http.web_app(scm, name="<i>scans</i>"), raise_server_exceptions=False) as found:
        yield found


def _file(pixels: np.ndarray, kind: str = "png") -> str:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return base64.b64encode(file.getvalue()).decode()


def _pixels(text: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(text)))).astype(int)


SCAN = np.random.default_rng(0).integers(0, 255, (10, 12, 3), dtype=np.uint8)
UNIT = {"attributes": {"dose, mg": 4.5, "digit": 5, "grade": "middle"}, "images": {"scan": _file(SCAN)}}
FACTUAL = {
    "dose, mg": [4.5], "digit": [5], "grade": ["middle"], "scan": torch.from_numpy(np.moveaxis(SCAN, -1, 0)[None].copy())
}  # fmt: skip
DO: list[dict[str, Any]] = [
    {"dose, mg": 12}, {"dose, mg": "+1.5"}, {"digit": 8}, {"digit": "3", "grade": "low"}, {}, {"dose, mg": "+3"},
]  # fmt: skip


@pytest.mark.filterwarnings("ignore::causalgen.errors.SupportWarning")
@pytest.mark.parametrize("do", DO, ids=str)
def test_a_counterfactual_is_the_librarys(client: TestClient, scm: StructuralCausalModel, do: dict[str, Any]) -> None:
    found = client.post("/counterfactual", json={**UNIT, "do": do, "seed": 3})
    assert found.status_code == 200, found.text
    expected = scm.counterfactual(FACTUAL, do, seed=3)
    _same(found.json(), expected)


def _same(found: dict[str, Any], expected: Any) -> None:
    row = expected.to_frame().iloc[0]
    assert found["attributes"]["digit"] == row["digit_cf"]
    assert found["attributes"]["grade"] == row["grade_cf"]
    assert found["attributes"]["dose, mg"] == pytest.approx(row["dose, mg_cf"], rel=1e-5)
    assert found["supported"] == bool(row["supported"])
    image = np.moveaxis(expected["scan"][0].numpy(), 0, -1)
    assert np.abs(_pixels(found["images"]["scan"]) - image).max() <= 0.51


@pytest.mark.filterwarnings("ignore::causalgen.errors.SupportWarning")
def test_questions_that_come_together_are_answered_as_if_alone(scm: StructuralCausalModel) -> None:
    """Each draws under its seed; a shift that leaves the support fails alone."""
    answers = BatchedModel(scm)
    asked = [answers.counterfactual(FACTUAL, do, seed) for seed, do in enumerate(DO * 3)]
    broken = answers.counterfactual(FACTUAL | {"dose, mg": [19.0]}, {"dose, mg": "+1.5"}, 0)
    found = answers([*asked, broken, answers.sample(2, {}, 4), answers.abduct(FACTUAL, 5)])
    assert "within its support" in str(found[len(asked)])
    for (seed, do), answer in zip(enumerate(DO * 3), found):
        assert not isinstance(answer, Exception)
        expected = scm.counterfactual(FACTUAL, do, seed=seed)
        for name in GRAPH.nodes:
            assert torch.allclose(answer.values[name].float(), expected[name].float(), rtol=1e-4, atol=1e-2), (do, name)
        assert answer.supported == bool(expected.supported[0])
    drawn, noise = found[-2:]
    assert not isinstance(drawn, Exception)
    assert not isinstance(noise, Exception)
    assert torch.equal(drawn.values["scan"], scm.sample(2, seed=4)["scan"])
    for name, parts in scm.abduct(FACTUAL, seed=5).noise.items():
        assert all(torch.allclose(noise.noise[name][part], tensor, atol=1e-4) for part, tensor in parts.items())


@pytest.mark.parametrize("path", ["/counterfactual", "/sample"])
def test_true_is_no_number(client: TestClient, path: str) -> None:
    asked = {**UNIT, "do": {"dose, mg": True}} if path == "/counterfactual" else {"do": {"dose, mg": True}}
    found = client.post(path, json=asked)
    assert (found.status_code, found.json()["error"]) == (
        422,
        "Expected a number for 'dose, mg'; got True. Give one in mg.",
    )


def test_samples_noise_and_health(client: TestClient, scm: StructuralCausalModel) -> None:
    units = client.post("/sample", json={"n": 3, "do": {"digit": 8}, "seed": 1}).json()["units"]
    assert [unit["attributes"]["digit"] for unit in units] == [8, 8, 8]
    assert units[2]["attributes"]["dose, mg"] == pytest.approx(
        float(scm.sample(3, do={"digit": 8}, seed=1)["dose, mg"][2])
    )
    noise = client.post("/abduct", json=UNIT).json()["noise"]
    assert np.shape(noise["scan"]["z"]) == (2,)
    assert client.get("/health").json() == {"status": "ok", "waiting": 0}


def test_the_page_loads_nothing_and_shows_no_markup_of_names(client: TestClient) -> None:
    page = client.get("/").text
    assert "<i>scans" not in page
    assert "<b>top" not in page
    assert "POST /counterfactual" in page
    assert not any(word in page for word in ("http://", "https://", "<script", "src=", "@import", "url("))
    assert set(client.get("/openapi.json").json()["paths"]) == {"/counterfactual", "/abduct", "/sample", "/health"}
    assert client.get("/docs").status_code == 404


WIDE = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(50)).decode()
REFUSED: dict[str, tuple[str, dict[str, Any], int, str]] = {
    "no image": ("/counterfactual", {"images": {"scan": base64.b64encode(b"<svg>").decode()}}, 422, "as a PNG"),
    "no base64": ("/counterfactual", {"images": {"scan": "ÿ?"}}, 422, "in base64"),
    "a broken image": ("/counterfactual", {"images": {"scan": WIDE}}, 422, "as a PNG"),
    "a cut image": ("/counterfactual", {"images": {"scan": _file(SCAN)[:200]}}, 422, "Expected an image"),
    "a huge image": (
        "/counterfactual", {"images": {"scan": _file(np.zeros((5000, 4000), np.uint8))}}, 413, "at most 16,000,000 pixels"
    ),
    "no image at all": ("/counterfactual", {"images": {}}, 422, "got none for scan"),
    "an unknown name": ("/counterfactual", {"do": {"dosis": 3}}, 422, "dosis"),
    "an unknown label": ("/counterfactual", {"do": {"digit": 4}}, 422, "3, 5, 8"),
    "outside the support": ("/counterfactual", {"do": {"dose, mg": 21}}, 422, "within its support"),
    "an attribute as an image": ("/counterfactual", {"images": {"digit": _file(SCAN)}}, 422, "among the attributes"),
    "an image as an attribute": (
        "/counterfactual", {"attributes": {"dose, mg": 4.5, "digit": 5, "grade": "middle", "scan": 3}}, 422, "among the images"
    ),
    "a missing attribute": ("/abduct", {"attributes": {"dose, mg": 4.5, "digit": 5}}, 422, "causalgen counterfactual"),
    "an image to set": ("/counterfactual", {"do": {"scan": 3}}, 422, "scan"),
    "a missing key": ("/counterfactual", {"do": None}, 422, "Expected another value of do"),
    "an unknown key": ("/abduct", {"dou": 3}, 422, "dou"),
    "too many samples": ("/sample", {"n": 257}, 422, "n: "),
    "a wrong seed": ("/sample", {"seed": -1}, 422, "seed: "),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_answered_is_refused_with_one_message(client: TestClient, case: str) -> None:
    path, changes, status, words = REFUSED[case]
    start = {} if path == "/sample" else {**UNIT, **({"do": {}} if path == "/counterfactual" else {})}
    found = client.post(path, json=start | changes)
    assert found.status_code == status, found.text
    assert list(found.json()) == ["error"]
    assert words in found.json()["error"]
    assert "/tmp" not in found.json()["error"]


def test_an_answer_that_overflows_is_refused_and_not_drawn_black() -> None:
    graph = CausalGraph("a -> scan", [Variable("a", "continuous"), Variable("scan", "image", shape=(1, 8, 8))])
    model = StructuralCausalModel(graph, {"scan": IMAGE})
    scan = torch.randint(0, 255, (40, 1, 8, 8), dtype=torch.uint8)
    model.initialize({"a": 0.01 * torch.rand(40), "scan": scan})
    asked = {"attributes": {"a": 0.0}, "images": {"scan": _file(np.zeros((8, 8), np.uint8))}}
    with TestClient(http.web_app(model.declare_fitted().eval()), raise_server_exceptions=False) as found:
        for path, body in (("/counterfactual", asked), ("/sample", {})):
            answer = found.post(path, json=body | {"do": {"a": 3e38}})
            assert answer.status_code == 422, answer.text
            assert "Expected numbers for scan" in answer.json()["error"]
            assert found.post(path, json=body | {"do": {"a": 0.005}}).status_code == 200


def test_a_large_request_is_refused_before_it_is_read(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "MOST_BYTES", 1000)
    assert client.post("/sample", content=(b"x" * 600 for _ in range(9))).status_code == 413
    assert client.post("/sample", json={"n": 1}).status_code == 200


def test_a_full_queue_says_when_to_come_back(scm: StructuralCausalModel, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go = Event(), Event()

    def slow(self: BatchedModel, questions: Any) -> Any:
        begun.set()
        go.wait(20)
        return [self._alone(question) for question in questions]

    monkeypatch.setattr(BatchedModel, "__call__", slow)
    with TestClient(http.web_app(scm, waiting=1)) as client, ThreadPoolExecutor(2) as pool:
        first = pool.submit(client.post, "/sample", json={"n": 1})
        assert begun.wait(20)
        second = pool.submit(client.post, "/sample", json={"n": 1})
        while client.get("/health").json()["waiting"] < 1:
            time.sleep(0.01)
        refused = client.post("/sample", json={"n": 1})
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        go.set()
        assert first.result().status_code == second.result().status_code == 200


def test_only_this_machine_may_ask_on_the_loopback_address(scm: StructuralCausalModel) -> None:
    assert http.hosts_for("0.0.0.0") is None
    with TestClient(http.web_app(scm, hosts=http.hosts_for("127.0.0.1")), base_url="http://evil.example") as client:
        assert client.get("/health").status_code == 400


def test_questions_gather_while_others_are_computed() -> None:
    sizes, begun, go = [], Event(), Event()

    def compute(batch: Any) -> Any:
        sizes.append(len(batch))
        begun.set()
        go.wait(20)
        return [ValueError("odd") if number % 2 else number for number in batch]

    batcher: Batcher[int, int] = Batcher(compute, most=4, waiting=6)
    futures = [batcher.ask(0)]
    begun.wait(20)
    futures += [batcher.ask(number) for number in range(1, 7)]
    with pytest.raises(BusyError, match="at most 6"):
        batcher.ask(7)
    go.set()
    batcher.close()
    assert sizes == [1, 4, 2]
    assert [future.result() for future in futures[::2]] == [0, 2, 4, 6]
    assert all(isinstance(future.exception(), ValueError) for future in futures[1::2])
    with pytest.raises(BusyError, match="stopping"):
        batcher.ask(0)


@pytest.mark.slow
def test_the_command_serves_until_it_is_stopped(tmp_path: Path) -> None:
    """On a run with a small model, in a separate process."""
    run = _run(tmp_path / "run")
    command = [sys.executable, "-m", "causalgen", "serve", str(run), "--port"]
    process = subprocess.Popen([*command, "0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        address = process.stdout.readline().split()[3]
        port = address.rpartition(":")[2]
        for _ in range(100):
            try:
                assert b'"ok"' in urllib.request.urlopen(f"{address}/health", timeout=5).read()
                break
            except OSError:
                time.sleep(0.1)
        done = subprocess.run([*command, port], capture_output=True, text=True, check=False)
        assert (done.returncode, "Choose another with --port" in done.stderr) == (2, True)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) in (0, 143)
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()
    finally:
        process.kill()


def _run(folder: Path) -> Path:
    from untrained_run import write_untrained_run

    folder.mkdir()
    study = folder.parent / "study.yaml"
    study.write_text(
        "name: digits\ndata: {name: morphodigits, rows: 300}\nmechanisms:\n"
        "  image: {mechanism: conv-vae, latent: 2, local: 2, width: 8, blocks: 1}\n"
    )
    write_untrained_run(folder, study)
    return folder
