"""No test reads a clock or compares seconds with a number: the result would depend on the machine and its other work."""

import ast
from collections.abc import Iterator
from pathlib import Path

import effort
import pytest

TESTS = Path(__file__).resolve().parents[1]
COMMANDS = ("timings", "campaigns", "mutation")
CLOCKS = {"clock_gettime", "default_timer", "monotonic", "perf_counter", "process_time", "thread_time", "time"}
CLOCKS |= {f"{clock}_ns" for clock in CLOCKS} | {"ru_stime", "ru_utime"}
MEASURED = ("elapsed", "seconds", "duration")


def _files() -> Iterator[Path]:
    for path in sorted(TESTS.rglob("*.py")):
        if path.relative_to(TESTS).parts[0] not in COMMANDS and path.name != "effort.py":
            yield path


def _offences(tree: ast.AST) -> Iterator[str]:
    """Clocks that are read, and comparisons of measured seconds from above with a number."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in CLOCKS:
            module = isinstance(node.value, ast.Name) and node.value.id in ("time", "timeit")
            if module or node.attr in ("ru_stime", "ru_utime"):
                yield f"{node.lineno}: reads {ast.unparse(node)}"
        if isinstance(node, ast.ImportFrom) and node.module in ("time", "timeit"):
            names = {alias.name for alias in node.names} & CLOCKS
            yield from (f"{node.lineno}: imports {name}" for name in sorted(names))
        if isinstance(node, ast.Compare):
            sides = (node.left, *node.comparators)
            for low, sign, high in zip(sides, node.ops, sides[1:], strict=False):
                small, large = (low, high) if isinstance(sign, ast.Lt | ast.LtE) else (high, low)
                bounded = isinstance(sign, ast.Lt | ast.LtE | ast.Gt | ast.GtE) and isinstance(large, ast.Constant)
                if bounded and any(word in ast.unparse(small).lower() for word in MEASURED):
                    yield f"{node.lineno}: bounds {ast.unparse(small)}"


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("assert time.process_time() - began < limit", 1),
        ("from time import perf_counter", 1),
        ("assert record['seconds'] < 0.4", 1),
        ("assert 2 >= elapsed", 1),
        ("used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime", 1),
        ("assert record['seconds'] > 0", 0),
        ("monkeypatch.setattr(threads, 'time', clock); time.sleep(0.1)", 0),
        ("assert row.time < 3", 0),
    ],
)
def test_the_law_finds_what_it_forbids(code: str, found: int) -> None:
    assert len(list(_offences(ast.parse(code)))) == found


def test_no_test_depends_on_the_speed_of_the_machine() -> None:
    """Use `effort.calls_at_most` or `effort.no_hang`; print speeds in `tests/timings`."""
    found = [
        f"{path.relative_to(TESTS)}:{offence}"
        for path in _files()
        for offence in _offences(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert found == []


def test_too_many_calls_and_hangs_are_found() -> None:
    def endless() -> None:
        while True:
            _nothing()

    with pytest.raises(pytest.fail.Exception, match="more than 1,000 calls"), effort.calls_at_most(1_000):
        endless()
    with pytest.raises(pytest.fail.Exception, match="still at work after"), effort.no_hang(0.01):
        endless()
    with effort.calls_at_most(1_000), effort.no_hang():
        _nothing()


def _nothing() -> None:
    pass
