"""How a bench judges many drawn tables: which ones the command asks for, in parallel, with a file for long runs."""

import argparse
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from joblib import Parallel, delayed

Row = dict[str, Any]


def table_options(kinds: Iterable[str]) -> argparse.ArgumentParser:
    """The options that such benches share."""
    parser = argparse.ArgumentParser()
    parser.add_argument("tables", type=int, nargs="?", default=200)
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"any of {', '.join(kinds)}")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--save", type=Path)
    parser.add_argument("--read", type=Path)
    return parser


def judge_tables(
    asked: argparse.Namespace,
    kinds: Iterable[str],
    judge: Callable[[str, int], Row],
    summarise: Callable[[Sequence[Row]], None],
) -> None:
    """Judge the tables that the command asks for, or read a file of judged ones, and print the summary."""
    if asked.read is not None:
        summarise([json.loads(line) for line in asked.read.read_text(encoding="utf-8").splitlines()])
        return
    numbers = range(asked.first, asked.first + asked.tables)
    todo = [(kind, number) for kind in asked.kinds or kinds for number in numbers]
    rows = []
    for row in Parallel(asked.jobs, return_as="generator_unordered")(delayed(judge)(*one) for one in todo):
        rows.append(row)
        if asked.save is not None:
            with asked.save.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
    summarise(rows)
