"""What the modules of the package import, read from their files."""

import ast
from pathlib import Path

import causalgen

__all__ = ["PACKAGE", "UPWARD", "imported", "module_name"]

PACKAGE = Path(causalgen.__file__).parent
UPWARD = {
    ("graph/graph.py", "reports"),
    ("scm/ambiguity_result.py", "reports"),
    ("scm/results.py", "reports"),
    ("effects/report.py", "reports"),
    ("scm/model.py", "training"),
}
"""The allowed steps up: graph, counterfactual, ambiguity and effect report load plots and pages when they are asked to show or
save, and a model loads training when it is asked to fit."""


def module_name(path: Path) -> str:
    """The dotted name of a module of the package."""
    parts = ["causalgen", *path.relative_to(PACKAGE).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(path: Path, *, for_types: bool = True) -> set[str]:
    """Absolute dotted names, of modules or of what they hold, that a file imports, also inside functions.

    Args:
        path: The file.
        for_types: Whether imports under `if TYPE_CHECKING` count.
    """
    package = ["causalgen", *path.relative_to(PACKAGE).parts[:-1]]
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names: set[str] = set()
    for node in set(ast.walk(tree)) - (set() if for_types else _under_type_checking(tree)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            stem = ".".join([*base, *([node.module] if node.module else [])])
            names |= {f"{stem}.{alias.name}" for alias in node.names}
    return names


def _under_type_checking(tree: ast.AST) -> set[ast.AST]:
    blocks = [node for node in ast.walk(tree) if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)]
    return {node for block in blocks for statement in block.body for node in ast.walk(statement)}
