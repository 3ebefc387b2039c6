"""The documentation site builds without a warning, and every page can be reached."""

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted(p.relative_to(DOCS) for p in DOCS.glob("**/*.md") if "_build" not in p.parts)


def _listed() -> set[str]:
    """Pages that some table of contents names, without their suffix."""
    found = {"index"}
    for page in PAGES:
        for tree in re.findall(r"^```\{toctree\}\n(.*?)^```", (DOCS / page).read_text(encoding="utf-8"), re.S | re.M):
            lines = [line.strip() for line in tree.splitlines() if line.strip() and not line.startswith(":")]
            names = [line.removesuffix(">").rsplit("<", 1)[-1] for line in lines]
            found |= {os.path.normpath(page.parent / name) for name in names}
    return found


def test_every_page_is_in_a_table_of_contents() -> None:
    assert _listed() == {page.with_suffix("").as_posix() for page in PAGES}


def test_old_addresses_lead_to_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])  # conf.py adds to it
    moved = runpy.run_path(str(DOCS / "conf.py"))["moved_pages"]
    assert moved
    assert {(DOCS / f"{old}.md").exists() for old in moved} == {False}
    assert {(DOCS / f"{new}.md").exists() for new in moved.values()} == {True}


@pytest.mark.slow
def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    """Sphinx with warnings as errors, in a fresh folder: internal links and anchors resolve, docstrings parse."""
    for module in ("sphinx", "furo", "myst_nb"):
        pytest.importorskip(module, reason="the site needs the extra docs")
    command = [sys.executable, "-m", "sphinx", "-W", "-q", "-b", "html", str(DOCS), str(tmp_path / "site")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "site" / "api" / "scm.html").exists()
    assert "tutorials/quickstart.html" in (tmp_path / "site" / "quickstart.html").read_text(encoding="utf-8")
