"""One word, one thing: rooms share the name of a module only with the same meaning, and of a public class never."""

import ast
from collections import defaultdict
from collections.abc import Iterable

from .imports import PACKAGE

COMMANDS = "cli"
"""Its files are named after the commands, which are named after what they call."""
SHARED = {
    "adjustment": "adjustment for covariates",
    "attributes": "the variables that are no images",
    "bootstrap": "intervals from resampled rows",
    "catalog": "what a word of the user names",
    "columns": "columns of a table",
    "config": "settings of training",
    "declare": "what a user declares about a column",
    "earlier": "what answers under an old name",
    "estimate": "an effect from a table",
    "files": "files on disk",
    "fit": "training",
    "front_door": "the front-door criterion and its estimator",
    "further": "further questions about an effect",
    "grids": "counterfactual grids",
    "identification": "what the data and assumptions determine",
    "images": "images",
    "independence": "tests of independence",
    "joint": "several treatments at once",
    "page": "one page of results",
    "progress": "progress bars",
    "report": "the result of a question, as an object",
    "settings": "settings with their defaults",
    "storage": "saving and loading",
    "table": "one table",
    "tables": "tables of a page",
    "timing": "seconds that work takes",
    "truth": "answers of a known generator",
    "units": "rows of the data, or drawn from a model",
    "validate": "checks of what a user gives",
    "words": "wordings",
}
"""Names of modules in several rooms, and the one meaning that each has there."""


def _in_several_rooms(named: Iterable[tuple[str, str]]) -> dict[str, set[str]]:
    """Names, with their rooms, that stand in more than one room."""
    rooms: dict[str, set[str]] = defaultdict(set)
    for name, room in named:
        rooms[name].add(room)
    return {name: found for name, found in rooms.items() if len(found) > 1}


FILES = [
    (path, path.relative_to(PACKAGE).parts[0].removesuffix(".py"))
    for path in sorted(PACKAGE.rglob("*.py"))
    if path.stem not in ("__init__", "__main__")
]


def test_rooms_share_the_name_of_a_module_only_with_the_same_meaning() -> None:
    found = _in_several_rooms((path.stem, room) for path, room in FILES if room != COMMANDS)
    assert set(found) == set(SHARED), {name: found.get(name) for name in set(found) ^ set(SHARED)}


def test_no_two_rooms_have_a_public_class_of_the_same_name() -> None:
    classes = [
        (node.name, room)
        for path, room in FILES
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    ]
    assert len(classes) > 200
    assert not _in_several_rooms(classes)
