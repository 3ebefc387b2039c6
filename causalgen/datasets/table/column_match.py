"""Match nodes with columns of a table: by name, or by a longer title such as "Age at scan (years)"."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import pandas as pd

from ...errors import DataError, UnknownNameError, nearest
from .declare import Declaration
from .names import FILE_NAME, IMAGE
from .reading import read_table

__all__ = [
    "Match",
    "find_column",
    "match_columns",
    "match_one",
    "match_short_names",
    "name_and_unit",
    "read_matched",
    "words_of",
]

UNIT_MARKS = (("(", ")"), ("[", "]"))
ENDS_HEAD = {"at", "by", "for", "from", "in", "of", "on", "per", "since", "when"}
"""Words that begin a qualifier (when, where or how) of a title; the name precedes them."""
WORD = re.compile(r"[A-Z]?[^\W\d_A-Z]+|[A-Z]+(?![^\W\d_A-Z])|\d+|[^\W\d_]")
SHOWN = 30
TYPED_WRONG = 0.8
"""Similarity at or above which a name counts as a misspelling of another one."""


@dataclass(frozen=True)
class Match:
    """The column of a node.

    Args:
        title: The column.
        unit: Unit that the title gives, as in "age (years)".
        proposed: Whether the title differs from the node's name, so that the match has to be shown.
    """

    title: str
    unit: str | None = None
    proposed: bool = False


def match_columns(
    declared: Mapping[str, Declaration], titles: Sequence[str], holds_paths: Callable[[str], bool]
) -> dict[str, Match]:
    """A column for every node.

    The name itself comes first, then the name with a unit, then other spellings ("Sex", "patient id"), then longer titles
    that begin or end with the name. A node without a match gets the only column of image paths, if no other node has it.

    Args:
        declared: Declarations by node.
        titles: Columns of the table.
        holds_paths: Whether a column holds image paths.

    Raises:
        DataError: Several columns match.
        UnknownNameError: No column matches.
    """
    known = set(titles)
    found: dict[str, Match] = {}
    for node, said in declared.items():
        if said.column is not None:
            found[node] = Match(find_column(said.column, f"'{node}'", titles))
        elif node in known:
            found[node] = Match(node)
        elif (other := {IMAGE: FILE_NAME, FILE_NAME: IMAGE}.get(node)) in known:
            found[node] = Match(str(other))
    open_nodes = [node for node in declared if node not in found]
    if open_nodes:
        free = [title for title in titles if title not in {match.title for match in found.values()}]
        found |= _by_titles(open_nodes, free, declared, holds_paths)
    open_nodes = [node for node in open_nodes if node not in found]
    if open_nodes:
        taken = {match.title for match in found.values()}
        paths = [title for title in titles if title not in taken and holds_paths(title)]
        node = open_nodes[0]
        if len(open_nodes) > 1 or len(paths) != 1 or get_close_matches(node, titles, 1, TYPED_WRONG):
            remedy = f"Rename the node, or name its column: `variables: {{{node}: {{column: ...}}}}`."
            find_column(node, f"'{node}'", titles, remedy)
        found[node] = Match(paths[0], proposed=True)
    return {node: found[node] for node in declared}


def match_one(name: str, what: str, titles: Sequence[str]) -> Match:
    """The column of an option such as the group.

    Raises:
        DataError, UnknownNameError: As `match_columns`.
    """
    if name in titles:
        return Match(name)
    found = _by_titles([name], titles, {}, lambda _: False)
    return found[name] if name in found else Match(find_column(name, what, titles))


def match_short_names(nodes: Iterable[str], titles: Sequence[str]) -> dict[str, str]:
    """Columns that short names match, by title, for nodes without a column of their name; unmatched nodes are left out.

    Raises:
        DataError: Several columns match.

    >>> match_short_names(["age", "sex", "gone"], ["Age at scan (years)", "sex"])
    {'Age at scan (years)': 'age'}
    """
    missing = [node for node in nodes if node not in titles]
    free = [title for title in titles if title not in set(nodes)]
    return {match.title: node for node, match in _by_titles(missing, free, {}, lambda _: False).items()}


def read_matched(path: str | Path, nodes: Iterable[str]) -> tuple[pd.DataFrame, str]:
    """The table of a file, and a note; columns that match a node by their short name take the name of the node.

    The note lists these columns, and is empty if there are none.

    Raises:
        DataError: The file cannot be read, or several columns match.
    """
    rows = read_table(path)
    short = match_short_names(nodes, list(rows.columns))
    if not short:
        return rows, ""
    read = ", ".join(f"'{node}' from '{title}'" for title, node in short.items())
    return rows.rename(columns=short), f"Columns of {Path(path).name} were matched by their short names: {read}."


def find_column(title: str, what: str, titles: Iterable[str], remedy: str = "Name a column of the table.") -> str:
    """The column named `title`.

    Args:
        title: Its name.
        what: Its purpose, for messages.
        titles: Columns of the table.
        remedy: Instruction if there is none.

    Raises:
        UnknownNameError: There is no such column.
    """
    titles = list(titles)
    if title not in titles:
        shown = ", ".join(titles[:SHOWN]) + (", ..." if len(titles) > SHOWN else "")
        raise UnknownNameError(
            f"Expected a column for {what} among {shown}; got '{title}'.{nearest(title, titles)} {remedy}"
        )
    return title


def name_and_unit(title: str) -> tuple[str, str | None]:
    """Name and unit in the title of a column.

    >>> name_and_unit("age (years)"), name_and_unit("age")
    (('age', 'years'), ('age', None))
    """
    for opening, closing in UNIT_MARKS:
        stem, _, rest = title.partition(opening)
        if stem.strip() and len(rest) > 1 and rest.endswith(closing):
            return stem.strip(), rest[:-1].strip()
    return title, None


def _by_titles(
    nodes: Sequence[str],
    titles: Sequence[str],
    declared: Mapping[str, Declaration],
    holds_paths: Callable[[str], bool],
) -> dict[str, Match]:
    """Nodes with one best title that does not match another node equally well."""
    stems = {title: name_and_unit(title) for title in titles}
    words = {title: words_of(stem) for title, (stem, _) in stems.items()}
    found: dict[str, Match] = {}
    for kind in (_same_stem, _same_words, _head):
        for node in (node for node in nodes if node not in found):
            own, taken = words_of(node), {match.title for match in found.values()}
            image = node in declared and declared[node].is_image
            candidates = [
                title
                for title in titles
                if title not in taken
                and kind(node, own, stems[title], words[title])
                and (not image or holds_paths(title))
            ]
            if len(candidates) > 1:
                shown = ", ".join(f"'{title}'" for title in candidates[:SHOWN])
                raise DataError(
                    f"Expected one column for '{node}'; got {len(candidates)} that match: {shown}. Name it: "
                    f'`variables: {{{node}: {{column: "{candidates[0]}"}}}}`.'
                )
            if candidates:
                found[node] = Match(candidates[0], stems[candidates[0]][1], proposed=kind is not _same_stem)
    return found


def _same_stem(node: str, own: tuple[str, ...], stem: tuple[str, str | None], words: tuple[str, ...]) -> bool:
    return stem[1] is not None and stem[0] == node


def _same_words(node: str, own: tuple[str, ...], stem: tuple[str, str | None], words: tuple[str, ...]) -> bool:
    return own == words and bool(own)


def _head(node: str, own: tuple[str, ...], stem: tuple[str, str | None], words: tuple[str, ...]) -> bool:
    end = next((place for place, word in enumerate(words) if word in ENDS_HEAD and place), len(words))
    head = words[:end]
    return bool(own) and own in (head[: len(own)], head[-len(own) :])


def words_of(text: str) -> tuple[str, ...]:
    """The words of a name in lower case: "PatientID" and "patient_id" have the same."""
    return tuple(word.lower() for word in WORD.findall(text))
