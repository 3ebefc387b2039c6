"""Studies by name: those in `examples/`, which ship with the package."""

import os
from pathlib import Path

from ..errors import StudyError, nearest

__all__ = ["shipped_studies", "study_path"]


def shipped_studies() -> dict[str, Path]:
    """Name -> study file of every shipped study: in an installed wheel, or in the repository.

    >>> "morphodigits" in shipped_studies()
    True
    """
    package = Path(__file__).resolve().parents[1]
    places = (package / "_data" / "examples", package.parent / "examples")
    folder = next((place for place in places if place.is_dir()), places[0])
    return {path.parent.name: path for path in sorted(folder.glob("*/study.yaml"))}


def study_path(name_or_path: str | Path) -> Path:
    """The study file for a name: an existing file, else the shipped study of that name.

    Raises:
        StudyError: There is neither; the message lists the shipped studies.
    """
    name, shipped = str(name_or_path), shipped_studies()
    if os.path.isfile(name):  # unlike Path.is_file, false for what cannot be a path
        return Path(name)
    if name in shipped:
        return shipped[name]
    found = "a folder" if os.path.isdir(name) else "it cannot be read: No such file or directory"
    raise StudyError(
        f"Expected a study file or one of the shipped studies {', '.join(shipped)}; got '{name}'; {found}."
        + nearest(Path(name).name, shipped)
    )
