"""The tiny study as a file."""

from pathlib import Path

import pytest
from study_cases import TINY


@pytest.fixture
def study_file(tmp_path: Path) -> Path:
    """The tiny study; tests write over it."""
    path = tmp_path / "study.yaml"
    path.write_text(TINY, encoding="utf-8")
    return path
