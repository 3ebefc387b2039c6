"""A type checker understands what users write with the public doors, and catches what they get wrong; about 10 s."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent / "user_script.py"
PASSED_OVER = (
    "torch pyro zuko sklearn scipy networkx pandas matplotlib lightning_fabric dowhy econml statsmodels jinja2 pydantic "
    "PIL rich"
)
READ = (
    "torch torch._C torch._tensor torch.autograd torch.autograd.grad_mode torch.utils torch.utils._contextlib torch.nn "
    "torch.nn.modules torch.nn.modules.module"
)
"""Of the libraries that take the checker long: what types tensors, models, and functions under `no_grad`."""
MISTAKES = {
    'Variable("hurry", "continous")': "arg-type",
    "StructuralCausalModel()": "call-arg",
    "fit(scm, data, epochs=3)": "call-arg",
    "scm.sample()": "call-arg",
    "scm.sample(3).columns": "attr-defined",
    "scm.abduct(data.rows([0])).units.upper()": "attr-defined",
    "world.difference(3)": "call-overload",
    "report.estimates[0].low + 1": "operator",
}
HEAD = """from causalgen import CausalGraph, Counterfactual, Dataset, EffectReport, StructuralCausalModel, Variable, fit
def script(scm: StructuralCausalModel, data: Dataset, world: Counterfactual, report: EffectReport) -> None:
"""


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What mypy says of both files, strict about them, as a user's own project would be."""
    if find_spec("mypy") is None:
        pytest.skip("mypy is not installed")
    folder = tmp_path_factory.mktemp("mypy")
    (folder / "mistakes.py").write_text(HEAD + "".join(f"    {mistake}\n" for mistake in MISTAKES))
    follow = {"skip": ",".join(f"{name},{name}.*" for name in PASSED_OVER.split()), "silent": ",".join(READ.split())}
    parts = "".join(f"[mypy-{names}]\nfollow_imports = {how}\n" for how, names in follow.items())
    (folder / "mypy.ini").write_text(
        "[mypy]\nstrict = true\nignore_missing_imports = true\nfollow_imports = silent\n" + parts
    )
    options = ["--config-file", folder / "mypy.ini", "--cache-dir", folder / "cache"]
    command = [sys.executable, "-m", "mypy", *options, SCRIPT, folder / "mistakes.py"]
    return subprocess.run(list(map(str, command)), capture_output=True, text=True).stdout


def test_a_users_script_is_typed(said: str) -> None:
    assert "checked 2 source files" in said, said
    assert SCRIPT.name not in said, said


@pytest.mark.parametrize(("line", "mistake"), enumerate(MISTAKES, 3))
def test_mistakes_are_found(line: int, mistake: str, said: str) -> None:
    assert any(f".py:{line}: error" in row and f"[{MISTAKES[mistake]}]" in row for row in said.splitlines()), said
