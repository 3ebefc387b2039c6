"""The commands as Markdown, from the typer application itself."""

import inspect
from enum import Enum
from typing import Any

import typer

from causalgen.cli.app import EPILOG, app

__all__ = ["command_line"]


def command_line() -> str:
    """One section a command: what it does, how it is called, its arguments and options."""
    group: Any = typer.main.get_command(app)
    return "\n\n".join([EPILOG, *_sections(group, "causalgen")])


def _sections(group: Any, path: str) -> list[str]:
    sections = []
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            sections += _sections(command, f"{path} {name}")
        else:
            sections.append(_section(command, f"{path} {name}"))
    return sections


def _section(command: Any, path: str) -> str:
    context = typer.Context(command, info_name=path)
    usage = command.get_usage(context).removeprefix("Usage: ")
    told = inspect.cleandoc(command.help or "").replace("\n\nExample: ", "\n\nExample:\n\n    ")
    rows = [_row(parameter) for parameter in command.params if not getattr(parameter, "hidden", False)]
    table = ["| | meaning | default |", "|---|---|---|", *rows] if rows else []
    return "\n\n".join([f"## `{path}`", told, f"```text\n{usage}\n```", "\n".join(table)])


def _row(parameter: Any) -> str:
    names = " ".join(f"`{option}`" for option in (*parameter.opts, *parameter.secondary_opts))
    if parameter.param_type_name == "argument":
        names = f"`{(parameter.metavar or parameter.name).upper()}`"
    choices = type(parameter.default) if isinstance(parameter.default, Enum) else ()
    words = f" One of {', '.join(f'`{_word(choice)}`' for choice in choices)}." if choices else ""
    return f"| {names} | {_cell((parameter.help or '') + words)} | {_default(parameter)} |"


def _default(parameter: Any) -> str:
    shown = getattr(parameter, "show_default", None)
    if isinstance(shown, str):
        return shown
    if parameter.required:
        return "required"
    if parameter.default in (None, False, (), []):
        return ""
    return f"`{_word(parameter.default)}`"


def _word(value: Any) -> str:
    return str(getattr(value, "value", value))


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
