"""Pages that keep old addresses alive: each leads a browser to the page that took its place."""

from pathlib import Path

from sphinx.application import Sphinx

__all__ = ["setup"]

PAGE = """<!doctype html>
<meta charset="utf-8">
<title>This page has moved</title>
<meta http-equiv="refresh" content="0; url={url}">
<link rel="canonical" href="{url}">
<script>location.replace("{url}" + location.hash)</script>
<p>This page has moved to <a href="{url}">{url}</a>.</p>
"""


def setup(app: Sphinx) -> dict[str, bool]:
    """Read `moved_pages` (old page: new page) from conf.py and write a page for each when the site is built."""
    app.add_config_value("moved_pages", {}, "html", dict)
    app.connect("build-finished", _write)
    return {"parallel_read_safe": True}


def _write(app: Sphinx, failure: Exception | None) -> None:
    if failure is None and app.builder.format == "html":
        for old, new in app.config.moved_pages.items():
            page = Path(app.outdir, old).with_suffix(".html")
            page.parent.mkdir(parents=True, exist_ok=True)
            page.write_text(PAGE.format(url="../" * old.count("/") + f"{new}.html"), encoding="utf-8")
