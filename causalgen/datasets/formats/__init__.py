"""Readers of single pictures: image files, arrays, and pictures that lie inside a larger file."""

from .header import ABSENT, AS_STORED, UNSPECIFIED, Header
from .pillow import WIDE
from .place import (
    PLANES,
    SHARDS,
    SUFFIXES,
    at_slice,
    at_volume,
    is_dicom,
    names_picture,
    names_volume,
    short_name,
    split_place,
    stamp,
)
from .reading import Picture, read_header, read_picture

__all__ = [
    "ABSENT",
    "AS_STORED",
    "PLANES",
    "SHARDS",
    "SUFFIXES",
    "UNSPECIFIED",
    "WIDE",
    "Header",
    "Picture",
    "at_slice",
    "at_volume",
    "is_dicom",
    "names_picture",
    "names_volume",
    "read_header",
    "read_picture",
    "short_name",
    "split_place",
    "stamp",
]
