"""The code of a page runs when the site is built, and its output follows each block.

Pages stay plain Markdown. A block of Python becomes a cell of myst-nb, and so does a block of commands that a line `% output`
follows. All pages run in one folder, in which the quick start, the first of them, saves its model, and `causalgen fit` a run.
The folder's name holds a hash of the package, so that an output is never older than the code.

Pages run before Sphinx reads them, as many at a time as the build has processes, and those with most code first. On Linux
their kernels come from `kernel_server`.
"""

import hashlib
import logging
import os
import re
import shutil
import subprocess
import sys
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from joblib import Parallel, delayed
from kernel_server import NAME, KernelServer
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError

if TYPE_CHECKING:
    from jupyter_cache.cache.main import JupyterCacheBase
    from nbformat import NotebookNode

__all__ = ["as_notebook", "commands", "python", "setup"]

DOCS = Path(__file__).parents[1]
QUICK_START = DOCS / "tutorials" / "quickstart.md"
STUDY = DOCS / "worked" / "study.yaml"
PYTHON = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
COMMANDS = re.compile(r"^(```bash\n((?:(?!```).*\n)*)```)\n\n% output$", re.MULTILINE)
FORKS = sys.platform == "linux"
HEADER = f"---\nfile_format: mystnb\nkernelspec: {{name: {NAME if FORKS else 'python3'}}}\n---\n"
FIRST = """```{{code-cell}}
:tags: [remove-cell]

%matplotlib inline
import os, sys

os.chdir({folder!r})
sys.path.append({worked!r})
for name in ("FORCE_COLOR", "CLICOLOR_FORCE"):  # Jupyter sets them; colours would be escape codes on the page
    os.environ.pop(name, None)
```

"""
SHOWN = """```{{code-cell}}
:tags: [remove-input]

import subprocess  # and not a cell of Bash, whose output comes in pieces

print(subprocess.run(["bash", "-ec", {0!r}], check=True, capture_output=True, text=True).stdout)
```"""


def python(text: str) -> str:
    """All Python of a page as one program."""
    return "\n".join(PYTHON.findall(text))


def commands(text: str) -> list[str]:
    """The blocks of commands of a page that run."""
    return [block for _, block in COMMANDS.findall(text)]


def as_notebook(text: str, folder: Path) -> str:
    """The page with its code as cells that run in a folder; a page without code that runs stays as it is."""
    if not (PYTHON.search(text) or COMMANDS.search(text)):
        return text
    text = COMMANDS.sub(lambda found: f"{found[1]}\n\n{SHOWN.format(found[2])}", text)
    text = PYTHON.sub(r"```{code-cell}\n\1```", text)
    first = FIRST.format(folder=str(folder), worked=str(STUDY.parent))
    return HEADER + text.replace("```{code-cell}", first + "```{code-cell}", 1)


def setup(app: Sphinx) -> dict[str, bool]:
    """Execute pages unless `nb_execution_mode` is off."""
    app.connect("config-inited", _name_folders, priority=400)  # before myst-nb reads its options
    app.connect("env-before-read-docs", _run_pages)
    app.connect("source-read", _read)
    app.connect("env-get-outdated", _outdated)
    return {"parallel_read_safe": True}


def _name_folders(app: Sphinx, config: Config) -> None:
    files = [QUICK_START, STUDY, *sorted((DOCS.parent / "causalgen").rglob("*.py"))]
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]
    app.workplace = Path(app.doctreedir, "workplace", digest)  # type: ignore[attr-defined]
    config.nb_execution_cache_path = str(Path(app.doctreedir, "outputs"))


def _run_pages(app: Sphinx, env: BuildEnvironment, docnames: list[str]) -> None:
    """Run the code of the pages whose outputs are not kept; Sphinx then finds the outputs of all."""
    if app.config.nb_execution_mode == "off":
        return
    from jupyter_cache import get_cache
    from myst_nb.core.read import read_myst_markdown_notebook

    folder: Path = app.workplace  # type: ignore[attr-defined]
    timeout = app.config.nb_execution_timeout  # of one block
    cache = get_cache(app.config.nb_execution_cache_path)
    texts = {
        page: as_notebook(page.read_text(encoding="utf-8"), folder) for page in map(Path, map(env.doc2path, docnames))
    }
    notebooks = {page: read_myst_markdown_notebook(text) for page, text in texts.items() if text.startswith(HEADER)}
    trained = (folder / "ready").exists()
    waiting = {page: notebook for page, notebook in notebooks.items() if not _is_kept(cache, notebook)}
    if trained and not waiting:
        return
    paths = [str(Path(sys.executable).parent), os.environ["PATH"]]
    os.environ |= {"PATH": os.pathsep.join(paths), "COLUMNS": "88", "OMP_NUM_THREADS": "1"}
    logging.getLogger("traitlets").setLevel(logging.WARNING)  # nbclient announces every page
    with KernelServer(Path(app.doctreedir)) if FORKS else nullcontext():
        if not trained:
            waiting.pop(QUICK_START, None)
            _train(cache, notebooks[QUICK_START], timeout, folder)
        longest = sorted(
            waiting.items(),
            key=lambda item: -sum(len(cell.source) for cell in item[1].cells if cell.cell_type == "code"),
        )
        workers = Parallel(n_jobs=app.parallel, prefer="threads", return_as="generator_unordered")
        for page, notebook, seconds in workers(delayed(_run)(*item, timeout) for item in longest):
            _keep(cache, page, notebook, seconds)


def _train(cache: "JupyterCacheBase", quick_start: "NotebookNode", timeout: int, folder: Path) -> None:
    """Run the quick start, and fit a run at the same time: the other pages use the models of both."""
    shutil.rmtree(folder.parent, ignore_errors=True)
    folder.mkdir(parents=True)
    fit = [sys.executable, "-m", "causalgen", "fit", str(STUDY), "--out", "runs/morphodigits"]
    fitting = subprocess.Popen(fit, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _keep(cache, *_run(QUICK_START, quick_start, timeout))
    finally:
        code = fitting.wait()
    if code:
        raise ExtensionError(f"Expected {STUDY.name} to run; got a failure. Run it to see it.")
    (folder / "ready").touch()


def _run(page: Path, notebook: "NotebookNode", timeout: int) -> tuple[Path, "NotebookNode", float]:
    """Run a page in a new kernel; returns its seconds, too."""
    from jupyter_cache.executors.utils import single_nb_execution

    folder, limits = str(page.parent), {"timeout": timeout, "startup_timeout": timeout}
    done = single_nb_execution(notebook, cwd=folder, allow_errors=False, **limits)
    if done.err is not None:
        raise ExtensionError(f"Expected the code of {page} to run; got a failure:\n{done.exc_string}")
    return page, notebook, done.time


def _keep(cache: "JupyterCacheBase", page: Path, notebook: "NotebookNode", seconds: float) -> None:
    """Keep the outputs of a page where myst-nb looks for them."""
    from jupyter_cache.base import CacheBundleIn

    outputs = CacheBundleIn(notebook, str(page), data={"execution_seconds": seconds})
    cache.cache_notebook_bundle(outputs, check_validity=False, overwrite=True)


def _is_kept(cache: "JupyterCacheBase", notebook: "NotebookNode") -> bool:
    with suppress(KeyError):
        return bool(cache.match_cache_notebook(notebook))
    return False


def _read(app: Sphinx, docname: str, source: list[str]) -> None:
    if app.config.nb_execution_mode != "off":
        source[0] = as_notebook(source[0], app.workplace)  # type: ignore[attr-defined]


def _outdated(app: Sphinx, env: BuildEnvironment, added: object, changed: object, removed: object) -> list[str]:
    """Pages with code are read in every build: the cache of myst-nb knows whether they have to run."""
    return [page for page in env.found_docs if PYTHON.search(env.doc2path(page).read_text(encoding="utf-8"))]
