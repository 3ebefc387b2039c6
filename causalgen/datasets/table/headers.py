"""Inspect image files without decoding them: presence, format, size and colour."""

import warnings
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from PIL import ExifTags, Image, UnidentifiedImageError

__all__ = ["ABSENT", "FORMATS", "MOST_PIXELS", "SUFFIXES", "WIDE", "Header", "most_common", "read_header"]

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".pbm")
ABSENT = "no such file"
MOST_PIXELS = 100_000_000
"""An image with more pixels counts as a decompression bomb."""
GREY, COLOUR = ("1", "L", "LA"), ("RGB", "RGBA", "P", "PA", "YCbCr", "CMYK")
WIDE = ("I;16", "I;16B", "I;16L", "I;16N", "I", "F")
"""Grey values of 16 bits and more."""
EXIF = {"exif", "xmp", "XML:com.adobe.xmp", "Raw profile type exif"}
"""Metadata that can hold the orientation of an image, in any format."""
ROTATED = (5, 6, 7, 8)
"""EXIF orientations that exchange height and width."""


@dataclass(frozen=True)
class Header:
    """The header of an image file.

    Args:
        height: Pixels, upright.
        width: Pixels, upright.
        colour: Whether it has colours.
        wide: Whether its grey values have 16 bits or more.
        alpha: Whether pixels can be transparent.
        cut: Whether its channels have 16 bits, of which the reader keeps the upper 8.
        inks: Whether it is a CMYK image.
    """

    height: int
    width: int
    colour: bool
    wide: bool = False
    alpha: bool = False
    cut: bool = False
    inks: bool = False


def read_header(path: Path) -> Header | str:
    """Header of an image file, or the contents found instead of a usable image."""
    try:
        if not path.is_file():
            return "a folder" if path.is_dir() else ABSENT
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # judged below
            with Image.open(path, formats=FORMATS) as image:
                return _judge(image)
    except UnidentifiedImageError:
        return "not an image" if path.stat().st_size else "an empty file"
    except Image.DecompressionBombError:
        return f"an image of more than {MOST_PIXELS:,} pixels"
    except Exception as error:  # Pillow's readers can raise any error on broken bytes
        return f"a damaged image ({getattr(error, 'strerror', None) or error})"


def most_common(sizes: Iterable[tuple[int, int]]) -> str:
    """The sizes of images as text, the most frequent first.

    >>> most_common([(60, 64), (60, 64), (28, 28)])
    '60x64 (2 images), 28x28 (1 image)'
    """
    counts = Counter(sizes)
    shown = [f"{h}x{w} ({n} image{'s' * (n > 1)})" for (h, w), n in counts.most_common(3)]
    more = len(counts) - len(shown)
    return ", ".join(shown) + (f" and {more} more sizes" if more > 0 else "")


def _judge(image: Image.Image) -> Header | str:
    width, height = image.size
    if width * height > MOST_PIXELS:
        return f"an image of {width * height:,} pixels"
    if image.mode not in (*GREY, *COLOUR, *WIDE):
        return f"an image in the colour space {image.mode}; save it as RGB"
    if image.format != "MPO" and getattr(image, "n_frames", 1) > 1:  # photographs of phones contain a preview
        return f"{getattr(image, 'n_frames', 1)} images in one file; save each as a file with a row of the table"
    wide, alpha = image.mode in WIDE, image.has_transparency_data
    if wide and alpha:
        return "transparent pixels in an image of 16 bits; fill them, and save it without transparency"
    if EXIF & image.info.keys() and image.getexif().get(ExifTags.Base.Orientation) in ROTATED:
        width, height = height, width
    colour = image.mode in COLOUR and not _grey_palette(image)
    cut = not wide and any("16" in str(part[3]) for part in getattr(image, "tile", ()))
    return Header(height, width, colour, wide=wide, alpha=alpha, cut=cut, inks=image.mode == "CMYK")


def _grey_palette(image: Image.Image) -> bool:
    palette = image.palette if image.mode == "P" else None
    if palette is None or palette.mode != "RGB":
        return False
    colours = bytes(palette.palette)
    return colours[0::3] == colours[1::3] == colours[2::3]
