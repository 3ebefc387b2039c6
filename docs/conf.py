"""Sphinx settings: `sphinx-build -W -j 2 -b html docs docs/_build/html` runs the code of all pages; nothing is fetched."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / "_extensions"), str(HERE.parent)]

from causalgen import __version__  # noqa: E402

project = "causalgen"
author = "The causalgen authors"
copyright = "the causalgen authors, Apache-2.0"
version = release = __version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "executed",
    "redirects",
    "references",
]
exclude_patterns = ["_build", "_extensions", "worked"]
suppress_warnings = ["config.cache"]  # an option holds a function; only the first of two builds is slower for it

html_theme = "furo"
html_title = f"causalgen {__version__}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sphinx = False

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
nb_execution_mode = "cache"  # `-D nb_execution_mode=off` builds the site in half a minute, without outputs
nb_execution_excludepatterns = ["tutorials/faces.md", "tutorials/xrays.md"]  # their data are not in the repository
nb_execution_raise_on_error = True
nb_execution_timeout = 600
nb_merge_streams = True
nb_output_stderr = "remove"

autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_class_signature = "mixed"
add_module_names = False
default_role = "py:obj"
napoleon_numpy_docstring = False
napoleon_use_ivar = True
python_use_unqualified_type_names = True

moved_pages = {  # old addresses that still lead somewhere
    "quickstart": "tutorials/quickstart",
    "ladder": "tutorials/ladder",
    "notebooks/morphodigits": "tutorials/default-study",
    "notebooks/own_table": "tutorials/faces",
    "notebooks/pneumonia": "tutorials/xrays",
    "own-data": "guides/own-data",
    "measure-images": "guides/measure-images",
    "graphs": "guides/graphs",
    "estimators": "guides/estimators",
    "running": "guides/running",
    "coming-from": "guides/coming-from",
    "pyro": "guides/pyro",
    "add-a-mechanism": "guides/add-a-mechanism",
    "abduction": "explanation/abduction",
    "support": "explanation/support",
    "effect-report": "explanation/effect-report",
    "interventions": "reference/interventions",
    "study-file": "reference/study-file",
    "command-line": "reference/command-line",
    "mechanisms": "reference/mechanisms",
    "results": "reference/results",
}
