"""A report as GitHub Markdown: tables with pipes, formulas in math blocks, figures by their paths."""

import re
from collections.abc import Iterator, Sequence

from ..content import Highlight
from ..folder import Group, Table
from ..parts import Part, Section

__all__ = ["markdown_page", "part_blocks"]

SPECIAL = re.compile(r"[\\`*<>|\[\]$~&#]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")


def markdown_page(title: str, answers: Sequence[Highlight], sections: Sequence[Section]) -> str:
    """The whole report as Markdown."""
    blocks = [f"# {escape(title)}"]
    for line in answers:
        note = f" ({escape(line.note)})" if line.note else ""
        blocks.append(f"**{escape(line.value)}**{note}")
    for section in sections:
        blocks.append(f"## {escape(section.title)}")
        if section.reading:
            blocks.append(escape(section.reading))
        blocks += [block for part in section.parts for block in part_blocks(part)]
    return "\n\n".join(blocks) + "\n"


def part_blocks(part: Part) -> Iterator[str]:
    """The blocks of a part; a folded part is folded on GitHub as well."""
    if part.heading:
        yield f"{'#' * part.level} {escape(part.heading)}"
    if part.fold:
        yield f"<details>\n<summary>{_html(part.fold)}</summary>"
    if part.alert:
        yield f"> **{escape(part.alert)}**"
    if part.text:
        yield escape(part.text)
    for formula in part.formulas:
        yield f"```math\n{formula.latex}\n```"
        if formula.reason:
            yield f"*{escape(formula.reason)}*"
    if part.points_heading:
        yield escape(part.points_heading)
    if part.points:
        yield "\n".join(_point(title, text) for title, text in part.points)
    if part.ticks:
        yield "\n".join(f"- [ ] {escape(text)}" for text in part.ticks)
    if part.code:
        yield f"```\n{part.code}\n```"
    for picture in part.pictures:
        yield f"![{escape(picture.alt)}]({picture.file})"
        if picture.caption:
            yield f"*{escape(picture.caption)}*"
    for table in part.tables:
        yield from _table(table)
    for text, address in part.links:
        yield f"[{escape(text)}]({address})"
    if part.works:
        yield "\n".join(f"- {escape(work.text)} {work.url}".rstrip() for work in part.works)
    if part.fold:
        yield "</details>"


def escape(text: str) -> str:
    r"""The text, with Markdown's special characters escaped; line breaks become spaces.

    >>> escape("a|b <i> 2*3 in_line _x")
    'a\\|b \\<i\\> 2\\*3 in_line \\_x'
    """
    return SPECIAL.sub(lambda match: f"\\{match[0]}", " ".join(str(text).split()))


def _html(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _point(title: str, text: str) -> str:
    return f"- **{escape(title)}.** {escape(text)}" if text else f"- {escape(title)}"


def _table(table: Table) -> Iterator[str]:
    yield f"**{escape(table.caption)}**" + (f" (`{table.file}`)" if table.file else "")
    for group in table.groups:
        if group.heading:
            yield f"*{escape(group.heading)}*" + (f": {escape(group.note)}" if group.note else "")
        yield _rows(table.header, group)


def _rows(header: Sequence[str], group: Group) -> str:
    """A pipe table; notes on rows form the last column."""
    noted = any(row.note for row in group.rows)
    rows = [[*row.cells, *([row.note] if noted else [])] for row in group.rows]
    head = [*header, *(["Note"] if noted else [])]
    lines = [head, ["---"] * len(head)]
    return "\n".join(f"| {' | '.join(map(escape, cells))} |" for cells in [*lines, *rows])
