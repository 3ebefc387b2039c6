"""Interventions as people write them: `pen=felt-tip`, `thickness+=1`; read as data, never run as code.

    pen=felt-tip                a label of a discrete node, as written in the data
    thickness=4  z=-0.5         a number, in the node's unit, which may follow (4 px); a minus sign belongs to it
    age=060Y  age=018M          an age as DICOM writes it, for a node in years
    thickness=+1                a shift: one more than its natural value; the same as thickness+=1
    thickness-=0.5  x*=2  x/=2  decreased, multiplied, divided; any expression is allowed on the right
    grade+=1  grade=+1          ordinal nodes: that many labels up; -= down; stops at the last
    intensity=thickness*40      an expression of numbers, + - * / **, parentheses, min, max, abs, exp, log, sqrt, the
                                node's parents, and the node itself: what it would have been without this intervention

On a discrete node, the text is a label if there is exactly such a label, even one like "+1", and never an expression.
Names with spaces or signs go in quotes: `"age at scan"=40`, `volume="age at scan"*2`. A study file writes the same
after a colon, `thickness: 4`, `thickness: +1`, `thickness: -= 0.5`, `thickness: thickness*1.2`, and Python as a text under
the node's name: `{"thickness": "+1"}`. In augmentations, `thickness=shuffle` is the value of another unit. Observed
values (`given`, `--set`) are labels or numbers, never shifts.
"""

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from ..errors import DataError, SupportError
from ..graph import CausalGraph, Variable
from .dicom_age import years_of

__all__ = [
    "SHUFFLE",
    "check_value",
    "is_shuffle",
    "parse_do",
    "parse_values",
    "read_do",
    "read_intervention",
    "read_texts",
]

ASSIGNMENT = re.compile(
    r"""(?:(["'])(?P<quoted>.+?)\1\s*|(?P<name>[^=]+?))(?P<operator>[-+*/−]?)=(?P<value>.*)""", re.S
)
CHANGE = re.compile(r"\s*(?P<operator>[-+*/−])=(?P<value>.*)", re.S)
UNSIGNED = re.compile(r"(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", re.ASCII)
SIGNED = re.compile(rf"[-+]?\s*{UNSIGNED.pattern}", re.ASCII)
SHUFFLE = "shuffle"
"""The value of another unit, in augmentations."""
MINUS = "−"
"""The typographic minus, as pages and papers print it."""
EXAMPLES = "Write it as thickness=4, pen=felt-tip, thickness+=1 or thickness=thickness*1.2."


def parse_do(graph: CausalGraph, texts: Iterable[str], *, shuffle: bool = False) -> dict[str, Any]:
    """Parse interventions from texts such as "thickness=4", in the grammar described at the top of this module.

    Args:
        graph: Graph whose nodes may be named.
        texts: One intervention each.
        shuffle: Whether `thickness=shuffle` is allowed; it is returned as `SHUFFLE`.

    Returns:
        By node a label, a number, or a callable `(value, parents) -> value` whose `repr` is the text as written.

    Raises:
        DataError: No intervention, a node named twice, an undeclared label, or text that is neither a number nor an
            expression.
        UnknownNameError: A name that is not a node or, in an expression, neither the node nor a parent.
        SupportError: A number outside the support.

    >>> pen = Variable("pen", "binary", labels=("ballpoint", "felt-tip"))
    >>> graph = CausalGraph("pen -> thickness", [pen, Variable("thickness", "continuous", unit="px")])
    >>> parse_do(graph, ["thickness=4", "pen = felt-tip"])
    {'thickness': 4.0, 'pen': 'felt-tip'}
    >>> parse_do(graph, ["thickness=-0.5"]), parse_do(graph, ["thickness-=0.5"])
    ({'thickness': -0.5}, {'thickness': thickness -= 0.5 px})
    """
    return {
        name: SHUFFLE
        if shuffle and not operator and is_shuffle(graph, name, text)
        else _intervention(graph, name, operator, text)
        for name, (operator, text) in _assignments(graph, texts).items()
    }


def is_shuffle(graph: CausalGraph, name: str, what: Any) -> bool:
    """Whether an intervention on a node is the value of another unit, and not a label or parent with this name.

    >>> is_shuffle(CausalGraph("age -> size"), "size", "shuffle"), is_shuffle(CausalGraph("age -> size"), "size", 4.0)
    (True, False)
    """
    if not isinstance(what, str) or what != SHUFFLE or graph[name].is_image:
        return False
    return SHUFFLE not in (*map(str, graph[name].labels or ()), *graph.parents(name))


def parse_values(graph: CausalGraph, texts: Iterable[str]) -> dict[str, Any]:
    """Parse plain labels and numbers from texts such as "thickness=4", for observed values rather than interventions.

    Raises:
        DataError, UnknownNameError, SupportError: As `parse_do`, and for a shift or an expression.
    """
    values = {}
    for name, (operator, value) in _assignments(graph, texts).items():
        if operator:
            raise DataError(f"Expected a value of '{name}'; got {name}{operator}={value}. Write {name}={value}.")
        values[name] = check_value(graph[name], value)
    return values


def read_do(graph: CausalGraph, do: Mapping[str, Any]) -> dict[str, Any]:
    """Parse interventions of a study file, by node, from the texts after the colons.

    Raises:
        DataError, UnknownNameError, SupportError: As `parse_do`.
    """
    return {name: read_intervention(graph, name, value) for name, value in do.items()}


def read_intervention(graph: CausalGraph, name: str, value: Any) -> Any:
    """Parse one intervention of a study file, from the text after the colon.

    Raises:
        DataError, UnknownNameError, SupportError: As `parse_do`.
    """
    graph.require(name)
    if not isinstance(value, str) or (graph[name].is_discrete and value in map(str, graph[name].labels or ())):
        return check_value(graph[name], value)
    change = CHANGE.fullmatch(value)
    operator, text = ("", value) if change is None else (change["operator"], change["value"])
    return _intervention(graph, name, operator, text.strip())


def read_texts(graph: CausalGraph, do: Mapping[str, Any]) -> dict[str, Any]:
    """Parse interventions given in Python: texts as in a study file; everything else is returned unchanged.

    Raises:
        DataError, UnknownNameError, SupportError: As `parse_do`.
    """
    return {name: read_intervention(graph, name, what) if isinstance(what, str) else what for name, what in do.items()}


def check_value(variable: Variable, value: Any) -> Any:
    """Return the declared label or the number that `value` names; a text with a plus sign is not a number.

    Raises:
        DataError: An image, an undeclared label, a shift, or no finite number.
        SupportError: A number outside the support.
    """
    if variable.is_image:
        raise DataError(f"Expected an attribute to set; got the image '{variable.name}'. Intervene on its parents.")
    if variable.is_discrete:
        if isinstance(value, str) and value not in map(str, variable.labels or ()):
            value = value.replace(MINUS, "-")
        if str(value).lower() in ("false", "true") and set(variable.labels or ()) == {False, True}:
            value = str(value).capitalize()  # tables and shells write true
        return variable.decode(variable.encode(value))
    if isinstance(value, str):
        value = _without_unit(variable, value.replace(MINUS, "-"))
    if isinstance(value, str) and value.strip().startswith("+"):
        raise DataError(
            f"Expected a value of '{variable.name}'; got {value!r}, which is a shift in the notation of interventions. "
            "A value is a number without a plus sign."
        )
    number = float(value) if _is_number(value) else math.nan
    if not math.isfinite(number):
        raise DataError(f"Expected a number for '{variable.name}'; got {value!r}. Give one{_unit(variable, ' in {}')}.")
    low, high = variable.support or (-math.inf, math.inf)
    if not low <= number <= high:
        less = f"; to lower it by that much, write {variable.name}-={-number:g}" if number < 0 else ""
        raise SupportError(
            f"Expected '{variable.name}' within its support [{low:g}, {high:g}]{_unit(variable)}; got {number:g}. "
            f"Choose a value inside{less}."
        )
    return number


def _assignments(graph: CausalGraph, texts: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Split texts into, by node, the sign before the equals sign, or "", and the text after it."""
    found: dict[str, tuple[str, str]] = {}
    for text in texts:
        match = ASSIGNMENT.fullmatch(text.strip())
        if match is None or not match["value"].strip():
            raise DataError(f"Expected an intervention as name=value; got {text!r}. {EXAMPLES}")
        name, operator, value = match["quoted"] or match["name"].rstrip(), match["operator"], match["value"].strip()
        if name not in graph and not match["quoted"] and name + operator in graph:
            name, operator = name + operator, ""  # a node called CD4+
        graph.require(name)
        if name in found:
            raise DataError(f"Expected every node at most once in do; got '{name}' again with {value!r}. Keep one.")
        found[name] = (operator, value)
    return found


def _intervention(graph: CausalGraph, name: str, operator: str, text: str) -> Any:
    """Build one intervention from the sign before the equals sign, or "", and the text after it."""
    variable, operator = graph[name], operator.replace(MINUS, "-")
    if variable.is_discrete:
        return _label(variable, operator, text)
    if not any(MINUS in known for known in (name, *graph.parents(name))):
        text = text.replace(MINUS, "-")
    if operator not in ("*", "/"):
        text = _without_unit(variable, text)
    if variable.is_image or (not operator and not text.startswith("+") and _is_number(text)):
        return check_value(variable, text)
    unit = _unit(variable) if operator in ("+", "-") and UNSIGNED.fullmatch(text) else ""
    words = f"{name} {operator}= {text}{unit}".replace("  ", " ")
    if not operator and text.startswith("+"):
        operator, text = "+", text[1:].strip()
        words = f"{name} = +{text}{_unit(variable)}"
        if not UNSIGNED.fullmatch(text):
            raise DataError(
                f"Expected a number after the plus sign in {name}=+{text}; got {text!r}. "
                f"Write {name}+=... to shift by something else, or leave out the plus sign to set it."
            )
    from .expressions import compile_expression  # loads torch, which reading a number does not need

    parents = {parent: graph[parent] for parent in graph.parents(name)}
    expression = compile_expression(text, variable, parents, change=operator, words=words)
    constant = expression.constant()
    return expression if constant is None else check_value(variable, constant)


def _label(variable: Variable, operator: str, text: str) -> Any:
    if not operator and {text, text.replace(MINUS, "-")} & set(map(str, variable.labels or ())):
        return check_value(variable, text)
    sign, steps = (operator, text) if operator else (text[:1], text[1:].strip())
    if variable.kind == "ordinal" and steps.isdecimal() and sign in (("+", "-") if operator else ("+",)):
        from .expressions import LabelShift

        words = f"{variable.name} {operator}= {steps}" if operator else f"{variable.name} = +{steps}"
        return LabelShift(variable, int(steps) if sign == "+" else -int(steps), words)
    if operator:
        what = "+= or -= a whole number of labels" if variable.kind == "ordinal" else "only labels, with ="
        raise DataError(
            f"Expected {what} for the {variable.kind} '{variable.name}'; got {operator}= {text}. "
            f"Its labels are {', '.join(map(str, variable.labels or ()))}."
        )
    return check_value(variable, text)


def _without_unit(variable: Variable, text: str) -> str:
    """Remove the node's own unit after a number, as titles show it, and write an age such as 060Y in years."""
    if variable.unit == "years" and (years := years_of(text)) is not None:
        return str(years)
    number = text.strip().removesuffix(variable.unit or "").rstrip()
    return number if SIGNED.fullmatch(number) else text


def _is_number(text: Any) -> bool:
    try:
        float(text)
    except (TypeError, ValueError, OverflowError):
        return False
    return not isinstance(text, bool)


def _unit(variable: Variable, form: str = " {}") -> str:
    return form.format(variable.unit) if variable.unit else ""
