"""Which rows belong together, by names of columns and by paths: `patient00001/study1/view1.jpg` names the patient of a row."""

import re

import pandas as pd

from .column_match import words_of
from .files import looks_like_paths

__all__ = ["PATIENT", "distinct", "identifies", "is_identifier", "names_persons", "numbers_persons", "with_persons"]

CASE = "case"
"""A word for a person that is equally often an outcome: case or control."""
PERSONS = {"patient", "subject", "person", "participant", CASE, "individual", "animal", "mouse", "donor", "rid", "eid"}
"""Words in column names that identify persons; RID is used by ADNI, eid by UK Biobank."""
IDENTIFIERS = {"id", "ids", "identifier", "uid", "uuid", "guid", "mrn"}
"""Last words in names of identifier columns."""
NUMBERS = IDENTIFIERS | {
    "number",
    "no",
    "nr",
    "num",
    "code",
    "key",
    "name",
    "label",
    "tag",
    "index",
    "barcode",
    "pseudonym",
}
"""Words that may follow a word for a person."""
PERSON = re.compile(r"(?:patient|subject|participant|sub|pat)[-_]?\d\w*|p\d{8}", re.IGNORECASE)
"""A folder that is named after a person, as in CheXpert, BIDS and MIMIC-CXR."""
PATIENT = "patient"
FEWEST = 3
MOST_ROWS = 10
"""Mean number of rows per identifier above which a column is an attribute."""


def names_persons(title: str) -> bool:
    """Whether a column is named like an identifier of persons.

    >>> names_persons("PatientID"), names_persons("subject no."), names_persons("Patient Age")
    (True, True, False)
    """
    words = set(words_of(title))
    return bool(words & PERSONS) and words <= PERSONS | NUMBERS


def is_identifier(title: str) -> bool:
    """Whether a column is named like an identifier.

    >>> is_identifier("lesion_id"), is_identifier("donor"), is_identifier("idle time")
    (True, True, False)
    """
    return names_persons(title) or words_of(title)[-1:] in {(word,) for word in IDENTIFIERS}


def distinct(column: pd.Series) -> int:
    """Number of different values; 0 for lists and structures, which are not compared."""
    try:
        return column.nunique()
    except (TypeError, NotImplementedError):
        return 0


def identifies(column: pd.Series) -> bool:
    """Whether a column is named like an identifier and has few rows per value: `site_id` of 4 sites is an attribute."""
    return is_identifier(str(column.name)) and bool(distinct(column) > column.count() / MOST_ROWS)


def numbers_persons(column: pd.Series) -> bool:
    """Whether a column is named like an identifier of persons, and is not the outcome `case`.

    >>> numbers_persons(pd.Series([0, 1] * 20, name="case")), numbers_persons(pd.Series(range(40), name="Case"))
    (False, True)
    """
    return names_persons(str(column.name)) and (set(words_of(str(column.name))) != {CASE} or identifies(column))


def with_persons(frame: pd.DataFrame) -> pd.DataFrame:
    """The table with a column `patient` from the paths of its first column of images.

    Nothing is added if a column names persons already, or unless every path has one folder that names a person, and
    at least three persons have several images between them.
    """
    if any(numbers_persons(frame[title]) for title in frame.columns):
        return frame
    column = next((frame[title] for title in frame.columns if looks_like_paths(frame[title])), None)
    if column is None:
        return frame
    folders = [str(cell).replace("\\", "/").split("/")[:-1] for cell in column.dropna()]
    found = [[part for part in parts if PERSON.fullmatch(part)] for parts in folders]
    persons = {parts[0] for parts in found if parts}
    if not all(len(parts) == 1 for parts in found) or not FEWEST <= len(persons) < len(found):
        return frame
    named = pd.Series([parts[0] for parts in found], column.dropna().index)
    return frame.assign(**{PATIENT: named.reindex(frame.index)})
