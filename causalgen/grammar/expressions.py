"""Arithmetic over a node's natural value and its parents, such as `thickness*1.2`: parsed and walked, never run as code.

An expression is made of numbers, `+ - * / **`, parentheses, `min`, `max`, `abs`, `exp`, `log`, `sqrt`, and the names of the
node itself (its natural value: what it would have been in this world) and of its parents; names that are not valid in
Python, such as `"age at scan"`, are quoted. Computation is in double precision; every step has to be finite.
"""

import ast
import math
import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce

import torch
from torch import Tensor

from ..errors import DataError, InterventionWarning, SupportError, UnknownNameError, nearest, warn
from ..graph import Variable
from ..typing import Values

__all__ = ["LabelShift", "WrittenExpression", "compile_expression"]

LONGEST, DEEPEST, GREATEST_EXPONENT = 300, 30, 100
"""Bounds on characters, nesting, and a constant exponent."""

OPERATORS: dict[type[ast.operator], Callable[[Tensor, Tensor], Tensor]] = {
    ast.Add: torch.add,
    ast.Sub: torch.sub,
    ast.Mult: torch.mul,
    ast.Div: torch.div,
    ast.Pow: torch.pow,
}
CHANGES: dict[str, type[ast.operator]] = {"+": ast.Add, "-": ast.Sub, "*": ast.Mult, "/": ast.Div}
FUNCTIONS: dict[str, Callable[..., Tensor]] = {
    "min": lambda *parts: reduce(torch.minimum, parts),
    "max": lambda *parts: reduce(torch.maximum, parts),
    "abs": torch.abs,
    "exp": torch.exp,
    "log": torch.log,
    "sqrt": torch.sqrt,
}
CHOICES = ("min", "max")
"""Functions of two or more arguments; the others have one."""


@dataclass(frozen=True, eq=False, repr=False)
class WrittenExpression:
    """An expression as an intervention: `(value, parents) -> value`, all tensors `(B,)` in natural units.

    Args:
        variable: Variable of the node that is set.
        inputs: Variables that the expression names, which may include the node's own.
        words: The intervention as it was written, such as "thickness = thickness*1.2".
        tree: The parsed and checked expression.
    """

    variable: Variable
    inputs: Mapping[str, Variable]
    words: str
    tree: ast.expr

    def __call__(self, value: Tensor, parents: Values) -> Tensor:
        """Return the node's value in each unit, with the dtype of `value`.

        Raises:
            DataError: A step is not finite in some unit.
            SupportError: A result is outside the node's support.
        """
        given = {**parents, self.variable.name: value}
        numbers = {name: _numbers(variable, given[name]) for name, variable in self.inputs.items()}
        result = _finite(self.tree, self.words, _compute(self.tree, numbers, self.words).to(value))
        self._check_support(result)
        return result.expand(len(value))

    def constant(self) -> float | None:
        """Return the constant value of the expression; None if it names the node or a parent."""
        return None if self.inputs else float(_compute(self.tree, {}, self.words))

    def _check_support(self, result: Tensor) -> None:
        low, high = self.variable.support or (-math.inf, math.inf)
        outside = (result < torch.tensor(low).to(result)) | (result > torch.tensor(high).to(result))
        if outside.any():
            unit = f" {self.variable.unit}" if self.variable.unit else ""
            raise SupportError(
                f"Expected '{self.variable.name}' within its support [{low:g}, {high:g}]{unit} under {self.words}; got "
                f"{float(result[outside][0]):g}{_where(outside)}. Bound it with min(..., {high:g}) or max(..., {low:g})."
            )

    def __repr__(self) -> str:
        return self.words


@dataclass(frozen=True, eq=False, repr=False)
class LabelShift:
    """A shift by a number of labels on an ordinal node, up to the last label.

    Args:
        variable: An ordinal variable.
        steps: Labels up; negative: down.
        words: The intervention as it was written.
    """

    variable: Variable
    steps: int
    words: str

    def __call__(self, value: Tensor, parents: Values) -> Tensor:
        """Return codes `(B,)`; warn if units stop at the last label."""
        last = len(self.variable.labels or ()) - 1
        shifted = value + self.steps
        stopped = (shifted < 0) | (shifted > last)
        if stopped.any():
            warn(
                f"There is no label beyond '{self.variable.decode(last if self.steps > 0 else 0)}' of "
                f"'{self.variable.name}': {int(stopped.sum())} of {stopped.numel()} units stop there under {self.words}.",
                InterventionWarning,
            )
        return shifted.clamp(0, last)

    def __repr__(self) -> str:
        return self.words


def compile_expression(
    text: str, variable: Variable, parents: Mapping[str, Variable], *, change: str = "", words: str = ""
) -> WrittenExpression:
    """Parse an expression for the node of `variable`.

    Args:
        text: The expression.
        variable: The node's variable, continuous.
        parents: Variables of its parents.
        change: "+", "-", "*" or "/" if the expression changes the natural value; "" if it replaces it.
        words: The intervention as it was written; by default composed from the other arguments.

    Raises:
        DataError: The text is not an expression, is too long or too deep, or uses an operation that the grammar lacks.
        UnknownNameError: A name is neither the node nor a parent.

    >>> thickness = Variable("thickness", "continuous", unit="px")
    >>> wider = compile_expression("thickness*2 + 0.5", thickness, {})
    >>> wider, wider(torch.tensor([1.0, 3.0]), {})
    (thickness = thickness*2 + 0.5, tensor([2.5000, 6.5000]))
    """
    text, known = text.strip(), {variable.name: variable, **parents}
    tree = _parse(text, known)
    if change:
        tree = ast.BinOp(ast.Constant(variable.name), CHANGES[change](), tree)
    used: dict[str, Variable] = {}
    _check(tree, text, known, used)
    return WrittenExpression(variable, used, words or f"{variable.name} {change}= {text}", tree)


def _parse(text: str, known: Mapping[str, Variable]) -> ast.expr:
    """Parse a text into an unchecked tree."""
    if len(text) > LONGEST:
        raise DataError(f"Expected an expression of at most {LONGEST} characters; got {len(text)}. Shorten it.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python warns about unusual literals
            tree = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise _no_expression(text, known) from None
    if "#" in re.sub(r"""(["']).*?\1""", "", text):  # Python would drop what follows as a comment
        raise _no_expression(text, known)
    for part in ast.walk(tree):
        if isinstance(part, ast.Name):  # Python normalises some letters of names
            part.id = ast.get_source_segment(text, part) or part.id
    return tree


def _check(tree: ast.AST, text: str, known: Mapping[str, Variable], used: dict[str, Variable], depth: int = 0) -> None:
    """Raise an error for everything that the grammar lacks, and record the names in `used`."""
    if depth > DEEPEST:
        raise DataError(
            f"Expected an expression nested at most {DEEPEST} deep; got more in {_short(text)}. Simplify it."
        )
    parts: list[ast.expr] = []
    match tree:
        case ast.Name(id=name) | ast.Constant(value=str() as name):
            used[name] = _input(name, known)
        case ast.Constant(value=number) if _is_finite(number):
            pass
        case ast.BinOp(left=left, op=operator, right=right) if type(operator) in OPERATORS:
            if isinstance(operator, ast.Pow):
                _check_exponent(right)
            parts = [left, right]
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=operand):
            parts = [operand]
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in FUNCTIONS:
            if not arguments or (len(arguments) == 1) == (name in CHOICES):
                wanted = "two or more arguments" if name in CHOICES else "one argument"
                raise DataError(f"Expected {wanted} in {name}(...); got {len(arguments)} in {_short(text)}. Fix it.")
            parts = arguments
        case _:
            raise _no_expression(ast.get_source_segment(text, tree) or text, known)
    for part in parts:
        _check(part, text, known, used, depth + 1)


def _is_finite(number: object) -> bool:
    try:
        return type(number) in (int, float) and math.isfinite(number)  # type: ignore[arg-type]
    except OverflowError:
        return False


def _check_exponent(exponent: ast.expr) -> None:
    while isinstance(exponent, ast.UnaryOp):
        exponent = exponent.operand
    number = exponent.value if isinstance(exponent, ast.Constant) else 0
    if isinstance(number, int | float) and number > GREATEST_EXPONENT:
        raise DataError(f"Expected exponents of at most {GREATEST_EXPONENT}; got {_short(str(number))}. Use exp(...).")


def _input(name: str, known: Mapping[str, Variable]) -> Variable:
    """Return the variable of a name in an expression."""
    if name not in known:
        raise UnknownNameError(
            f"Expected {_offer(known)}; got the name '{name}'."
            + (nearest(name, known) or " An expression may use the node itself and its parents.")
        )
    variable = known[name]
    if variable.is_image:
        raise DataError(f"Expected attributes in an expression; got the image '{name}'. Leave it out.")
    if variable.is_discrete and not all(isinstance(label, bool | int | float) for label in variable.labels or ()):
        raise DataError(
            f"Expected numbers in an expression; got '{name}', whose labels are words. Ask about each label separately."
        )
    return variable


def _numbers(variable: Variable, value: Tensor) -> Tensor:
    """Values in double precision, which not every device has; of a discrete variable its labels, not its codes."""
    value = value.cpu()
    if variable.is_discrete:
        return torch.tensor([float(label) for label in variable.labels or ()], dtype=torch.float64)[value]  # type: ignore[arg-type]
    return value.double()


def _compute(tree: ast.AST, numbers: Mapping[str, Tensor], words: str) -> Tensor:
    """Evaluate a checked tree."""

    def compute(part: ast.AST) -> Tensor:
        return _compute(part, numbers, words)

    match tree:
        case ast.Name(id=name) | ast.Constant(value=str() as name):
            return numbers[name]
        case ast.Constant(value=number):
            return torch.tensor(float(number), dtype=torch.float64)  # type: ignore[arg-type]
        case ast.BinOp(left=left, op=operator, right=right):
            result = OPERATORS[type(operator)](compute(left), compute(right))
        case ast.UnaryOp(op=sign, operand=operand):
            return -compute(operand) if isinstance(sign, ast.USub) else compute(operand)
        case ast.Call(func=ast.Name(id=name), args=arguments):
            result = FUNCTIONS[name](*map(compute, arguments))
    return _finite(tree, words, result)


def _finite(tree: ast.AST, words: str, result: Tensor) -> Tensor:
    wrong = ~torch.isfinite(result)
    if wrong.any():
        raise DataError(
            f"Expected finite numbers under {words}; got {float(result[wrong].flatten()[0]):g} from "
            f"{_short(ast.unparse(tree))}{_where(wrong)}. Check divisions by zero, logarithms, roots and growth; "
            "max(..., 0.01) or min(..., 100) keeps a part in bounds."
        )
    return result


def _where(mask: Tensor) -> str:
    return f" in {int(mask.sum())} of {mask.numel()} units" if mask.numel() > 1 else ""


def _no_expression(found: str, known: Mapping[str, Variable]) -> DataError:
    return DataError(
        f"Expected {_offer(known)}; got {_short(found)}. Write names with spaces or signs, "
        "and Python keywords such as lambda, in quotes."
    )


def _offer(known: Mapping[str, Variable]) -> str:
    names = ", ".join(name for name, variable in known.items() if not variable.is_image)
    return (
        f"a number for '{next(iter(known))}', or an expression of {names}, numbers, + - * / ** ( ) "
        f"and {', '.join(FUNCTIONS)}"
    )


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "...")
