"""No option of any command is overwritten in silence when it is given twice."""

import pytest
import typer.main

from causalgen.cli.app import app
from causalgen.cli.once import Once

ROOT = typer.main.get_command(app)


def commands(group, path: tuple[str, ...] = ()) -> list[tuple]:  # type: ignore[no-untyped-def]
    found = []
    for name, command in group.commands.items():
        inner = hasattr(command, "commands")
        found += commands(command, (*path, name)) if inner else [(" ".join((*path, name)), command)]
    return found


@pytest.mark.parametrize(("name", "command"), commands(ROOT))
def test_every_option_stands_once_or_collects(name: str, command: Once) -> None:
    assert isinstance(command, Once), name
    for option in command.params:
        if option.param_type_name != "option" or option.multiple or option.name == "help":
            continue
        given = [option.opts[0]] if option.is_flag else [option.opts[0], *["1"] * option.nargs]
        with pytest.raises(typer.BadParameter, match="once; got it 2 times"):
            command.parse_args(command.make_context(name, [], resilient_parsing=True), [*given, *given])
