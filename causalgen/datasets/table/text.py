"""The format of a text table, detected from its bytes: encoding, separator and decimal mark."""

import codecs
import csv
import io
import re
from dataclasses import dataclass
from pathlib import Path

from ...errors import DataError

__all__ = ["TextForm", "text_form"]

SEPARATORS = ",;\t|"
DECIMAL_COMMA = re.compile(r"[-+]?\d+,\d+")
DECIMAL_POINT = re.compile(r"[-+]?\d+\.\d+")
QUOTED = re.compile(r'"(?:[^"]|"")*"')
RECORD = re.compile(r'(?:"(?:[^"]|"")*"|[^"\r\n])*(?=[\r\n]|\Z)')
SAID = re.compile(r"sep=(?P<separator>[,;\t|])\r?\n", re.IGNORECASE)
LOOKED_AT = 1000
"""Number of lines at the top of a file from which its format is detected."""
PIECE = 1 << 22
"""Number of bytes decoded at a time."""
LONGEST_LINE = 1 << 24
"""Maximum length of the first line, which allows about a million columns."""
BINARY = {
    b"PK\x03\x04": "a zip archive or a workbook",
    b"\x1f\x8b": "a gzip archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ": "an xz archive",
    b"(\xb5/\xfd": "a zstd archive",
    b"PAR1": "a Parquet file",
    b"\xd0\xcf\x11\xe0": "a workbook",
    b"%PDF": "a PDF",
    b"SQLite": "a database",
    b"\x89HDF": "an HDF5 file",
    b"\x89PNG": "an image",
    b"\xff\xd8\xff": "an image",
}
"""First bytes of other files that are often named .csv."""


@dataclass(frozen=True)
class TextForm:
    """The format of a text table.

    Args:
        encoding: Name of its encoding.
        separator: Character between two cells.
        decimal: The decimal mark.
        longest: Bytes of the longest of the first lines.
        skipped: Lines above the header: spreadsheets write `sep=;` there.
    """

    encoding: str
    separator: str
    decimal: str
    longest: int
    skipped: int = 0


def text_form(path: Path) -> TextForm:
    """The format of the table at `path`; the whole file is decoded, so that any wrong byte is found.

    Raises:
        DataError: The file is binary, in another encoding, empty, without rows, or mixes decimal marks.
        OSError: The file cannot be read.
    """
    encoding, head = _decoded(path)
    said = SAID.match(head)
    head = head[said.end() :] if said else head
    lines = head.splitlines()
    if not lines or not lines[0].strip():
        raise DataError(f"Expected a header line in '{path}'; got an empty file. Write the column names into line 1.")
    if len(lines) == 1:
        raise DataError(f"Expected rows below the header of '{path}'; got none. Check that it is the right file.")
    record = RECORD.match(head)
    header = QUOTED.sub("", record.group() if record else lines[0])
    separator = said["separator"] if said else max(SEPARATORS, key=header.count)
    longest = max(len(line.encode("utf-8", "replace")) for line in lines)
    return TextForm(encoding, separator, _decimal(path, head, separator), longest, 1 if said else 0)


def _decoded(path: Path) -> tuple[str, str]:
    """Encoding and first lines."""
    with path.open("rb") as file:
        first = file.read(8)
        found = next((what for start, what in BINARY.items() if first.startswith(start)), None)
        if found is not None:
            raise DataError(f"Expected text in '{path}'; got {found}. Unpack it, or save the table as CSV.")
        wide = first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        encoding = "utf-16" if wide else "utf-8-sig"
        decoder = codecs.getincrementaldecoder(encoding)()
        head, lines, done = "", 0, 0
        file.seek(0)
        while piece := file.read(PIECE):
            text = _decode(path, decoder, piece, done)
            if "\0" in text:
                line = lines + text[: text.index("\0")].count("\n") + 1
                raise DataError(f"Expected text in '{path}'; got binary data in line {line}. Save it as CSV (UTF-8).")
            if lines < LOOKED_AT:
                head += text
            lines += text.count("\n")
            done += len(piece)
            if lines == 0 and done > LONGEST_LINE:
                raise DataError(
                    f"Expected a header line in '{path}'; got more than {LONGEST_LINE / 1e6:.0f} MB without a line break. "
                    "Check that it is a table, with one row in every line."
                )
        _decode(path, decoder, b"", done)
    return encoding, "".join(head.splitlines(keepends=True)[:LOOKED_AT])


def _decode(path: Path, decoder: codecs.IncrementalDecoder, piece: bytes, done: int) -> str:
    try:
        return decoder.decode(piece, final=not piece)
    except UnicodeDecodeError as error:
        byte = error.object[error.start] if error.start < len(error.object) else 0
        raise DataError(
            f"Expected UTF-8 text in '{path}'; got the byte 0x{byte:02x} at position {done + error.start}, as in Latin-1 "
            "or Windows files. Save it as UTF-8 (in a spreadsheet: CSV UTF-8)."
        ) from None


def _decimal(path: Path, head: str, separator: str) -> str:
    if separator == ",":
        return "."
    try:
        rows = list(csv.reader(io.StringIO(head, newline=""), delimiter=separator))[1:]
    except csv.Error:  # a cell of more than 128 KB
        rows = [line.split(separator) for line in head.splitlines()[1:]]
    cells = {cell.strip() for row in rows for cell in row}
    commas = any(DECIMAL_COMMA.fullmatch(cell) for cell in cells)
    if commas and any(DECIMAL_POINT.fullmatch(cell) for cell in cells):
        raise DataError(
            f"Expected one decimal mark in '{path}'; got numbers with a comma and numbers with a point. "
            "Write all of them with a point."
        )
    return "," if commas else "."
