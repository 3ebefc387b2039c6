"""The study file as Markdown, from its pydantic schema and from the catalogs whose words it uses."""

import inspect
import re
from typing import Any

from causalgen.effects.estimators.methods import METHODS
from causalgen.graph import Kind, Variable
from causalgen.mechanisms.catalog import MECHANISMS, build, default_for
from causalgen.studies.measurements import MEASUREMENTS
from causalgen.studies.schema import Study

__all__ = ["measurement_words", "mechanism_words", "method_words", "study_file"]

Schema = dict[str, Any]
EXAMPLES: dict[Kind, dict[str, Any]] = {
    "continuous": {},
    "binary": {},
    "categorical": {"labels": ("a", "b", "c")},
    "ordinal": {"labels": ("a", "b", "c")},
    "image": {"shape": (1, 16, 16)},
}
"""What a variable of each kind needs, so that a mechanism can be built and asked how it abducts."""


def study_file() -> str:
    """One table for the whole file and one for each section, each followed by the sections that it mentions."""
    schema = Study.model_json_schema()
    sections: dict[str, Schema] = {name: s for name, s in schema["$defs"].items() if "properties" in s}
    order: list[str] = []

    def visit(section: Schema) -> None:
        for name in _references(section["properties"]):
            if name in sections and name not in order:
                order.append(name)
                visit(sections[name])

    visit(schema)
    return "\n\n".join([_section("The whole file", schema), *(_section(_title(n), sections[n]) for n in order)])


def mechanism_words() -> str:
    """The mechanisms, what they assign, how they abduct, and their options with defaults."""
    rows = ["| word | for | abduction | options and their defaults |", "|---|---|---|---|"]
    for word, mechanism in MECHANISMS.items():
        kinds = [f"**{kind}**" if default_for(kind) == word else kind for kind in mechanism.kinds]
        kind = mechanism.kinds[0]
        built = mechanism if mechanism.known else build(word, Variable("x", kind, **EXAMPLES[kind]), {})
        options = inspect.signature(mechanism.__init__).parameters.values()
        defaults = [f"`{o.name}: {_yaml(o.default)}`" for o in options if o.kind is o.KEYWORD_ONLY]
        rows.append(f"| `{word}` | {', '.join(kinds)} | {built.abduction.value} | {', '.join(defaults)} |")
    return "\n".join(rows)


def measurement_words() -> str:
    """The measurements, what they say of an image, and their options with defaults."""
    rows = ["| word | one number for each image | options and their defaults |", "|---|---|---|"]
    for word, measure in MEASUREMENTS.items():
        options = [o for o in inspect.signature(measure).parameters.values() if o.kind is o.KEYWORD_ONLY]
        defaults = ", ".join(f"`{o.name}: {_yaml(o.default)}`" for o in options)
        rows.append(f"| `{word}` | {_cell((measure.__doc__ or '').split(chr(10) * 2)[0])} | {defaults} |")
    return "\n".join(rows)


def method_words() -> str:
    """The estimators of effects, the treatments and populations they are for, and when they are right."""
    rows = ["| word | treatment | populations | what it does |", "|---|---|---|---|"]
    for word, method in METHODS.items():
        name = f"**`{word}`**" if method.default else f"`{word}`"
        rows.append(f"| {name} | {', '.join(method.kinds)} | {', '.join(method.populations)} | {_cell(method.note)} |")
    return "\n".join(rows)


def _section(title: str, section: Schema) -> str:
    required = section.get("required", [])
    rows = ["| key | value | default | meaning |", "|---|---|---|---|"]
    for key, entry in section.get("properties", {}).items():
        default = "required" if key in required else _default(entry)
        rows.append(f"| `{key}` | {_type(entry)} | {default} | {_cell(entry.get('description', ''))} |")
    return "\n\n".join([f"### {title}", section.get("description", ""), "\n".join(rows)])


def _type(entry: Schema) -> str:
    """What may stand there, in words."""
    if "$ref" in entry:
        title = _title(entry["$ref"].rsplit("/", 1)[-1])
        return f"[{title.lower()}](#{title.lower().replace(' ', '-')})"
    for several in ("anyOf", "oneOf", "allOf"):
        if several in entry:
            return " or ".join(_type(one) for one in entry[several] if one.get("type") != "null")
    if "enum" in entry or "const" in entry:
        return ", ".join(f"`{word}`" for word in entry.get("enum", [entry.get("const")]))
    match entry.get("type"):
        case "array" if "prefixItems" in entry:
            return f"[{', '.join(_type(item) for item in entry['prefixItems'])}]"
        case "array":
            return f"list of {_type(entry.get('items', {}))}"
        case "object":
            inner = entry.get("additionalProperties")
            return f"name: {_type(inner)}" if isinstance(inner, dict) else "mapping"
        case "integer" | "number" as kind:
            return {"integer": "whole number", "number": "number"}[kind] + _range(entry)
        case "string":
            return "text"
        case "boolean":
            return "`true` or `false`"
    return "number or label"


def _range(entry: Schema) -> str:
    words = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    found = [f"{sign}\N{NO-BREAK SPACE}{entry[key]:,}" for key, sign in words.items() if key in entry]
    return f", {' and '.join(found)}" if found else ""


def _title(name: str) -> str:
    """A class name as a heading.

    >>> _title("TrainingStage")
    'Training stage'
    """
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).capitalize()


def _default(entry: Schema) -> str:
    default = entry.get("default")
    if default is None or default in ("", [], {}) or isinstance(default, dict):
        return ""
    return f"`{_yaml(default)}`"


def _yaml(value: Any) -> str:
    """A plain value as YAML writes it.

    >>> _yaml(True), _yaml([2, 1]), _yaml(0.5)
    ('true', '[2, 1]', '0.5')
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_yaml, value))}]"
    return str(value)


def _references(entry: Any) -> list[str]:
    """Names of the definitions that an entry mentions, in order."""
    if isinstance(entry, list):
        return [name for item in entry for name in _references(item)]
    if not isinstance(entry, dict):
        return []
    own = [entry["$ref"].rsplit("/", 1)[-1]] if isinstance(entry.get("$ref"), str) else []
    return own + [name for item in entry.values() for name in _references(item)]


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
