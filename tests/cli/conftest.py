"""Runs of the command line inside this process, with a cache of their own."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from study_cases import TINY
from typer.testing import CliRunner, Result

from causalgen.cli.app import app

Command = Callable[..., Result]


@pytest.fixture(scope="session", autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    before = os.environ.get("CAUSALGEN_CACHE")
    os.environ["CAUSALGEN_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    yield
    if before is None:
        del os.environ["CAUSALGEN_CACHE"]
    else:
        os.environ["CAUSALGEN_CACHE"] = before


@pytest.fixture(scope="session")
def causalgen() -> Command:
    """`causalgen("run", "study.yaml")` as in a terminal 200 columns wide."""
    runner = CliRunner(env={"COLUMNS": "200"})
    return lambda *arguments: runner.invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def study_file(tmp_path: Path) -> Path:
    """The tiny study; tests write over it."""
    path = tmp_path / "study.yaml"
    path.write_text(TINY, encoding="utf-8")
    return path
