"""The faults of the mutation check still fit the code; `python -m mutation.check` plants them."""

from pathlib import Path

import pytest

import causalgen

from .faults import FAULTS, Fault

PACKAGE = Path(causalgen.__file__).parent


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.path)
def test_a_fault_has_one_place_in_the_code(fault: Fault) -> None:
    code = (PACKAGE / fault.path).read_text(encoding="utf-8")
    assert code.count(fault.right) == 1
    compile(code.replace(fault.right, fault.wrong), fault.path, "exec")


def test_there_are_twenty_of_them() -> None:
    assert len(FAULTS) == 20
