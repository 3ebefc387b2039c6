"""The commands and their common options."""

from typing import Annotated

import typer

from .._version import __version__
from .audit import audit
from .augment import augment
from .benchmark import benchmark
from .check import check
from .counterfactual import counterfactual
from .data import get_data, list_data, show_data
from .discover import discover
from .doctor import doctor
from .effects import effects
from .evaluate import evaluate
from .explore import explore
from .export import export
from .graph import graph
from .intervene import intervene
from .mediation import mediation
from .models import get_model, list_models, push_model, write_card
from .new import new
from .once import Once
from .power import power
from .repair import repair
from .restore import restore
from .run import fit, run
from .sample import sample
from .serve import serve
from .show import show
from .transfer import transfer

__all__ = ["app"]

EPILOG = "Exit codes: 0 done, 1 failed, 2 bad input or usage, 130 interrupted, 143 terminated."

app = typer.Typer(
    help="Counterfactual images from deep structural causal models, and the effects of image attributes.",
    epilog=EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command(cls=Once, epilog=EPILOG)(new)
app.command(cls=Once, epilog=EPILOG)(check)
app.command(cls=Once, epilog=EPILOG)(run)
app.command(cls=Once, epilog=EPILOG)(fit)
app.command(cls=Once, epilog=EPILOG)(show)
app.command(cls=Once, epilog=EPILOG)(sample)
app.command(cls=Once, epilog=EPILOG)(intervene)
app.command(cls=Once, epilog=EPILOG)(counterfactual)
app.command(cls=Once, epilog=EPILOG)(transfer)
app.command(cls=Once, epilog=EPILOG)(restore)
app.command(cls=Once, epilog=EPILOG)(explore)
app.command(cls=Once, epilog=EPILOG)(evaluate)
app.command(cls=Once, epilog=EPILOG)(benchmark)
app.command(cls=Once, epilog=EPILOG)(discover)
app.command(cls=Once, epilog=EPILOG)(effects)
app.command(cls=Once, epilog=EPILOG)(mediation)
app.command(cls=Once, epilog=EPILOG)(power)
app.command(cls=Once, epilog=EPILOG)(graph)
app.command(cls=Once, epilog=EPILOG)(audit)
app.command(cls=Once, epilog=EPILOG)(augment)
app.command(cls=Once, epilog=EPILOG)(repair)
app.command(cls=Once, epilog=EPILOG)(export)
app.command(cls=Once, epilog=EPILOG)(serve)
app.command(cls=Once, epilog=EPILOG)(doctor)

data = typer.Typer(help="List, fetch and show the data sets of the catalog.", epilog=EPILOG, no_args_is_help=True)
data.command("list", cls=Once, epilog=EPILOG)(list_data)
data.command("get", cls=Once, epilog=EPILOG)(get_data)
data.command("show", cls=Once, epilog=EPILOG)(show_data)
app.add_typer(data, name="data")

models = typer.Typer(help="List, fetch, describe and share fitted models.", epilog=EPILOG, no_args_is_help=True)
models.command("list", cls=Once, epilog=EPILOG)(list_models)
models.command("card", cls=Once, epilog=EPILOG)(write_card)
models.command("get", cls=Once, epilog=EPILOG)(get_model)
models.command("push", cls=Once, epilog=EPILOG)(push_model)
app.add_typer(models, name="models")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"causalgen {__version__}")
        raise typer.Exit


@app.callback()
def causalgen(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Counterfactual images from deep structural causal models, and the effects of image attributes."""
