"""Settings of the whole suite."""

import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # tensors here are small: more threads only wait for one another
os.environ.setdefault("GOMP_SPINCOUNT", "0")  # tests of several threads must not wait in busy loops

import pytest
import torch


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
