"""pydantic's errors as one line each: place, expected, got, nearest valid word."""

from collections.abc import Hashable
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, Tag, ValidationError

from ..errors import StudyError, nearest
from .yaml_source import YamlSource

__all__ = ["known_keys", "study_error"]

Loc = tuple[Hashable, ...]


def study_error(error: ValidationError, model: type[BaseModel], source: YamlSource) -> StudyError:
    """All faults that pydantic found, one per line, in the order of the file."""
    faults = [_fault(dict(entry), model) for entry in error.errors(include_url=False)]
    lines = sorted((source.line(loc), str(source.error(loc, message))) for loc, message in faults)
    return StudyError("\n".join(text for _, text in lines))


def known_keys(model: type[BaseModel], loc: Loc) -> list[str]:
    """Keys that the section at `loc` may have; empty where any are allowed.

    >>> from causalgen.studies.schema import Study
    >>> known_keys(Study, ("gallery", 0))
    ['do', 'units', 'rows']
    """
    annotation: Any = model
    for step in loc:
        annotation = _inside(annotation, step)
    annotation = _bare(annotation)
    return list(annotation.model_fields) if _is_model(annotation) else []


def _fault(entry: dict[str, Any], model: type[BaseModel]) -> tuple[Loc, str]:
    """Place and message of one of pydantic's errors."""
    context = entry.get("ctx") or {}
    full: Loc = tuple(context.get("loc", entry["loc"]))
    loc = tuple(step for place, step in enumerate(full) if not _is_form(model, full[:place], step))
    name = ".".join(map(str, loc))
    if entry["type"] == "extra_forbidden":
        known = known_keys(model, full[:-1])
        section = f"'{'.'.join(map(str, loc[:-1]))}'" if loc[1:] else "the study"
        return loc, f"Expected a key of {section} among {', '.join(known)}; got '{loc[-1]}'." + nearest(
            str(loc[-1]), known
        )
    if entry["type"] == "missing":
        return loc, f"Expected '{name}'; it is missing. Add it."
    return loc, f"Expected '{name}' to {_expected(entry, context)}; got {_show(context.get('got', entry['input']))}."


def _expected(entry: dict[str, Any], context: dict[str, Any]) -> str:
    """What an entry should be, after "Expected it to "."""
    words = {
        "dict_type": "be a mapping",
        "model_type": "be a mapping",
        "tuple_type": "be a list",
        "string_type": "be text",
        "too_short": f"have at least {context.get('min_length')} entries",
        "too_long": f"have at most {context.get('max_length')} entries",
    }
    return words.get(entry["type"]) or str(entry["msg"]).split(" should ", 1)[-1]


def _forms(annotation: Any) -> dict[str, Any]:
    """The forms that a section can have, by the tag that pydantic adds to the places of errors."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    members = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else ()
    return {
        mark.tag: member for member in members for mark in getattr(member, "__metadata__", ()) if isinstance(mark, Tag)
    }


def _is_form(model: type[BaseModel], loc: Loc, step: Hashable) -> bool:
    """Whether a step of a place is the tag of a form and not a key of the file."""
    annotation: Any = model
    for earlier in loc:
        annotation = _inside(annotation, earlier)
    return step in _forms(annotation)


def _inside(annotation: Any, step: Hashable) -> Any:
    """Annotation of an entry of a section, mapping or sequence."""
    forms = _forms(annotation)
    if step in forms:
        return forms[str(step)]
    annotation = _bare(annotation)
    if _is_model(annotation):
        field = annotation.model_fields.get(str(step))
        return Any if field is None else field.annotation
    arguments = get_args(annotation)
    if get_origin(annotation) is dict:
        return arguments[1]
    return arguments[0] if arguments else Any


def _bare(annotation: Any) -> Any:
    """The annotation without metadata and without `| None`."""
    while get_origin(annotation) in (Annotated, Union, UnionType):
        annotation = next(a for a in get_args(annotation) if a is not type(None))
    return annotation


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _show(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 60 else text[:57] + "..."
