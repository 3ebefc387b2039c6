"""`causalgen doctor`: what is missing is named with its remedy, and the exit code says whether causalgen can run."""

import json
from importlib.metadata import PackageNotFoundError, version

import pytest
from typer.testing import CliRunner

from causalgen.cli.app import app
from causalgen.training import doctor

BASE = ("torch", "pandas", "dowhy", "pydantic")
EXTRAS = {"econml": "econml", "onnx": "onnxruntime", "ppi": "ppi-python"}


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["doctor", *arguments])
    return result.exit_code, result.output


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_step_seconds", lambda device: {1: 0.25, 2: 0.2})


def install(monkeypatch: pytest.MonkeyPatch, package: str, found: str | None) -> None:
    def pretended(name: str) -> str:
        if name != package:
            return version(name)
        if found is None:
            raise PackageNotFoundError(name)
        return found

    monkeypatch.setattr(doctor, "version", pretended)


def test_this_machine_meets_the_requirements_and_a_step_is_timed() -> None:
    code, output = run("--json")
    found = json.loads(output)
    assert (code, found["unmet"]) == (0, [])
    assert all(seconds > 0 for seconds in found["seconds"].values())
    assert found["versions"]["torch"] == version("torch")
    assert found["precision"] in ("32-true", "bf16-mixed")


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("package", BASE)
@pytest.mark.parametrize("found", ["0.0.1", None])
def test_an_unmet_requirement_is_named_with_its_remedy(
    package: str, found: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, package, found)
    code, output = run()
    assert code == 1
    assert f"Expected {package}" in output
    assert f"got {found or 'none'}. Run pip install '{package}" in output
    assert "all met" not in output


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("extra", EXTRAS)
def test_a_missing_extra_is_no_fault(extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, EXTRAS[extra], None)
    code, output = run()
    assert code == 0
    assert f"Optional, not installed: {extra} (pip install 'causalgen[{extra}]')" in output
    assert "250 ms with 1 thread, 200 ms with 2 threads" in output
