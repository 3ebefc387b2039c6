"""Image files by Pillow, which supports grey values of up to 16 bits and colours of 8 bits."""

import io
import warnings
from contextlib import nullcontext
from pathlib import Path

from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from .header import MOST_PIXELS, Header, too_large

__all__ = ["WIDE", "header", "picture"]

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
GREY, COLOUR = ("1", "L", "LA"), ("RGB", "RGBA", "P", "PA", "YCbCr", "CMYK")
WIDE = ("I;16", "I;16B", "I;16L", "I;16N", "I", "F")
"""Grey values of 16 bits and more."""
EXIF = {"exif", "xmp", "XML:com.adobe.xmp", "Raw profile type exif"}
"""Metadata that can hold the orientation of an image, in any format."""
ROTATED = (5, 6, 7, 8)
"""EXIF orientations that exchange height and width."""


def header(source: Path | io.BytesIO) -> Header | str:
    """Header of an image file, or the contents found instead of a usable image."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # judged below
            with Image.open(source, formats=FORMATS) as image:
                return _judge(image)
    except UnidentifiedImageError:
        return "not an image"
    except Image.DecompressionBombError:
        return f"an image of more than {MOST_PIXELS:,} pixels"


def picture(source: Path | io.BytesIO) -> Image.Image:
    """The image, upright."""
    # From a path, Pillow maps pixels of turned TIFF files with exchanged height and width.
    file = nullcontext(source) if isinstance(source, io.BytesIO) else source.open("rb")
    with file as content, Image.open(content, formats=FORMATS) as opened:
        opened.load()
        return ImageOps.exif_transpose(opened)


def _judge(image: Image.Image) -> Header | str:
    width, height = image.size
    if large := too_large(height, width):
        return large
    if image.mode not in (*GREY, *COLOUR, *WIDE):
        return f"an image in the colour space {image.mode}; save it as RGB"
    if image.format != "MPO" and getattr(image, "n_frames", 1) > 1:  # photographs of phones contain a preview
        return f"{getattr(image, 'n_frames', 1)} images in one file; save each as a file with a row of the table"
    wide, alpha = image.mode in WIDE, image.has_transparency_data
    if wide and alpha:
        return "transparent pixels in an image of 16 bits; fill them, and save it without transparency"
    if image.format == "TIFF":  # Pillow 11 exchanges the size only when it reads the pixels
        width, height = image.tag_v2[ExifTags.Base.ImageWidth], image.tag_v2[ExifTags.Base.ImageLength]  # type: ignore[attr-defined]
    told = image.format == "TIFF" or EXIF & image.info.keys()
    if told and image.getexif().get(ExifTags.Base.Orientation) in ROTATED:
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
