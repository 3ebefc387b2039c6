"""`causalgen serve`: the model of a run as a service over HTTP."""

from typing import Annotated

import typer

from .failures import failures
from .opened import Sha256, opened_model
from .options import ModelArgument, TrustCode
from .threads import Threads, cap_threads

__all__ = ["serve"]


def serve(
    run: ModelArgument,
    host: Annotated[
        str,
        typer.Option(help="Address to listen on; 0.0.0.0 lets other machines connect, without a password."),
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 8000,
    sha256: Sha256 = None,
    trust_code: TrustCode = False,
    threads: Threads = None,
) -> None:
    """Answer counterfactuals, samples and noise of a fitted model over HTTP, until Ctrl-C or SIGTERM.

    The address shows the operations; /openapi.json describes them to programs.

    Example: causalgen serve runs/morphodigits --port 8000

    Example: causalgen serve pretrained:morphodigits
    """
    with failures():
        folder = opened_model(run, trust_code=trust_code, sha256=sha256)
        from ..address import listen
        from ..service.http import hosts_for, web_app
        from ..service.http import serve as answer
        from ..studies.asking import fitted_model, renderings_of
        from ..studies.saved_model import name_of

        cap_threads()
        with listen(port, host) as bound:
            name = name_of(folder)
            app = web_app(fitted_model(folder), renderings_of(folder), name=name, hosts=hosts_for(host))
            shown = f"[{host}]" if ":" in host else host
            typer.echo(f"Serving {name} at http://{shown}:{bound.getsockname()[1]} (Ctrl-C stops it)")
            answer(app, bound)
