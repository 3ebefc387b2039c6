"""Turns errors into one message on stderr and an exit code, without a traceback."""

import os
import platform
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from ..errors import (
    AbductionError,
    CausalgenError,
    CausalgenWarning,
    DataNote,
    DivergenceError,
    LostProcessError,
    NotObservableError,
    StorageError,
)
from ..launched import launch
from .signals import exit_code, stopped_by

__all__ = ["BAD_INPUT", "FAILED", "TRACEBACK", "failures", "speaks"]

FAILED, BAD_INPUT = 1, 2
TRACEBACK = "CAUSALGEN_TRACEBACK"
"""Environment variable that lets tracebacks through, for reporting a bug."""


@contextmanager
def failures() -> Iterator[None]:
    """Turn an exception into a message and `typer.Exit`: 2 for bad input, 1 for a failure, 130 for Ctrl-C, 143 for SIGTERM."""
    if os.environ.get(TRACEBACK):
        yield
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("default", CausalgenWarning)
            warnings.showwarning = _say_warning  # type: ignore[assignment]
            yield
    except (typer.Exit, typer.Abort):
        raise
    except KeyboardInterrupt as stop:
        if speaks():
            typer.echo(f"\n{stopped_by(stop)}", err=True)
        raise typer.Exit(exit_code(stop)) from None
    except LostProcessError as error:
        if speaks():
            _say(str(error))
        raise typer.Exit(FAILED) from None
    except (DivergenceError, AbductionError, NotObservableError, StorageError) as error:
        _say(str(error))
        raise typer.Exit(FAILED) from None
    except CausalgenError as error:
        _say(str(error))
        raise typer.Exit(BAD_INPUT) from None
    except OSError as error:
        _say(f"{error.strerror or error}" + (f": '{error.filename}'" if error.filename else ""))
        raise typer.Exit(FAILED) from None
    except ImportError as error:
        if not str(error).startswith("Expected "):  # other than a missing extra, which the message names
            raise
        _say(str(error))
        raise typer.Exit(BAD_INPUT) from None
    except Exception as error:
        _say(f"an unexpected {type(error).__name__}: {error}\nSet {TRACEBACK}=1 and run again to see where.")
        raise typer.Exit(FAILED) from None


def speaks() -> bool:
    """Whether this process prints for all processes that train together: true for the first one, or the only one."""
    started = launch()
    return started is None or started.rank == 0


def _say(message: str) -> None:
    place = ""
    if (started := launch()) is not None and started.rank:
        # Errors before training also occur in the first process of the machine, which prints them.
        if started.local_rank and not _trains():
            return
        place = f"process {started.rank + 1} of {started.processes}, on {platform.node()}: "
    typer.echo(typer.style("Error: ", fg="red", bold=True) + place + message, err=True)


def _trains() -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and torch.distributed.is_initialized()


def _say_warning(message: Warning | str, category: type[Warning], *_: object) -> None:
    if not speaks():
        return
    word = typer.style("Note: ", fg="cyan") if issubclass(category, DataNote) else typer.style("Warning: ", fg="yellow")
    typer.echo(word + str(message), err=True)
