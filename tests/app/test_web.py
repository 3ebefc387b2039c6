"""The page over HTTP: who may ask, what is answered, and what bad input gets."""

import importlib
import io
import json
import os
import re
import signal
import socket
import sys
import webbrowser
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient
from typer.testing import CliRunner

from causalgen.address import AddressError, listen
from causalgen.app import Explorer
from causalgen.app.explorer import WorldSetting
from causalgen.app.page_files import page_file
from causalgen.app.web import web_app
from causalgen.cli.app import app
from causalgen.cli.signals import stop_on_signals

from .twins import MARKUP

KEY, HOME = "a-key", "http://127.0.0.1"
FILES = ("index.html", "style.css", "page.js")
GIVEN = {"age at scan": "44", "grade": "low", "volume": "23.5", "=side": "=L", "clinic": MARKUP}


@pytest.fixture(scope="module")
def client(twins: Explorer) -> Iterator[TestClient]:
    with TestClient(web_app(twins, KEY), base_url=HOME, raise_server_exceptions=True) as found:
        assert found.get(f"/?key={KEY}").status_code == 200
        yield found


def _png(pixels: Any = None, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(np.zeros((12, 10), np.uint8))
    image.save(buffer, format="png", **options)
    return buffer.getvalue()


def test_the_page_needs_no_network_and_is_small() -> None:
    texts = {name: page_file(name) for name in FILES}
    assert sum(len(text.encode()) for text in texts.values()) < 2**20
    for name, text in texts.items():
        addresses = set(re.findall(r"(?:https?:)?//[\w.-]+\.\w+", text)) - {"http://www.w3.org"}  # the namespace of SVG
        assert not addresses, name
        assert "innerHTML" not in text, name


def test_the_page_and_its_parts_are_served_with_their_policy(client: TestClient) -> None:
    for path, kind in (("/", "text/html"), ("/style.css", "text/css"), ("/page.js", "text/javascript")):
        found = client.get(path)
        assert found.status_code == 200
        assert found.headers["content-type"].startswith(kind)
        assert "default-src 'none'" in found.headers["content-security-policy"]
        assert found.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", ["/", "/?key=wrong", "/?key=", "/page.js", "/api/model", f"/api/model?key={KEY}"])
def test_nobody_without_the_key_is_answered(twins: Explorer, path: str) -> None:
    found = TestClient(web_app(twins, KEY), base_url=HOME).get(path)
    assert found.status_code == 403
    assert "address that the command printed" in found.text


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "127.0.0.1@evil.example", "", "192.168.0.7"]
)
def test_other_names_of_this_machine_are_refused(twins: Explorer, host: str) -> None:
    found = TestClient(web_app(twins, KEY), base_url=HOME).get(f"/?key={KEY}", headers={"host": host})
    assert found.status_code == 400


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost:12345", "LOCALHOST"])
def test_its_own_names_are_accepted_at_any_port(twins: Explorer, host: str) -> None:
    found = TestClient(web_app(twins, KEY), base_url=HOME).get(f"/?key={KEY}", headers={"host": host})
    assert found.status_code == 200
    assert "SameSite=Strict" in found.headers["set-cookie"]


def test_answers_are_those_of_the_explorer(client: TestClient, twins: Explorer) -> None:
    asked = {"unit": "row-7", "do": {"age at scan": 50, "clinic": 0}, "hold": True, "draws": 8}
    setting = WorldSetting.model_validate(asked)
    assert client.get("/api/model").json() == json.loads(json.dumps(twins.model()))
    assert client.post("/api/answer", json=asked).json() == json.loads(json.dumps(twins.answer(setting)))
    strip = client.post("/api/strip", json={"setting": asked, "sweep": "grade"}).json()
    assert strip == twins.strip(setting, "grade")
    units = client.get("/api/units", params={"split": "train", "page": 1}).json()
    assert units == twins.page("train", 1)
    assert client.get("/api/row", params={"label": "12"}).json() == {"key": "row-12", "label": "12"}


@pytest.mark.parametrize("kind", ["png", "csv", "py", "yaml"])
def test_finds_are_files(client: TestClient, kind: str) -> None:
    found = client.post("/api/finds", json={"finds": [{"unit": "row-1", "do": {"clinic": 1}}], "kind": kind})
    assert found.status_code == 200
    assert found.content.startswith({"png": b"\x89PNG", "csv": b"find,", "py": b"from ", "yaml": b"gallery:"}[kind])


@pytest.mark.parametrize(
    "send",
    [
        lambda c: c.post("/api/answer", content=b"{"),
        lambda c: c.post("/api/answer", json=[]),
        lambda c: c.post("/api/answer", json={"unit": 3}),
        lambda c: c.post("/api/answer", json={"unit": "row-0", "do": {"age at scan": "<b>"}}),
        lambda c: c.post("/api/answer", content=b'{"unit": "row-0", "do": {"age at scan": NaN}}'),
        lambda c: c.post("/api/answer", content=b'{"unit": "row-0", "do": {"age at scan": 1e400}}'),
        lambda c: c.post("/api/answer", json={"unit": "row-0", "more": 1}),
        lambda c: c.post("/api/answer", json={"unit": "row-99999999999"}),
        lambda c: c.post("/api/answer", json={"unit": "row-²"}),
        lambda c: c.post("/api/answer", json={"unit": "row-0", "do": {"age at scan": 300}}),
        lambda c: c.post("/api/strip", json={"setting": {"unit": "row-0"}, "sweep": "left"}),
        lambda c: c.post("/api/strip", json={"setting": {"unit": "row-0"}, "sweep": "nobody"}),
        lambda c: c.post("/api/finds", json={"finds": [], "kind": "png"}),
        lambda c: c.post("/api/finds", json={"finds": [{"unit": "row-0"}], "kind": "../py"}),
        lambda c: c.get("/api/units", params={"split": "nobody"}),
        lambda c: c.get("/api/units", params={"split": "train", "page": "-1"}),
        lambda c: c.get("/api/units", params={"split": "train", "page": "1" * 30}),
        lambda c: c.get("/api/row", params={"label": MARKUP}),
        lambda c: c.post("/api/own", content=b"no form"),
        lambda c: c.post("/api/own", files={"image-0": ("a.png", _png())}, data={"attributes": "no json"}),
        lambda c: c.post("/api/own", files={"image-0": ("a.png", _png())}, data={"attributes": '{"age at scan": 4}'}),
        lambda c: c.post("/api/own", files={"image-0": ("a.png", _png())}, data={"attributes": '{"nobody": "4"}'}),
        lambda c: c.post("/api/own", files={"image-0": ("a.png", _png())}, data={"attributes": '{"grade": "top"}'}),
        lambda c: c.post("/api/own", files=[("image-0", ("a.png", _png()))] * 3),
    ],
)
def test_bad_questions_get_one_message(client: TestClient, send: Callable[[TestClient], httpx.Response]) -> None:
    found = send(client)
    assert found.status_code in (400, 422), found.text
    assert found.json()["error"]
    assert "Traceback" not in found.text


def _own(client: TestClient, name: str, content: bytes, given: dict[str, str] = GIVEN) -> httpx.Response:
    return client.post("/api/own", files={"image-0": (name, content)}, data={"attributes": json.dumps(given)})


@pytest.mark.parametrize("name", ["mine.png", "../../mine.png", "C:\\scans\\mine.png", "mine", ".png", "ä <b>.png"])
def test_an_image_of_ones_own_is_taken_in_under_any_name(client: TestClient, name: str) -> None:
    found = _own(client, name, _png())
    assert found.status_code == 200, found.text
    assert "/" not in found.json()["label"]
    answer = client.post("/api/answer", json={"unit": found.json()["key"], "do": {"clinic": 2}})
    assert answer.status_code == 200
    assert [image["name"] for image in answer.json()["images"]] == ["left"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("broken.png", _png()[:40]),
        ("empty.png", b""),
        ("page.png", b"<html><script>window.hurt=1</script></html>"),
        ("drawing.svg", b"<svg xmlns='http://www.w3.org/2000/svg'><script>window.hurt=1</script></svg>"),
        ("bomb.png", _png(Image.new("1", (10_001, 10_000)))),
        ("shard.tar", b"\0" * 1024),
        ("array.npy", b"\x93NUMPY" + b"\0" * 64),
        ("deep.png", _png(Image.fromarray(np.zeros((12, 10), np.uint16)))),
    ],
)
def test_what_is_no_usable_image_is_refused(client: TestClient, name: str, content: bytes) -> None:
    found = _own(client, name, content)
    assert found.status_code == 422
    assert "Expected" in found.json()["error"]
    assert "causalgen-" not in found.json()["error"]  # the folder of uploads is nobody's business


def test_the_length_of_content_is_bounded(client: TestClient) -> None:
    long = client.post("/api/own", content=b"", headers={"content-length": str(2**27)})
    assert long.status_code == 413
    assert "at most 64 MiB" in long.json()["error"]
    assert client.post("/api/answer", content=b"{" + b" " * 2**18).status_code == 413

    def parts() -> Iterator[bytes]:
        yield b"{"

    assert client.post("/api/answer", content=parts()).status_code == 411


def test_a_port_in_use_is_refused() -> None:
    with listen() as taken:
        port = taken.getsockname()[1]
        assert taken.getsockname()[0] == "127.0.0.1"
        assert taken.proto == socket.IPPROTO_TCP  # asyncio switches off Nagle's algorithm on no other
        with pytest.raises(AddressError, match=f"port {port} cannot be used"):
            listen(port)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_opens_a_browser_and_serves_until_a_signal(
    twins: Explorer, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, Any] = {}

    def browse(url: str) -> None:
        try:
            seen["url"] = url
            _leave_in_mid_answer(url)
            seen["status"] = httpx.get(url, timeout=30).status_code
        finally:
            os.kill(os.getpid(), number)

    monkeypatch.setattr(webbrowser, "open", browse)
    before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
    stop_on_signals()
    try:
        done = CliRunner().invoke(app, ["explore", str(twins.run.path)])
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/\?key=[\w-]{20,}", seen["url"])
    assert seen["status"] == 200
    assert done.exit_code == 0, done.output
    assert done.stdout == seen["url"] + "\n"
    assert done.stderr.splitlines()[-1] == "Stopped."


def _leave_in_mid_answer(url: str) -> None:
    """Ask, and close the connection before the answer."""
    port = int(url.split(":")[2].split("/")[0])
    cookie = httpx.get(url, timeout=30).headers["set-cookie"].partition(";")[0]
    body = json.dumps({"setting": {"unit": "row-0"}, "sweep": "clinic"})
    with socket.create_connection(("127.0.0.1", port)) as connection:
        head = f"POST /api/strip HTTP/1.1\r\nHost: localhost\r\nCookie: {cookie}\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.sendall((head + body).encode())


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--rows", "3"], 2, "together with --export"),
        (["--port", "70000"], 2, "65535"),
        (["--export", "page", "--rows", "900"], 2, "row of"),
    ],
)
def test_the_command_refuses(
    twins: Explorer, options: list[str], code: int, said: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner(env={"COLUMNS": "200"}).invoke(app, ["explore", str(twins.run.path), *options])
    assert done.exit_code == code
    assert said in done.output
    assert not (tmp_path / "page").exists()


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    monkeypatch.delitem(sys.modules, "causalgen.app.web")
    with pytest.raises(ImportError, match=r"pip install 'causalgen\[app\]'"):
        importlib.import_module("causalgen.app.web")
