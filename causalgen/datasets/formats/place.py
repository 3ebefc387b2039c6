"""Paths of pictures, which may go on inside a file: `shard.tar/0001.png`, `digits.npz/images/7`."""

import re
from pathlib import Path

__all__ = ["DICOM_FILES", "IMAGE_FILES", "SUFFIXES", "is_dicom", "names_picture", "split_place", "stamp", "suffix_of"]

IMAGE_FILES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".pbm")
"""Suffixes of files that Pillow reads."""
DICOM_FILES = (".dcm", ".dicom", ".ima")
SUFFIXES = (*IMAGE_FILES, *DICOM_FILES, ".npy")
"""Suffixes of files that hold one picture."""
HOLDERS = (".npz", ".npy", *DICOM_FILES)
"""Suffixes of files inside which a path may go on."""
INSIDE = re.compile(rf"(?P<file>.*?(?:{'|'.join(map(re.escape, HOLDERS))}))[/\\](?P<inside>.+)", re.IGNORECASE)


def names_picture(word: str) -> bool:
    """Whether a word looks like the path of a picture.

    >>> names_picture("a/b.PNG"), names_picture("digits.npz/images/7"), names_picture("b.txt")
    (True, True, False)
    """
    return word.lower().endswith(SUFFIXES) or INSIDE.fullmatch(word) is not None


def split_place(path: Path) -> tuple[Path, str]:
    """The file of a picture, and the rest of its path inside that file; "" where the picture is the file.

    >>> split_place(Path("a/digits.npz/images/7"))[1], split_place(Path("a/b.png"))[1]
    ('images/7', '')
    """
    found = INSIDE.fullmatch(path.as_posix())
    if found is None or not Path(found["file"]).is_file():
        return (path, "") if found is None or path.exists() else (Path(found["file"]), found["inside"])
    return Path(found["file"]), found["inside"]


def suffix_of(name: str) -> str:
    """The suffix of a name, in lower case.

    >>> suffix_of("Scan.NPY"), suffix_of("a/scan")
    ('.npy', '')
    """
    return Path(name).suffix.lower()


def is_dicom(file: Path) -> bool:
    """Whether a file is DICOM, by its suffix, or by its first bytes where the suffix is none that is known."""
    suffix = suffix_of(file.name)
    if suffix in (*SUFFIXES, *HOLDERS):
        return suffix in DICOM_FILES
    try:
        with file.open("rb") as opened:
            return opened.read(132)[128:] == b"DICM"
    except OSError:
        return False


def stamp(path: Path) -> bytes:
    """What changes when the picture at a path does."""
    stat = split_place(path)[0].stat()
    return f"{path}\0{stat.st_mtime_ns}\0{stat.st_size}".encode()
