"""The example plants a bias in classifiers; the audit has to find it, and to be silent without it."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "audit" / "planted_bias.py"


@pytest.fixture(scope="module")
def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("planted_bias", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_the_planted_bias_is_found_in_twenty_of_twenty_seeds(example: ModuleType) -> None:
    """20 and 0 of 20 alarms; about 5 minutes on one idle core, 15 on a busy one."""
    reports = example.run(seeds=20)
    assert sum(map(example.alarmed, reports[True])) == 20
    assert sum(map(example.alarmed, reports[False])) <= 2
