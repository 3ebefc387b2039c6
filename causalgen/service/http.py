"""The service over HTTP; the only module of the room that imports FastAPI and uvicorn, the extra `app`."""

import asyncio
import socket
import warnings
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from html import escape
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from .._version import __version__
from ..datasets.table.pixels import Rendering
from ..errors import CausalgenError, DataError, SupportWarning
from ..grammar import check_value
from ..graph import CausalGraph
from ..scm import StructuralCausalModel
from ..scm.values import check_finite
from .batched_model import BatchedModel, ServedAnswer, ServedQuestion
from .batching import Batcher, BusyError
from .pictures import TooLargeError, as_png, from_text

try:
    import uvicorn
    from fastapi import FastAPI, Request
    from fastapi.exceptions import RequestValidationError
    from fastapi.responses import HTMLResponse, JSONResponse
    from starlette.exceptions import HTTPException
    from starlette.middleware.trustedhost import TrustedHostMiddleware
    from starlette.types import ASGIApp, Message, Receive, Scope, Send
except ImportError:
    raise ImportError(
        "Expected FastAPI and uvicorn, which serve a model; they are not installed. Run: pip install 'causalgen[app]'"
    ) from None

__all__ = ["MOST_BYTES", "MOST_SAMPLES", "hosts_for", "serve", "web_app"]

MOST_BYTES = 8 * 2**20
"""Maximum size of a request."""
MOST_SAMPLES = 256
BATCH, WAITING = 32, 256
"""Maximum number of questions computed together, and of questions that may wait."""
LOOPBACK = ("127.0.0.1", "localhost", "::1")
GRACE = 10
"""Seconds for running requests to finish after a signal."""

Value = float | int | bool | str
Seed = Annotated[int, Field(ge=0, lt=2**32)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Unit(_Body):
    """One observed unit: a value of every attribute, and an image file (PNG, JPEG, TIFF) in base64 for every image."""

    attributes: dict[str, Value]
    images: dict[str, str] = {}
    seed: Seed = 0


class CounterfactualQuestion(Unit):
    """A unit, and interventions: values, labels, or texts such as "+1" and "thickness*1.2"."""

    do: dict[str, Value]


class SampleQuestion(_Body):
    """Number of units to draw, and interventions."""

    n: Annotated[int, Field(ge=1, le=MOST_SAMPLES)] = 1
    do: dict[str, Value] = {}
    seed: Seed = 0


class Drawn(BaseModel):
    """Attributes by name, and images as PNG in base64."""

    attributes: dict[str, Any]
    images: dict[str, str]


class World(Drawn):
    """A counterfactual; `supported` is false where parents lie outside the joint range of training: an extrapolation."""

    supported: bool


class DrawnUnits(BaseModel):
    """Units that were drawn."""

    units: list[Drawn]


class Noise(BaseModel):
    """The noise of the unit, by node and part."""

    noise: dict[str, dict[str, Any]]


class Health(BaseModel):
    """Whether the service is available, and how many questions are waiting."""

    status: str
    waiting: int


def web_app(
    scm: StructuralCausalModel,
    renderings: Mapping[str, Rendering] | None = None,
    *,
    name: str = "model",
    hosts: tuple[str, ...] | None = None,
    waiting: int = WAITING,
) -> FastAPI:
    """The service of a fitted model.

    Args:
        scm: The model.
        renderings: How image files are converted to pixels, by node; None if that is unknown, in which case transparent
            images are refused.
        name: Name of the model.
        hosts: Host names that requests may use; None for all.
        waiting: Maximum number of waiting questions; further ones get status 503.
    """
    answers = BatchedModel(scm)
    batches: Batcher[ServedQuestion, ServedAnswer] = Batcher(answers, most=BATCH, waiting=waiting)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await asyncio.to_thread(batches.close)

    app = FastAPI(
        title=f"causalgen: {name}", version=__version__, lifespan=lifespan, docs_url=None, redoc_url=None,
        description="Counterfactuals, samples and noise of a structural causal model, in natural units and labels.",
    )  # fmt: skip
    app.add_middleware(_LimitedBody)
    if hosts is not None:
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(hosts))
    _add_errors(app)

    async def ask(question: ServedQuestion) -> ServedAnswer:
        return await asyncio.wrap_future(batches.ask(question))

    def read(unit: Unit) -> dict[str, Any]:
        return _values(scm.graph, unit, renderings)

    @app.post("/counterfactual", response_model=World)
    async def counterfactual(asked: CounterfactualQuestion) -> Any:
        """Return the counterfactual of the unit under `do`."""
        values = await asyncio.to_thread(read, asked)
        answer = await ask(answers.counterfactual(values, _do(scm.graph, asked.do), asked.seed))
        return {**_drawn(scm.graph, answer.values, 0), "supported": answer.supported}

    @app.post("/abduct", response_model=Noise)
    async def abduct(asked: Unit) -> Any:
        """Return the abducted noise of the unit."""
        answer = await ask(answers.abduct(await asyncio.to_thread(read, asked), asked.seed))
        return {
            "noise": {node: {part: t[0].tolist() for part, t in parts.items()} for node, parts in answer.noise.items()}
        }

    @app.post("/sample", response_model=DrawnUnits)
    async def sample(asked: SampleQuestion) -> Any:
        """Draw units from the model, or from the model under `do`."""
        answer = await ask(answers.sample(asked.n, _do(scm.graph, asked.do), asked.seed))
        return {"units": [_drawn(scm.graph, answer.values, place) for place in range(asked.n)]}

    @app.get("/health", response_model=Health)
    async def health() -> Any:
        """Whether the service answers."""
        return {"status": "ok", "waiting": batches.waiting}

    @app.get("/", response_class=HTMLResponse, include_in_schema=False)
    async def index() -> str:
        return _page(app.openapi(), scm.graph)

    return app


def serve(app: FastAPI, bound: socket.socket) -> None:
    """Serve until SIGINT or SIGTERM; running requests are allowed to finish."""
    # For the whole process: filters that threads set and reset for a moment would let some through. Answers have a flag.
    warnings.simplefilter("ignore", SupportWarning)
    config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=GRACE)
    uvicorn.Server(config).run(sockets=[bound])


def hosts_for(host: str) -> tuple[str, ...] | None:
    """Names under which requests may come: on the loopback address those of this machine, so that no other web page gets in."""
    return LOOPBACK if host in LOOPBACK else None


class _LimitedBody:
    """Refuses a request as soon as more than `MOST_BYTES` have been read, regardless of its declared size."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        body, more = bytearray(), True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > MOST_BYTES:
                refusal = _refusal(413, f"Expected at most {MOST_BYTES:,} bytes; got more. Send smaller images.")
                await refusal(scope, receive, send)
                return
        first = True

        async def replay() -> Message:
            nonlocal first
            if first:
                first = False
                return {"type": "http.request", "body": bytes(body), "more_body": False}
            return await receive()

        await self.app(scope, replay, send)


def _add_errors(app: FastAPI) -> None:
    """Turn every failure into one message."""

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"] if part != "body") or "the request"
        return _refusal(422, f"Expected another value of {place}: {first['msg']}.")

    @app.exception_handler(BusyError)
    async def busy(_: Request, error: BusyError) -> JSONResponse:
        return _refusal(503, str(error), {"Retry-After": "1"})

    @app.exception_handler(TooLargeError)
    async def large(_: Request, error: TooLargeError) -> JSONResponse:
        return _refusal(413, str(error))

    @app.exception_handler(CausalgenError)
    async def refused(_: Request, error: CausalgenError) -> JSONResponse:
        return _refusal(422, str(error))

    @app.exception_handler(HTTPException)
    async def other(_: Request, error: HTTPException) -> JSONResponse:
        return _refusal(error.status_code, str(error.detail))


def _refusal(status: int, message: str, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"error": message}, status, headers)


def _values(graph: CausalGraph, unit: Unit, renderings: Mapping[str, Rendering] | None) -> dict[str, Any]:
    """Return the unit's values by node; raise an error for a name that is unknown, missing or of the other kind."""
    for name in (*unit.attributes, *unit.images):
        graph.require(name)
    for name in unit.attributes:
        if graph[name].is_image:
            raise DataError(f"Expected '{name}' among the images; got it as an attribute.")
    values: dict[str, Any] = {n: check_value(graph[n], value) for n, value in unit.attributes.items()}
    for name, text in unit.images.items():
        if not graph[name].is_image:
            raise DataError(f"Expected '{name}' among the attributes; got it as an image.")
        values[name] = from_text(text, graph[name], renderings)
    missing = [name for name in graph.nodes if name not in values]
    if missing:
        raise DataError(
            f"Expected a value for every node; got none for {', '.join(missing)}. Send them, or use "
            "`causalgen counterfactual`, which infers missing attributes."
        )
    return values


def _do(graph: CausalGraph, do: Mapping[str, Value]) -> Mapping[str, Value]:
    """Return the interventions, after checking that true and false are used as labels, not as the numbers 1 and 0."""
    for name, value in do.items():
        if isinstance(value, bool) and not graph[graph.require(name)].is_image:
            check_value(graph[name], value)
    return do


def _drawn(graph: CausalGraph, values: Mapping[str, Any], place: int) -> dict[str, Any]:
    check_finite(graph, values)
    attributes: dict[str, Any] = {}
    images: dict[str, str] = {}
    for name in graph.nodes:
        variable, value = graph[name], values[name][place]
        if variable.is_image:
            images[name] = as_png(value, variable)
        elif variable.is_discrete:
            label = variable.decode(int(value))
            attributes[name] = label if isinstance(label, str | int | float | bool) else str(label)
        else:
            attributes[name] = float(value)
    return {"attributes": attributes, "images": images}


def _page(schema: Mapping[str, Any], graph: CausalGraph) -> str:
    """Return the operations and variables as a page that loads no other resources."""
    operations = "".join(
        f"<dt><code>{method.upper()} {escape(path)}</code></dt><dd>{escape(entry.get('description', ''))}</dd>"
        for path, methods in schema["paths"].items()
        for method, entry in methods.items()
    )
    variables = "".join(f"<li>{escape(str(variable))}</li>" for variable in graph.variables.values())
    title = escape(schema["info"]["title"])
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        "<style>:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:44rem;margin:2rem auto;"
        "padding:0 1rem}dt{margin-top:.6rem}code{overflow-wrap:anywhere}</style></head><body>"
        f"<h1>{title}</h1><p>{escape(schema['info']['description'])} The full description is "
        '<a href="/openapi.json">openapi.json</a> (OpenAPI 3.1).</p>'
        f"<h2>Operations</h2><dl>{operations}</dl><h2>Variables</h2><ul>{variables}</ul></body></html>"
    )
