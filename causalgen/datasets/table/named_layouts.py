"""Layouts whose file names hold what a table would: BIDS (Gorgolewski et al., 2016) and UTKFace (Zhang et al., 2017)."""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from ...errors import DataError, DataWarning, warn
from .names import IMAGE

__all__ = ["bids_scans", "is_utkface", "read_bids", "read_utkface"]

PARTICIPANTS, PERSON, SESSION = "participants.tsv", "participant_id", "session"
SCANS = ("sub-*/anat/*_*.nii*", "sub-*/ses-*/anat/*_*.nii*")
T1 = "T1w"
FACE = re.compile(r"(?P<age>\d{1,3})_(?P<gender>[01])_(?P<race>[0-4])_\d{8,}\..+")
GENDERS, RACES = ("male", "female"), ("White", "Black", "Asian", "Indian", "Others")
MOSTLY = 0.9
"""Share of the names that must match UTKFace's form; in its release, a few lack a part."""
SHOWN = 3


def bids_scans(folder: Path) -> list[Path]:
    """The anatomical scans of a BIDS data set, relative to it: T1-weighted ones, or those of the only other suffix.

    Empty if the folder is not a BIDS data set.

    Raises:
        DataError: There are several suffixes, such as T2w and FLAIR, and none is T1w.
    """
    if not (folder / PARTICIPANTS).is_file():
        return []
    scans = sorted(path.relative_to(folder) for pattern in SCANS for path in folder.glob(pattern) if path.is_file())
    counts = Counter(map(_suffix, scans))
    if len(counts) > 1 and T1 not in counts:
        found = ", ".join(f"{count} {suffix}" for suffix, count in sorted(counts.items()))
        raise DataError(
            f"Expected T1w scans or one other kind of anatomical scan in '{folder}'; got {found}. List those that you want, "
            "with the columns of participants.tsv, in a table."
        )
    return [scan for scan in scans if _suffix(scan) == (T1 if T1 in counts else max(counts))]


def read_bids(folder: Path, scans: Sequence[Path]) -> pd.DataFrame:
    """One row for each scan: participant, session where there are any, the columns of participants.tsv, and the path.

    A person has a row for each scan; `participant_id` is what groups them.

    Raises:
        DataError: participants.tsv cannot be read, or has a missing or repeated participant.
    """
    path = folder / PARTICIPANTS
    try:
        persons = pd.read_csv(path, sep="\t", na_values=["n/a"], dtype={PERSON: "string"})
    except (ValueError, UnicodeDecodeError) as error:
        raise DataError(f"Expected a table in '{path}'; it cannot be read: {error}.") from None
    if PERSON not in persons or persons[PERSON].duplicated().any() or persons[PERSON].isna().any():
        raise DataError(f"Expected one row for each '{PERSON}' in '{path}'; got none, or one twice. Correct the table.")
    rows = pd.DataFrame({PERSON: pd.Series([scan.parts[0] for scan in scans], dtype="string")})
    if any(len(scan.parts) == 4 for scan in scans):
        rows[SESSION] = [scan.parts[1] if len(scan.parts) == 4 else None for scan in scans]
    rows[IMAGE] = [scan.as_posix() for scan in scans]
    without = persons.loc[~persons[PERSON].isin(rows[PERSON]), PERSON].tolist()
    if without:
        kind = f"{_suffix(scans[0])} scan"
        warn(f"Participants of '{path.name}' without a {kind} ({len(without):,}): {_shown(without)}.", DataWarning)
    unknown = rows.loc[~rows[PERSON].isin(persons[PERSON]), PERSON].unique().tolist()
    if unknown:
        warn(f"Persons with scans who are not in '{path.name}' ({len(unknown):,}): {_shown(unknown)}.", DataWarning)
    return rows.merge(persons.drop(columns=[IMAGE, SESSION], errors="ignore"), on=PERSON, how="left")


def is_utkface(found: Sequence[Path]) -> bool:
    """Whether images are named as those of UTKFace: `26_1_3_20170104235959999.jpg` is age, gender, race and date."""
    named = sum(FACE.fullmatch(path.name) is not None for path in found)
    return bool(found) and named >= MOSTLY * len(found)


def read_utkface(found: Sequence[Path]) -> pd.DataFrame:
    """Path, age in years, gender and race, as labels, of each image whose name has all parts."""
    matches = {path: FACE.fullmatch(path.name) for path in found}
    rows = [
        {
            IMAGE: path.as_posix(),
            "age": int(match["age"]),
            "gender": GENDERS[int(match["gender"])],
            "race": RACES[int(match["race"])],
        }
        for path, match in matches.items()
        if match is not None
    ]
    return pd.DataFrame(rows)


def _suffix(scan: Path) -> str:
    """What a BIDS file name ends with before the extension, such as T1w."""
    return scan.name.partition(".")[0].rpartition("_")[2]


def _shown(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
