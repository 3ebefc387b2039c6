"""`causalgen explore`: a page in the browser to explore the model of a run."""

from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from .counterfactual import words_of
from .failures import failures
from .opened import Sha256, opened_model
from .options import ModelArgument, TrustCode
from .terminal import print_files, print_notes
from .threads import Threads, cap_threads

__all__ = ["explore"]


def explore(
    run: ModelArgument,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the loopback address.", show_default="a free one")
    ] = 0,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Only print the address.")] = False,
    export: Annotated[
        Path | None,
        typer.Option(help="Write the page as one file into this folder instead, with precomputed answers."),
    ] = None,
    rows: Annotated[
        str | None,
        typer.Option(help="Rows on the exported page, such as 3,7.", show_default="the first six of the test split"),
    ] = None,
    sha256: Sha256 = None,
    trust_code: TrustCode = False,
    threads: Threads = None,
) -> None:
    """Open a page in the browser: choose a unit, move its attributes, and see what it would have been.

    Only this machine can reach the page, and nothing is loaded from the network. Ctrl-C ends it.

    Example: causalgen explore runs/morphodigits

    Example: causalgen explore runs/morphodigits --export page --rows 3,7,12
    """
    if rows is not None and export is None:
        raise typer.BadParameter(
            "Expected --rows together with --export; the page shows all rows.", param_hint="--rows"
        )
    words = words_of(rows, "--rows") if rows is not None else []
    with failures():
        folder = opened_model(run, trust_code=trust_code, sha256=sha256)
        if export is not None:
            from ..app import Explorer, write_static_page

            cap_threads()
            print_notes(
                ["Whoever gets the page sees the images and attributes of its units. Check that you may share them."]
            )
            print_files(write_static_page(Explorer(folder), export, words))
            return
        from ..address import listen, open_browser

        listening = listen(port)
        from ..app import Explorer
        from ..app.web import new_key, serve, web_app

        cap_threads()
        key = new_key()
        app = web_app(Explorer(folder), key)
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/?key={key}"
        typer.echo(url)
        typer.echo("Press Ctrl-C to stop.", err=True)
        if not no_browser:
            open_browser(url)
        with suppress(KeyboardInterrupt):  # Ctrl-C is the normal way to end it, so the command succeeds
            serve(app, listening)
        typer.echo("Stopped.", err=True)
