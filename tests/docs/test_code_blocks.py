"""The code of the README and of the docs runs as it stands: Python, study files and command lines.

The build of the site executes the Python of its pages (`docs/_extensions/executed.py`). What it cannot execute runs here: the
README, and the tutorials whose data are not in the repository. Both run in a smoke form: the cell tagged `parameters` and the
README's settings are replaced by small ones, and predictors pass over their images twice.
The slow tests run all pages on another table.
"""

import contextlib
import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

import own_table
import pytest

import causalgen as cg
from causalgen.graph import CausalGraph
from causalgen.mechanisms.catalog import MECHANISMS
from causalgen.predictors.config import PredictorConfig

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
QUICK_START = DOCS / "tutorials" / "quickstart.md"
PAGES = [ROOT / "README.md", *sorted(p for p in DOCS.glob("**/*.md") if "_build" not in p.parts)]
SMOKE = "rows, epochs, simulations = 600, 1, 10"
SHORT = {
    "rows=1000": "rows=300",
    "FitConfig(images=cg.Stage(epochs=10,": "FitConfig(cg.Stage(epochs=3), cg.Stage(epochs=1,",
}
"""The README's settings; the quick start runs the same lines as they stand when the site is built."""
BLOCK = re.compile(r"^```(python|\{code-cell\})\n(.*?)^```$", re.DOTALL | re.MULTILINE)
PARAMETERS = re.compile(r"^:tags: \[parameters\]\n.*", re.DOTALL)


def _python(page: Path) -> str:
    blocks = [code for _, code in BLOCK.findall(page.read_text(encoding="utf-8"))]
    code = "\n".join(PARAMETERS.sub(SMOKE, block) for block in blocks)
    return re.sub(r"^%.*\n", "", code, flags=re.MULTILINE)  # what only a notebook knows


MORPHODIGITS = 'load("morphodigits"'


def _blocks(language: str) -> list[tuple[Path, str]]:
    pattern = re.compile(rf"^```{language}\n(.*?)^```$", re.DOTALL | re.MULTILINE)
    return [(page, block) for page in PAGES for block in pattern.findall(page.read_text(encoding="utf-8"))]


def _is_executed(page: Path) -> bool:
    """Whether the build of the site executes a page: all do that need no data from elsewhere."""
    return page.is_relative_to(DOCS) and "CAUSALGEN_DATA" not in _python(page)


def _run(page: Path, settings: Mapping[str, str] = MappingProxyType({})) -> None:
    import matplotlib.pyplot as plt

    code = _python(page)
    for full, short in settings.items():
        assert full in code
        code = code.replace(full, short)
    exec(compile(code, str(page), "exec"), {"__name__": "__main__"})
    plt.close("all")


@pytest.fixture(autouse=True)
def _catalog_as_it_was() -> Iterator[None]:
    before = dict(MECHANISMS)
    yield
    MECHANISMS.clear()
    MECHANISMS.update(before)


@pytest.mark.parametrize("page", [p for p in PAGES if _python(p) and not _is_executed(p)], ids=lambda p: p.name)
@pytest.mark.filterwarnings("ignore")
def test_python_runs(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    if "CAUSALGEN_DATA" in _python(page):
        request.getfixturevalue("real_data")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(PredictorConfig, "passes", lambda *_: 2)
    _run(page, SHORT if page.name == "README.md" else {})


@pytest.fixture(scope="module")
def own_workplace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of the quick start, with morphodigits as an own table: a shuffled string index, groups, holes, image files."""
    folder, catalog = tmp_path_factory.mktemp("own"), cg.load
    known: dict[int | None, cg.Dataset] = {}

    def load(name: str, *, rows: int | None = None) -> cg.Dataset:
        if rows not in known:
            known[rows] = own_table.as_own_table(catalog(name, rows=rows), folder / f"images-{rows}")
        return known[rows]

    with pytest.MonkeyPatch.context() as patch, contextlib.chdir(folder):
        patch.setattr(cg, "load", load, raising=False)
        _run(QUICK_START)
        assert set(known) == {1000}
        yield folder


@pytest.mark.slow
@pytest.mark.parametrize(
    "page", [p for p in PAGES if MORPHODIGITS in _python(p) and p != QUICK_START],
    ids=lambda p: p.name,
)  # fmt: skip
@pytest.mark.filterwarnings("ignore")
def test_python_runs_on_an_own_table(page: Path, own_workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(own_workplace)
    _run(page)


@pytest.mark.parametrize(("page", "study"), [(p, s) for p, s in _blocks("yaml") if s.startswith("name:")])
def test_study_files_are_right(page: Path, study: str, tmp_path: Path) -> None:
    from causalgen.studies.data_section import OwnData
    from causalgen.studies.schema import load_study
    from causalgen.studies.sources import study_graph
    from causalgen.studies.validate import check_study

    path = tmp_path / "study.yaml"
    path.write_text(study, encoding="utf-8")
    plan = load_study(path)
    if isinstance(plan.data, OwnData):
        assert CausalGraph(plan.data.graph).nodes
    else:
        check_study(plan, study_graph(plan))


def _commands() -> list[list[str]]:
    lines = [
        shlex.split(line, comments=True)
        for _, block in _blocks("bash")
        for line in block.replace("\\\n", " ").splitlines()
    ]
    return [words[1:] for words in lines if words[:1] == ["causalgen"]]


@pytest.mark.parametrize("words", _commands(), ids=lambda words: " ".join(words)[:60])
def test_commands_exist_with_these_options(words: list[str]) -> None:
    import typer

    from causalgen.cli.app import app

    group = typer.main.get_command(app)
    context = typer.Context(group)
    while hasattr(group, "commands") and words[0] in group.commands:
        group, words = group.commands[words[0]], words[1:]
    if "--help" not in words and "-h" not in words:
        group.make_context("causalgen", words, parent=context)


@pytest.mark.parametrize("page", sorted(ROOT.glob("*.md")) + PAGES[1:], ids=lambda p: p.name)
def test_links_to_files_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text(encoding="utf-8"))
    assert all((page.parent / target).exists() for target in targets)
