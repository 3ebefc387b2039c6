"""The page as one file that needs no server: some units, with every attribute swept separately."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import DataError
from ..files import write_whole
from ..studies.output import check_writable, writing
from .explorer import Explorer, WorldSetting
from .page_files import page_file

__all__ = ["write_static_page"]

UNITS = 6
"""Default number of units on the page."""
MOST_UNITS = 50
PARTS = {"factual", "counterfactual", "difference", "truth"}
"""Parts of an image's answer that are pictures; each is stored in the file once."""
DIGITS = 6
"""Significant digits of numbers."""
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"


def write_static_page(explorer: Explorer, folder: Path, rows: Sequence[str] = ()) -> Path:
    """Write `folder/index.html`, which shows the given rows in any browser, without a server and without the network.

    Args:
        explorer: The explorer that answers.
        folder: The folder, which is created; an earlier page in it is replaced.
        rows: Row labels as text; none for the first six of the test split.

    Raises:
        DataError: A row does not exist, or there are too many.
        RunFolderError: The folder cannot be written.
    """
    check_writable(folder)
    if len(rows) > MOST_UNITS:
        raise DataError(f"Expected at most {MOST_UNITS} rows on one page; got {len(rows)}. Export fewer.")
    model = explorer.model()
    asked = dict.fromkeys(explorer.row(text)["key"] for text in rows)
    units = [explorer.entry(key) for key in asked] or explorer.page(model["split"], 0)[:UNITS]
    content = _content(explorer, model, units)
    with writing(folder):
        write_whole(folder / "index.html", _page(content))
    return folder / "index.html"


def _content(explorer: Explorer, model: dict[str, Any], units: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Everything that the page shows: factual answers, and total and direct ones for the values of each attribute."""
    values = {each["name"]: explorer.sweep_values(each["name"]) for each in model["attributes"]}
    pictures: dict[str, int] = {}

    def answer(key: str, do: dict[str, float], *, hold: bool = False) -> dict[str, Any]:
        return _packed(explorer.answer(WorldSetting(unit=key, do=do, hold=hold)), pictures)

    def sweeps(key: str, *, hold: bool) -> dict[str, list[dict[str, Any]]]:
        return {name: [answer(key, {name: value}, hold=hold) for value in row] for name, row in values.items()}

    keys = [unit["key"] for unit in units]
    return {
        "model": model | {"run": "", "page": len(units), "splits": [{"name": model["split"], "count": len(units)}]},
        "units": units,
        "values": values,
        "factual": {key: answer(key, {}) for key in keys},
        "answers": {key: [sweeps(key, hold=hold) for hold in (False, True)] for key in keys},
        "pictures": list(pictures),
    }


def _packed(found: dict[str, Any], pictures: dict[str, int]) -> dict[str, Any]:
    """The answer with shorter numbers, and with indices into `pictures`, since most pictures occur often."""
    for image in found["images"]:
        for part in PARTS & image.keys():
            image[part] = pictures.setdefault(image[part], len(pictures))
    for attribute in found["attributes"]:
        for part in ("factual", "counterfactual"):
            attribute[part] = {name: float(f"{value:.{DIGITS}g}") for name, value in attribute[part].items()}
    return found


def _page(content: dict[str, Any]) -> str:
    """The page with its style, its script and its content in one file."""
    baked = json.dumps(content, allow_nan=False).replace("<", "\\u003c")  # so that nothing in it can end the element
    head = f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
    page = page_file("index.html")
    for old, new in (
        ('<meta charset="utf-8">', f'<meta charset="utf-8">\n{head}'),
        ('<link rel="stylesheet" href="style.css">', f"<style>\n{page_file('style.css')}</style>"),
        (
            '<script src="page.js"></script>',
            f'<script id="baked" type="application/json">{baked}</script>\n<script>\n{page_file("page.js")}</script>',
        ),
    ):
        if page.count(old) != 1:
            raise AssertionError(old)
        page = page.replace(old, new)
    return page
