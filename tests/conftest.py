"""Settings of the whole suite."""

import os
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # tensors here are small: more threads only wait for one another
os.environ.setdefault("GOMP_SPINCOUNT", "0")  # tests of several threads must not wait in busy loops

import pytest
import torch
from blank_pictures import blank_pictures

UNDRAWN = ("audit", "augmentation", "benchmark", "cli", "discovery", "docs", "effects", "mediation", "studies")


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of the real data sets, from the environment variable CAUSALGEN_DATA."""
    folder = os.environ.get("CAUSALGEN_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("set CAUSALGEN_DATA to the folder of the real data sets to run this test")
    return Path(folder)


@pytest.fixture(scope="module", autouse=True)
def _undrawn(request: pytest.FixtureRequest) -> Iterator[None]:
    """The rooms that write many pages do not draw their figures, except modules with `PICTURES_ARE_DRAWN = True`.

    `tests/reports` tests what figures show, and `tests/cli/test_run.py` draws those of a whole run.
    """
    room = request.path.relative_to(Path(__file__).parent).parts[0]
    if room in UNDRAWN and not getattr(request.module, "PICTURES_ARE_DRAWN", False):
        with blank_pictures():
            yield
    else:
        yield
