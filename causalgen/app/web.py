"""The page over HTTP on this machine's loopback address; the only module of the room that imports Starlette and uvicorn.

A request must name this machine as its host, so that a web page elsewhere cannot reach the explorer through a name that it has
pointed here (DNS rebinding). And it must carry the key of the address that the command printed, which other users of this
machine and other pages in the browser do not know.
"""

import json
import re
import secrets
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..errors import CausalgenError, DataError
from .explorer import Explorer, WorldSetting
from .finds import find_files
from .page_files import page_file

try:
    import uvicorn
    from starlette.applications import Starlette
    from starlette.concurrency import run_in_threadpool
    from starlette.datastructures import UploadFile
    from starlette.exceptions import HTTPException
    from starlette.middleware import Middleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware
    from starlette.requests import Request
    from starlette.responses import JSONResponse, PlainTextResponse, Response
    from starlette.routing import Route
    from starlette.types import ASGIApp, Message, Receive, Scope, Send
except ImportError:
    raise ImportError(
        "Expected Starlette and uvicorn, which serve the page; they are not installed. Run: pip install 'causalgen[app]'"
    ) from None

__all__ = ["HOSTS", "new_key", "serve", "web_app"]

HOSTS = ["127.0.0.1", "localhost"]
MOST_BYTES, MOST_UPLOADED = 2**18, 2**26
"""Maximum bytes of a question, and of uploaded images together."""
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
PAGES = {"/": "index.html", "/page.js": "page.js", "/style.css": "style.css"}
KINDS = {"png": "image/png", "csv": "text/csv", "py": "text/x-python", "yaml": "application/yaml"}
UNSAFE = re.compile(r"[^\w. +=-]|^[. ]+")


class _Strip(BaseModel):
    model_config = ConfigDict(extra="forbid")

    setting: WorldSetting
    sweep: str


class _Finds(BaseModel):
    model_config = ConfigDict(extra="forbid")

    finds: list[WorldSetting] = Field(max_length=1000)
    kind: str


def new_key() -> str:
    """Return a key that nobody can guess."""
    return secrets.token_urlsafe(16)


def web_app(explorer: Explorer, key: str) -> Starlette:
    """The application.

    Args:
        explorer: The explorer that answers.
        key: The key that a browser has to present.
    """

    async def units(request: Request) -> Any:
        number = request.query_params.get("page", "0")
        if not number.isdecimal() or len(number) > 9:
            raise DataError(f"Expected the number of a page; got '{number}'.")
        return await run_in_threadpool(explorer.page, request.query_params.get("split", ""), int(number))

    async def row(request: Request) -> Any:
        return await run_in_threadpool(explorer.row, request.query_params.get("label", ""))

    async def model(request: Request) -> Any:
        return await run_in_threadpool(explorer.model)

    async def answer(request: Request) -> Any:
        return await run_in_threadpool(explorer.answer, WorldSetting.model_validate_json(await _body(request)))

    async def strip(request: Request) -> Any:
        asked = _Strip.model_validate_json(await _body(request))
        return await run_in_threadpool(explorer.strip, asked.setting, asked.sweep)

    async def finds(request: Request) -> Any:
        asked = _Finds.model_validate_json(await _body(request))
        content = await run_in_threadpool(find_files, explorer, asked.finds, asked.kind)
        return Response(content, media_type=KINDS[asked.kind])

    async def own(request: Request) -> Any:
        _check_length(request, MOST_UPLOADED)
        async with request.form(max_files=len(explorer.graph.images), max_fields=1) as form:
            texts = _texts(form.get("attributes", "{}"))
            with TemporaryDirectory(prefix="causalgen-") as folder:
                files = {}
                for place, name in enumerate(explorer.graph.images):
                    upload = form.get(f"image-{place}")
                    if isinstance(upload, UploadFile) and upload.filename:
                        files[name] = Path(folder, _safe(upload.filename))
                        files[name].write_bytes(await upload.read())
                try:
                    return await run_in_threadpool(explorer.add, files, texts)
                except CausalgenError as error:
                    raise DataError(str(error).replace(f"{folder}/", "")) from None

    routes = {"units": units, "row": row, "model": model}
    posts = {"answer": answer, "strip": strip, "finds": finds, "own": own}
    return Starlette(
        routes=[
            *(Route(path, _static(name)) for path, name in PAGES.items()),
            *(Route(f"/api/{name}", _answering(function)) for name, function in routes.items()),
            *(Route(f"/api/{name}", _answering(function), methods=["POST"]) for name, function in posts.items()),
        ],
        middleware=[
            Middleware(TrustedHostMiddleware, allowed_hosts=HOSTS, www_redirect=False),
            Middleware(_Gate, key=key),
        ],
    )


def serve(app: Starlette, listening: socket.socket) -> None:
    """Answer requests until SIGINT or SIGTERM, which then reaches the handler that was there before.

    Args:
        app: The application.
        listening: A socket that is bound to the loopback address.
    """
    config = uvicorn.Config(
        app, log_level="critical", access_log=False, ws="none", lifespan="off", timeout_graceful_shutdown=3
    )
    uvicorn.Server(config).run(sockets=[listening])


def _static(name: str) -> Callable[[Request], Awaitable[Response]]:
    kind = {"html": "text/html", "css": "text/css", "js": "text/javascript"}[name.rpartition(".")[2]]

    async def endpoint(request: Request) -> Response:
        return Response(page_file(name), media_type=kind)

    return endpoint


def _answering(function: Callable[[Request], Awaitable[Any]]) -> Callable[[Request], Awaitable[Response]]:
    """An endpoint that answers in JSON, with errors as one message."""

    async def endpoint(request: Request) -> Response:
        try:
            found = await function(request)
            return found if isinstance(found, Response) else JSONResponse(found)
        except HTTPException as error:
            return JSONResponse({"error": error.detail}, error.status_code)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "body"
            return JSONResponse({"error": f"Expected a question of this page; got: {where}: {first['msg']}."}, 400)
        except CausalgenError as error:
            return JSONResponse({"error": str(error)}, 422)
        except Exception as error:
            return JSONResponse({"error": f"An unexpected {type(error).__name__}: {error}"}, 500)

    return endpoint


def _check_length(request: Request, most: int) -> None:
    length = request.headers.get("content-length", "")
    if not length.isdecimal():
        raise HTTPException(411, "Expected the length of the content in the header.")
    if int(length) > most:
        raise HTTPException(413, f"Expected at most {most / 2**20:.3g} MiB; got {int(length) / 2**20:.3g} MiB.")


async def _body(request: Request) -> bytes:
    _check_length(request, MOST_BYTES)
    return await request.body()


def _texts(given: Any) -> dict[str, str]:
    """Attributes as text by name, from a JSON object; empty ones are left out."""
    try:
        found = json.loads(given)
        if not all(isinstance(text, str) for text in (*found, *found.values())):
            raise ValueError
    except (TypeError, ValueError, AttributeError):
        raise DataError("Expected the attributes of an image as a JSON object of texts.") from None
    return {name: text for name, text in found.items() if text.strip()}


def _safe(name: str) -> str:
    """A file name that stays inside its folder and keeps its suffix.

    >>> _safe("../../etc/passwd"), _safe(".."), _safe("my scan (1).png")
    ('passwd', 'image', 'my scan _1_.png')
    """
    return UNSAFE.sub("_", re.split(r"[/\\]", name)[-1])[-80:].strip("_") or "image"


class _Gate:
    """Admits requests with the key, first in the address of the page and then in a cookie, and adds the headers."""

    def __init__(self, app: ASGIApp, key: str) -> None:
        self.app, self.key = app, key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        cookie = f"causalgen-{(scope.get('server') or ('', ''))[1]}"
        given = request.query_params.get("key") if scope["path"] == "/" else None
        known = (given, request.cookies.get(cookie))
        if not any(word and secrets.compare_digest(word.encode(), self.key.encode()) for word in known):
            text = "Expected the key of this page. Open the whole address that the command printed.\n"
            await PlainTextResponse(text, 403)(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                added = dict(HEADERS)
                if given:
                    added["Set-Cookie"] = f"{cookie}={self.key}; HttpOnly; SameSite=Strict; Path=/"
                message["headers"] = [
                    *message.get("headers", ()),
                    *((name.lower().encode(), value.encode()) for name, value in added.items()),
                ]
            await send(message)

        await self.app(scope, receive, with_headers)
