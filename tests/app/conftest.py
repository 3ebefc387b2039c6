"""Explorers of untrained runs, shared by the tests of the page."""

from pathlib import Path

import pytest
from study_cases import TINY
from untrained_run import write_untrained_run

from causalgen.app import Explorer
from causalgen.studies.runfolder import read_run

from .twins import write_twins


@pytest.fixture(scope="session")
def twins(tmp_path_factory: pytest.TempPathFactory) -> Explorer:
    """An explorer of a table with two images a unit; see `twins`."""
    return Explorer(read_run(write_twins(tmp_path_factory.mktemp("twins"))))


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Explorer:
    """An explorer of digits, whose truth is known."""
    home: Path = tmp_path_factory.mktemp("digits")
    (home / "study.yaml").write_text(TINY)
    (home / "run").mkdir()
    write_untrained_run(home / "run", home / "study.yaml")
    return Explorer(read_run(home / "run"))
