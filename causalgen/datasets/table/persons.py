"""Columns that identify persons, whose values a report would show."""

from collections.abc import Iterable

from .column_match import words_of

__all__ = ["note_persons"]

WHO = ("patient", "subject", "person", "participant")
NAMES = {f"{who} {what}" for who in WHO for what in ("name", "names", "id", "number", "identifier")}
NAMES |= {
    "name",
    "full name",
    "surname",
    "last name",
    "first name",
    "patients name",
    "patient s name",
    "mrn",
    "ssn",
    "dob",
}
NAMES |= {"birth date", "birthdate", "birthday", "date of birth", "patient birth date", "accession number"}


def note_persons(shown: Iterable[str]) -> list[str]:
    """A sentence about columns named like names and numbers of persons, if reports would show their values.

    Args:
        shown: Names of columns whose values are shown: attributes of the graph, and labels of the rows.

    >>> note_persons(["PatientName", "age"])[0][:53]
    "'PatientName' may identify persons, and reports show "
    """
    found = [title for title in shown if " ".join(words_of(title)) in NAMES]
    if not found:
        return []
    which, whose = " and ".join(f"'{title}'" for title in found), "its" if len(found) == 1 else "their"
    return [
        f"{which} may identify persons, and reports show {whose} values. Leave it out, or write a code in place of each "
        "name; as a `group`, no value is shown."
    ]
