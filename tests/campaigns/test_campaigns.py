"""Short forms of the campaigns, which run in full by command (`python -m campaigns.fuzz`, `python -m campaigns.kill`)."""

import os

import pytest

from .fuzz import DOORS, attack
from .kill import attack as kill


def test_mutated_files_give_an_answer_or_an_own_error() -> None:
    found, failures = attack(25 * len(DOORS), seed=1)
    assert sum(found.values()) == 25 * len(DOORS)
    assert [f"{failure.door}: {failure.what} {failure.content[:200]!r}" for failure in failures] == []
    assert all(found[door, "own error"] for door in DOORS)


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has neither SIGKILL nor fork")
@pytest.mark.filterwarnings("ignore")
def test_what_was_killed_ends_with_the_same_bytes() -> None:
    found, differing = kill(3, seed=1, only_fit=True)
    assert sum(found.values()) == 3
    assert differing == []
