"""Commands that refuse a repeated option if only its last value would count."""

from collections import Counter
from typing import Any

import typer
from typer.core import TyperCommand

__all__ = ["Once"]


class Once(TyperCommand):
    """A command that takes each option once, except those that collect several values."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        _, _, given = self.make_parser(ctx).parse_args(args=list(args))
        counts = Counter(option for option in given if option.param_type_name == "option")
        for option, count in counts.items():
            if count > 1 and not option.multiple and not getattr(option, "count", False):
                raise typer.BadParameter(
                    f"Expected {'/'.join([*option.opts, *option.secondary_opts])} once; got it {count} times, and only the "
                    "last one would count. Give it once."
                )
        return super().parse_args(ctx, args)
