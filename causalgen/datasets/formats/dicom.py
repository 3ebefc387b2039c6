"""DICOM files by pydicom, the optional extra; the only module that imports it.

Grey values are those of the modality: stored values through the rescale slope and intercept, or the modality's table, such as
Hounsfield units of a CT. For MONOCHROME1, in which the lowest value is white, the scale is inverted:

    v' = m(least) + m(greatest) - v     m the rescaling, least and greatest of the bits that are stored

No text of the file is used unless its keyword is requested (`read_tags`).
"""

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

try:
    from pydicom import dcmread
    from pydicom.datadict import dictionary_VR, keyword_dict
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.errors import InvalidDicomError
    from pydicom.pixels import apply_modality_lut, get_decoder, pixel_array
    from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid
except ImportError as error:  # pragma: no cover - depends on the installation
    raise ImportError(
        "Expected pydicom to read DICOM files; it is not installed. Install the extra: pip install 'causalgen[dicom]'."
    ) from error

from ...errors import DataError, nearest
from ...grammar.dicom_age import years_of
from .header import AS_STORED, UNSPECIFIED, Header, too_large

__all__ = ["check_keywords", "header", "picture", "read_tags", "write_slice"]

GREY = ("MONOCHROME1", "MONOCHROME2")


def header(source: Any, inside: str = "") -> Header | str:
    """Header of a DICOM image, or the contents found instead of a usable one; `inside` is the number of a frame."""
    try:
        found = dcmread(source, stop_before_pixels=True)
    except InvalidDicomError:
        return "not a DICOM file"
    if problem := _problem(found, inside):
        return problem
    colour, wide = found.PhotometricInterpretation not in GREY, not _is_bytes(found)
    units = _units(found) if wide else ""
    return Header(found.Rows, found.Columns, colour, wide=wide, units=units, stated=_window(found) if wide else None)


def picture(source: Any, inside: str = "") -> Any:
    """Bytes as an image; other grey values as an array `(H, W)`."""
    found = dcmread(source)
    if problem := _problem(found, inside):
        raise ValueError(problem)
    values = pixel_array(found, index=int(inside)) if inside else pixel_array(found)
    if found.PhotometricInterpretation not in GREY:
        return Image.fromarray(values)
    grey = apply_modality_lut(values, found)
    if found.PhotometricInterpretation == "MONOCHROME1":
        grey = sum(map(float, apply_modality_lut(_ends(found), found))) - grey
    return Image.fromarray(grey.astype(np.uint8)) if _is_bytes(found) else grey


def write_slice(path: Path, pixels: NDArray[np.uint16], elements: Mapping[str, Any]) -> None:
    """Write grey values `(H, W)` as an uncompressed MR image with some elements by keyword; the folder is created."""
    found = Dataset()
    found.file_meta = FileMetaDataset()
    found.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    found.file_meta.MediaStorageSOPClassUID = found.SOPClassUID = MRImageStorage
    found.file_meta.MediaStorageSOPInstanceUID = found.SOPInstanceUID = generate_uid(entropy_srcs=[str(path)])
    found.Modality, found.SamplesPerPixel, found.PhotometricInterpretation = "MR", 1, "MONOCHROME2"
    found.Rows, found.Columns = pixels.shape
    found.BitsAllocated, found.BitsStored, found.HighBit, found.PixelRepresentation = 16, 16, 15, 0
    found.PixelData = pixels.astype("<u2").tobytes()
    for keyword, value in elements.items():
        setattr(found, keyword, value)
    path.parent.mkdir(parents=True, exist_ok=True)
    found.save_as(path, enforce_file_format=True)


def check_keywords(keywords: Sequence[str]) -> None:
    """Raise `DataError` unless all are keywords of DICOM's dictionary."""
    for keyword in keywords:
        if keyword not in keyword_dict:
            raise DataError(
                f"Expected keywords of DICOM such as PatientAge or Manufacturer; got {keyword!r}."
                + nearest(str(keyword), keyword_dict)
            )


def read_tags(path: Path, keywords: Sequence[str]) -> dict[str, Any]:
    """The values of some elements by keyword: ages in years, numbers, dates as 2026-11-30, texts; None if there is none.

    Raises:
        DataError: An element holds several values, or none that a table can hold.
        InvalidDicomError: The file is not DICOM.
    """
    found = dcmread(path, stop_before_pixels=True, specific_tags=list(keywords))
    return {keyword: _plain(found.get(keyword), keyword, path) for keyword in keywords}


def _problem(found: Any, inside: str) -> str:
    """The reason why an image cannot be read; empty if there is none."""
    if not all(word in found for word in ("Rows", "Columns", "PhotometricInterpretation")):
        return f"a DICOM file without an image ({found.get('Modality', 'no modality')})"
    photometric, bits = found.PhotometricInterpretation, int(found.get("BitsAllocated", 8))
    if photometric == "PALETTE COLOR":
        return "a DICOM image with a palette of colours; save it as RGB or as grey values"
    if photometric not in GREY and bits != 8:
        return f"a DICOM image in {photometric} with {bits} bits; save colours with 8 bits"
    frames = int(found.get("NumberOfFrames") or 1)
    if frames > 1 and not inside:
        return f"{frames} frames in one file; name one in the path, as file/0"
    if inside and not (inside.isdecimal() and int(inside) < frames):
        return f"no frame '{inside}' in a file of {frames}; frames count from 0"
    return too_large(found.Rows, found.Columns) or _lacking_decoder(found)


def _lacking_decoder(found: Any) -> str:
    """The package that decompresses the pixels, if it is not installed."""
    syntax = found.file_meta.get("TransferSyntaxUID")
    if syntax is None or not syntax.is_compressed or syntax.is_deflated:
        return ""
    try:
        decoder = get_decoder(syntax)
    except NotImplementedError:
        return f"pixels that pydicom cannot decode ({syntax.name})"
    if decoder.is_available:
        return ""
    lacking = {name.partition(" ")[0]: name.partition("requires ")[2] for name in decoder.missing_dependencies}
    needed = lacking.get("pylibjpeg") or " or ".join(lacking.values())
    return f"pixels that need {needed} ({syntax.name})"


def _is_bytes(found: Any) -> bool:
    """Whether the values have 8 bits and no rescaling."""
    plain = (float(found.get("RescaleSlope", 1)), float(found.get("RescaleIntercept", 0))) == (1, 0)
    unsigned = found.get("BitsStored") == 8 and not found.get("PixelRepresentation")
    return unsigned and plain and "ModalityLUTSequence" not in found


def _ends(found: Any) -> NDArray[np.int64]:
    """Lowest and highest value that the stored bits can hold."""
    count = 2 ** int(found.BitsStored)
    least = -count // 2 if found.get("PixelRepresentation") else 0
    return np.array([least, least + count - 1])


def _units(found: Any) -> str:
    """Unit of the rescaled values."""
    if "ModalityLUTSequence" in found:
        return str(found.ModalityLUTSequence[0].get("ModalityLUTType") or UNSPECIFIED)
    if "RescaleSlope" not in found:
        return AS_STORED
    kind = str(found.get("RescaleType") or "").strip()
    return kind if kind not in ("", "US") else "HU" if found.get("Modality") == "CT" else UNSPECIFIED


def _window(found: Any) -> tuple[float, float] | None:
    """The first window that the file states, as its lowest and highest value."""
    centre, width = (np.atleast_1d(found.get(word, [])) for word in ("WindowCenter", "WindowWidth"))
    if not len(centre) or not len(width) or float(width[0]) <= 1 or found.PhotometricInterpretation != "MONOCHROME2":
        return None
    middle, half = float(centre[0]) - 0.5, (float(width[0]) - 1) / 2
    return middle - half, middle + half


def _plain(value: Any, keyword: str, path: Path) -> Any:
    kind = dictionary_VR(keyword)
    if value is None or str(value).strip() == "":
        return None
    if kind in ("SQ", "OB", "OW", "UN") or (not isinstance(value, str) and np.ndim(value) > 0):
        raise DataError(
            f"Expected one value of {keyword} in '{_place(path)}'; got several, or data. Leave the keyword out."
        )
    text = str(value).strip()
    if kind == "AS":
        years = years_of(text.rjust(4, "0"))  # some scanners omit the zeros
        if years is None:
            raise DataError(f"Expected {keyword} such as 045Y in '{_place(path)}'; got {text!r}. Correct the file.")
        return years
    if kind == "DA" and len(text) == 8:
        return date(int(text[:4]), int(text[4:6]), int(text[6:])).isoformat()
    if kind in ("DS", "FL", "FD"):
        return float(value)
    return int(value) if kind in ("IS", "US", "SS", "UL", "SL") else text


def _place(path: Path) -> str:
    """A file with its folder, which identifies the person if all files have the same name."""
    return "/".join(path.parts[-2:])
