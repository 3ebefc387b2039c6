"""The documentation site builds without a warning, and every page can be reached."""

import importlib
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


@pytest.mark.parametrize("page", [p for p in PAGES if p.parts[0] not in ("api", "data", "index.md")], ids=str)
def test_the_first_sentence_states_the_purpose_of_a_page(page: Path) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    first = re.search(r"^# .+\n\n(.+)", text, re.MULTILINE)
    assert first
    assert re.match(r"This (page|guide|tutorial) |These |Each guide ", first[1])


def test_old_addresses_lead_to_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])  # conf.py adds to it
    moved = runpy.run_path(str(DOCS / "conf.py"))["moved_pages"]
    assert moved
    assert {(DOCS / f"{old}.md").exists() for old in moved} == {False}
    assert {(DOCS / f"{new}.md").exists() for new in moved.values()} == {True}


def test_every_picture_is_drawn_by_the_script_and_shown() -> None:
    pictures = {path.name for path in (DOCS / "images").glob("*")}
    script = (DOCS / "pictures.py").read_text(encoding="utf-8")
    assert pictures == set(re.findall(r'HERE / "(.+?)"', script))
    pages = [DOCS.parent / "README.md", *(DOCS / page for page in PAGES)]
    shown = "".join(page.read_text(encoding="utf-8") for page in pages)
    assert {name for name in pictures if f"images/{name}" not in shown} == set()


def test_code_becomes_cells_and_commands_show_their_output(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(DOCS / "_extensions")
    executed = importlib.import_module("executed")
    page = "# A\n\n```python\nx = 1\n```\n\n```bash\nls\n```\n\n```bash\necho a\n```\n\n% output\n"
    cells = executed.as_notebook(page, Path("place"))
    assert cells.count("```{code-cell}") == 3  # the first one moves to the folder
    assert """["bash", "-ec", 'echo a\\n']""" in cells
    assert cells.count("subprocess.run") == 1
    assert executed.as_notebook("# A\n\n```bash\nls\n```\n", Path("place")).startswith("# A")
    for page in PAGES:
        text = (DOCS / page).read_text(encoding="utf-8")
        assert text.count("% output") == len(executed.commands(text)), f"{page}: an output without commands"


@pytest.mark.skipif(sys.platform != "linux", reason="kernels are forked on Linux alone")
def test_forked_kernels_share_loaded_modules_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nbclient = pytest.importorskip("nbclient", reason="the site needs the extra docs")
    nbformat = pytest.importorskip("nbformat", reason="the site needs the extra docs")
    monkeypatch.syspath_prepend(DOCS / "_extensions")
    monkeypatch.setenv("JUPYTER_PATH", "")
    monkeypatch.setenv("JUPYTER_PLATFORM_DIRS", "1")  # else jupyter_core warns
    servers = importlib.import_module("kernel_server")
    code = "import os, sys; print('colorsys' in sys.modules, 'left' in os.environ, 'left' in globals())"
    kernel = {"name": servers.NAME, "display_name": "Python 3"}
    with servers.KernelServer(tmp_path, loaded=["colorsys"]):
        for _ in range(2):
            cells = [nbformat.v4.new_code_cell(f"{code}; left = os.environ['left'] = 'behind'")]
            notebook = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
            nbclient.execute(notebook, cwd=str(tmp_path))
            assert notebook.cells[0].outputs[0].text == "True False False\n"


@pytest.mark.slow
def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    """Sphinx with warnings as errors, in a fresh folder: internal links and anchors resolve, docstrings parse."""
    for module in ("sphinx", "furo", "myst_nb"):
        pytest.importorskip(module, reason="the site needs the extra docs")
    command = [sys.executable, "-m", "sphinx", "-W", "-q", "-j", "2", "-b", "html", str(DOCS), str(tmp_path / "site")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "site" / "api" / "scm.html").exists()
    assert "doubly robust:" in (tmp_path / "site" / "guides" / "effects.html").read_text(encoding="utf-8")
    assert "tutorials/quickstart.html" in (tmp_path / "site" / "quickstart.html").read_text(encoding="utf-8")
