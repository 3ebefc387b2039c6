"""The kind of an encoded picture, by its first bytes."""

import zlib

__all__ = ["GZIP", "kind_of"]

GZIP = b"\x1f\x8b"
NIFTI = (b"n+1\0", b"n+2\0")
STARTS = {b"II*\0": ".tif", b"MM\0*": ".tif", b"\x93NUMPY": ".npy"}
HEAD = 352
"""Bytes at the start of a NIfTI file, which hold its magic number."""


def kind_of(content: bytes) -> str:
    """The suffix of an encoded picture; "" for the formats that Pillow recognises, and for anything else.

    >>> kind_of(b"\\x93NUMPY..."), kind_of(b"text")
    ('.npy', '')
    """
    if content[128:132] == b"DICM":
        return ".dcm"
    if _is_nifti(content):
        return ".nii"
    return next((suffix for start, suffix in STARTS.items() if content.startswith(start)), "")


def _is_nifti(content: bytes) -> bool:
    if content.startswith(GZIP):
        try:
            content = zlib.decompressobj(wbits=31).decompress(content, HEAD)
        except zlib.error:
            return False
    return content[344:348] in NIFTI or content[4:8] in NIFTI
