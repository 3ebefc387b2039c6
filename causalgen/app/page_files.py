"""The files of the page, which come with the package."""

from functools import cache
from importlib import resources

__all__ = ["page_file"]


@cache
def page_file(name: str) -> str:
    """The text of "index.html", "style.css" or "page.js"."""
    return (resources.files(__package__) / "page" / name).read_text(encoding="utf-8")
