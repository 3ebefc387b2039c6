"""`causalgen models`: commands that fetch, describe and share fitted models."""

from pathlib import Path
from typing import Annotated

import typer

from .failures import failures
from .options import AsJson, RunArgument, TrustCode
from .terminal import print_files, print_json, print_table

__all__ = ["get_model", "list_models", "push_model", "write_card"]


def list_models(as_json: AsJson = False) -> None:
    """List the models on this machine: those that come with causalgen, and those that were fetched from elsewhere.

    Example: causalgen models list
    """
    with failures():
        from ..models import PRETRAINED
        from ..models import list_models as listed

        found = [
            {"name": model.name, "comes": model.comes, "what": PRETRAINED.get(model.name, ""), "folder": model.folder}
            for model in listed()
        ]
        if as_json:
            print_json({"models": found})
            return
        print_table(("model", "comes", "what"), [(one["name"], one["comes"], one["what"]) for one in found])
        for one in found:  # paths go below the table, whose columns would truncate them
            typer.echo(f"{one['name']}: {one['folder'] or 'unpacked on first use'}")


def write_card(
    run: RunArgument,
    trust_code: TrustCode = False,
) -> None:
    """Rewrite the card of a run's model: data, licence, graph, assumptions, metrics, and what it must not be used for.

    Every run writes the card; this command adds metrics that were computed later, and discards manual edits.

    Example: causalgen models card runs/morphodigits
    """
    with failures():
        from ..studies.runfolder import read_run

        folder = read_run(run, trust_code=trust_code)
        from ..studies.asking import fitted_model
        from ..studies.cards import write_run_card

        print_files(write_run_card(folder, fitted_model(folder)))


def get_model(
    source: Annotated[
        str, typer.Argument(help="A model folder, a .zip or .tar archive, or hf:owner/name.", show_default=False)
    ],
    name: Annotated[
        str | None, typer.Option(help="Local name of the model.", show_default="the name of the source")
    ] = None,
    revision: Annotated[str | None, typer.Option(help="Commit of a repository.", show_default="the newest")] = None,
    trust_code: TrustCode = False,
) -> None:
    """Check the files of a model from elsewhere and store it; nothing in it is executed.

    Example: causalgen models get digits.zip --name digits
    """
    with failures():
        from ..models import get_model as get

        print_files(get(source, name, revision=revision, trust_code=trust_code))


def push_model(
    model: Annotated[Path, typer.Argument(help="A model folder, or the folder of a run.", show_default=False)],
    target: Annotated[
        str, typer.Argument(help="A new folder, a .zip or .tar archive, or hf:owner/name.", show_default=False)
    ],
    public: Annotated[bool, typer.Option("--public", help="Make a newly created repository public.")] = False,
    rounded: Annotated[
        bool, typer.Option("--rounded", help="Keep 11 significant bits of the weights: an archive is half as large.")
    ] = False,
    trust_code: TrustCode = False,
) -> None:
    """Check the files of a model and share it with its card. Read the card first: it states what the model reveals.

    Example: causalgen models push runs/morphodigits digits.zip
    """
    if public and not target.startswith("hf:"):
        raise typer.BadParameter("Expected --public for a repository hf:owner/name.", param_hint="--public")
    with failures():
        from ..models import push_model as push

        folder = model / "model" if (model / "run.json").exists() else model
        typer.echo(push(folder, target, private=not public, rounded=rounded, trust_code=trust_code))
