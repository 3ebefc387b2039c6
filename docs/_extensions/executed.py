"""The code of a page runs when the site is built, and its output follows each block.

Pages stay plain Markdown. A block of Python becomes a cell of myst-nb, and so does a block of commands that a line `% output`
follows. All pages run in one folder, in which the quick start has saved its model and `causalgen fit` a run. The folder's name
holds a hash of the package, so that an output is never older than the code.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.environment import BuildEnvironment

__all__ = ["as_notebook", "commands", "python", "setup"]

DOCS = Path(__file__).parents[1]
QUICK_START = DOCS / "tutorials" / "quickstart.md"
STUDY = DOCS / "worked" / "study.yaml"
PYTHON = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
COMMANDS = re.compile(r"^(```bash\n((?:(?!```).*\n)*)```)\n\n% output$", re.MULTILINE)
CHUNKS = 4
"""Parts in which Sphinx reads about 70 pages with two processes."""
HEADER = "---\nfile_format: mystnb\nkernelspec: {name: python3}\n---\n"
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
    app.connect("builder-inited", _prepare)
    app.connect("env-before-read-docs", _deal_out)
    app.connect("source-read", _read)
    app.connect("env-get-outdated", _outdated)
    return {"parallel_read_safe": True}


def _name_folders(app: Sphinx, config: Config) -> None:
    files = [QUICK_START, STUDY, *sorted((DOCS.parent / "causalgen").rglob("*.py"))]
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]
    app.workplace = Path(app.doctreedir, "workplace", digest)  # type: ignore[attr-defined]
    config.nb_execution_cache_path = str(Path(app.doctreedir, "outputs"))


def _prepare(app: Sphinx) -> None:
    """Train the two small models that the pages use, at the same time."""
    folder: Path = app.workplace  # type: ignore[attr-defined]
    paths = [str(Path(sys.executable).parent), os.environ["PATH"]]
    os.environ |= {"PATH": os.pathsep.join(paths), "COLUMNS": "88", "OMP_NUM_THREADS": "1"}
    if app.config.nb_execution_mode == "off" or (folder / "ready").exists():
        return
    shutil.rmtree(folder.parent, ignore_errors=True)
    folder.mkdir(parents=True)
    fit = ["-m", "causalgen", "fit", str(STUDY), "--out", "runs/morphodigits"]
    programs = [["-c", python(QUICK_START.read_text(encoding="utf-8"))], fit]
    running = [
        subprocess.Popen([sys.executable, *program], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for program in programs
    ]
    codes = [process.wait() for process in running]
    if any(codes):
        raise RuntimeError(f"Expected the quick start and {STUDY.name} to run; got a failure. Run them to see it.")
    (folder / "ready").touch()


def _deal_out(app: Sphinx, env: BuildEnvironment, docnames: list[str]) -> None:
    """Reorder the pages, so that each process of a parallel build gets as many whose code runs: folders hold them together."""
    docnames[:] = [page for first in range(CHUNKS) for page in docnames[first::CHUNKS]]


def _read(app: Sphinx, docname: str, source: list[str]) -> None:
    if app.config.nb_execution_mode != "off":
        source[0] = as_notebook(source[0], app.workplace)  # type: ignore[attr-defined]


def _outdated(app: Sphinx, env: BuildEnvironment, added: object, changed: object, removed: object) -> list[str]:
    """Pages with code are read in every build: the cache of myst-nb knows whether they have to run."""
    return [page for page in env.found_docs if PYTHON.search(env.doc2path(page).read_text(encoding="utf-8"))]
