"""A function takes few parameters: what many need together is an object."""

import ast
from collections.abc import Iterator

from .imports import PACKAGE

MOST = 8
OPEN = {
    "audit/audit.py audit": "a public function whose every keyword is part of the user's question",
    "audit/repair.py repair": "a public function whose every keyword is part of the user's question",
    "datasets/table/arrays.py from_arrays": "a public function whose every keyword is part of the user's question",
    "datasets/table/index.py index_table": "the options of load_table, of which it is the first half",
    "datasets/table/load.py load_table": "a public function whose every keyword is part of the user's question",
    "discovery/discover.py discover": "a public function whose every keyword is part of the user's question",
    "effects/agreement.py agreement": "a public function whose every keyword is part of the user's question",
    "effects/estimate.py estimate_effect": "a public function whose every keyword is part of the user's question",
    "effects/power.py power_curve": "a public function whose every keyword is part of the user's question",
}
"""Functions with more parameters, each with its reason."""


def _with_many() -> Iterator[str]:
    """Functions with more than `MOST` parameters, except commands and constructors of mechanisms, which list options."""
    for path in sorted(PACKAGE.rglob("*.py")):
        place = path.relative_to(PACKAGE).as_posix()
        if place.startswith("cli/"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            if place.startswith("mechanisms/") and node.name == "__init__":
                continue
            given = [a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
            if len([name for name in given if name not in ("self", "cls")]) > MOST:
                yield f"{place} {node.name}"


def test_functions_take_few_parameters() -> None:
    assert set(_with_many()) == set(OPEN)
    assert all(OPEN.values()), "a reason is missing"
