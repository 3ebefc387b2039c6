"""Paths of pictures, which may continue inside a file: `shard.tar/0001.png`, `digits.npz/images/7`."""

import re
from pathlib import Path

__all__ = [
    "DICOM_FILES",
    "IMAGE_FILES",
    "PLANES",
    "SHARDS",
    "SUFFIXES",
    "VOLUME",
    "at_slice",
    "at_volume",
    "is_dicom",
    "member_of",
    "names_picture",
    "names_volume",
    "short_name",
    "split_place",
    "stamp",
    "suffix_of",
]

IMAGE_FILES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".pbm")
"""Suffixes of files that Pillow reads."""
DICOM_FILES = (".dcm", ".dicom", ".ima")
VOLUMES = (".nii.gz", ".nii")
PLANES = ("sagittal", "coronal", "axial")
"""Planes of a volume, by the axis that they cut."""
VOLUME = "volume"
"""The rest of a path that denotes the whole volume in a file."""
SUFFIXES = (*IMAGE_FILES, *DICOM_FILES, *VOLUMES, ".npy")
"""Suffixes of files that hold one picture."""
PARQUET = (".parquet", ".pq")
SHARDS = (".tar", *PARQUET)
"""Suffixes of tables that hold encoded images."""
HOLDERS = (".npz", ".npy", *DICOM_FILES, *VOLUMES, *SHARDS)
"""Suffixes of files inside which a path may continue."""
INSIDE = re.compile(rf"(?P<file>.*?(?:{'|'.join(map(re.escape, HOLDERS))}))[/\\](?P<inside>.+)", re.IGNORECASE)
MEMBER = re.compile(rf"(?P<member>.+?)/(?P<rest>{VOLUME}|(?:{'|'.join(PLANES)})/[^/]+)")


def names_picture(word: str) -> bool:
    """Whether a word looks like the path of a picture.

    >>> names_picture("a/b.PNG"), names_picture("digits.npz/images/7"), names_picture("b.txt")
    (True, True, False)
    """
    return word.lower().endswith(SUFFIXES) or INSIDE.fullmatch(word) is not None


def split_place(path: Path) -> tuple[Path, str]:
    """The file of a picture, and the rest of its path inside that file; "" if the file is the picture.

    >>> split_place(Path("a/digits.npz/images/7"))[1], split_place(Path("a/b.png"))[1]
    ('images/7', '')
    """
    found = INSIDE.fullmatch(path.as_posix())
    if found is None or not Path(found["file"]).is_file():
        return (path, "") if found is None or path.exists() else (Path(found["file"]), found["inside"])
    return Path(found["file"]), found["inside"]


def member_of(inside: str) -> tuple[str, str]:
    """The part of a place inside a tar or Parquet file that names the member, and the part inside that member.

    >>> member_of("a/7.nii.gz/volume"), member_of("scan/7/axial/0.5"), member_of("a/7.png")
    (('a/7.nii.gz', 'volume'), ('scan/7', 'axial/0.5'), ('a/7.png', ''))
    """
    found = MEMBER.fullmatch(inside)
    return (found["member"], found["rest"]) if found else (inside, "")


def short_name(path: Path) -> str:
    """The name of a picture for a message: that of its file, and the rest of the path inside it.

    >>> short_name(Path("a/b.png")), short_name(Path("a/c.nii.gz/axial/0.5")), short_name(Path("a/c.nii.gz/volume"))
    ('b.png', 'c.nii.gz/axial/0.5', 'c.nii.gz')
    """
    file, inside = split_place(path)
    return "/".join([file.name, *([inside] if inside and inside != VOLUME else [])]).removesuffix(f"/{VOLUME}")


def suffix_of(name: str) -> str:
    """The suffix of a name, in lower case; ".nii" also of a compressed volume.

    >>> suffix_of("Scan.NPY"), suffix_of("a/scan"), suffix_of("b.nii.gz")
    ('.npy', '', '.nii')
    """
    return ".nii" if name.lower().endswith(VOLUMES) else Path(name).suffix.lower()


def at_slice(path: Path, taken: tuple[str, float] | None) -> Path:
    """The path of a slice of a volume, by plane and position; other paths, and those of slices, are unchanged.

    >>> at_slice(Path("a.nii.gz"), ("axial", 0.5)).as_posix(), at_slice(Path("a.png"), ("axial", 0.5)).as_posix()
    ('a.nii.gz/axial/0.5', 'a.png')
    """
    holds = names_volume(path.name) or suffix_of(split_place(path)[0].name) in PARQUET
    return path / taken[0] / str(taken[1]) if taken is not None and holds else path


def at_volume(path: Path) -> Path:
    """The path of the whole volume in a NIfTI or NumPy file or a shard member; other paths are unchanged.

    >>> at_volume(Path("a.nii.gz")).as_posix(), at_volume(Path("a.npz/scans/7")).as_posix(), at_volume(Path("a.png")).as_posix()
    ('a.nii.gz/volume', 'a.npz/scans/7/volume', 'a.png')
    """
    file, _ = split_place(path)
    holds = suffix_of(file.name) in (".nii", ".npy", ".npz", *PARQUET) or suffix_of(path.name) in (".nii", ".npy")
    return path / VOLUME if path.name != VOLUME and holds else path


def names_volume(word: str) -> bool:
    """Whether a word looks like the path of a whole volume.

    >>> names_volume("a.nii.gz"), names_volume("a.nii.gz/axial/3")
    (True, False)
    """
    return word.lower().endswith(VOLUMES)


def is_dicom(file: Path) -> bool:
    """Whether a file is DICOM, by its suffix, or by its first bytes if the suffix is unknown."""
    suffix = suffix_of(file.name)
    if suffix in (*SUFFIXES, *HOLDERS):
        return suffix in DICOM_FILES
    try:
        with file.open("rb") as opened:
            return opened.read(132)[128:] == b"DICM"
    except OSError:
        return False


def stamp(path: Path) -> bytes:
    """A stamp that changes when the picture at a path changes."""
    stat = split_place(path)[0].stat()
    return f"{path}\0{stat.st_mtime_ns}\0{stat.st_size}".encode()
