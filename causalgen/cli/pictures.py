"""Pictures and other files that the user names on the command line."""

from pathlib import Path

from ..errors import DataError

__all__ = ["check_folder", "check_picture"]

SUFFIXES = (".png", ".svg", ".pdf")


def check_picture(option: str, path: Path | None) -> None:
    """Raise unless a picture can be written to `path`, before any work is done for it.

    Raises:
        DataError: The file has another suffix, or its folder does not exist.
    """
    if path is None:
        return
    if path.suffix.lower() not in SUFFIXES:
        raise DataError(f"Expected a file ending in {', '.join(SUFFIXES)} for {option}; got '{path}'.")
    check_folder(option, path)


def check_folder(option: str, path: Path) -> None:
    """Raise `DataError` unless the folder of `path` exists."""
    if not path.parent.is_dir():
        raise DataError(
            f"Expected a file in an existing folder for {option}; got '{path}'. Make '{path.parent}' first."
        )
