"""Persons in the paths of images: `patient00001/study1/view1.jpg` names the patient of a row."""

import re

import pandas as pd

from .column_match import words_of
from .files import looks_like_paths

__all__ = ["PATIENT", "PERSONS", "with_persons"]

PERSONS = {"patient", "subject", "person", "participant", "case", "individual", "animal", "mouse", "donor"}
"""Words in the name of a column that suggests which rows belong together."""
PERSON = re.compile(r"(?:patient|subject|participant|sub|pat)[-_]?\d\w*|p\d{8}", re.IGNORECASE)
"""A folder that is called after a person, as in CheXpert, BIDS and MIMIC-CXR."""
PATIENT = "patient"
FEWEST = 3


def with_persons(frame: pd.DataFrame) -> pd.DataFrame:
    """The table with a column `patient` from the paths of its first column of images.

    Nothing is added if a column is called after persons already, or unless every path has one folder that names a person, and
    at least three persons have several images between them.
    """
    if any(set(words_of(title)) & PERSONS for title in frame.columns):
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
