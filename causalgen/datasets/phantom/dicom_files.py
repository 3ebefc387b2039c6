"""The scan phantom as a hospital would deliver it: DICOM files with tags, in a folder for each person."""

from pathlib import Path

from ..dataset import Dataset
from .anatomy import FIELD

__all__ = ["write_dicom"]

FIRST_YEAR = 2015
"""Year of the first scan of every person."""


def write_dicom(folder: str | Path, data: Dataset) -> None:
    """Write every scan of the data set phantom as `P0012/scan-1.dcm`, without its truth.

    Tags: PatientID, PatientName and PatientBirthDate, which are invented; PatientSex; PatientAge, in whole years; StudyDate;
    StationName, the scanner; PixelSpacing. No tag holds head size or ventricle volume: they have to be read from the
    image.

    Args:
        folder: The folder, which is created; files of the same names are replaced.
        data: As loaded by `load_phantom`.

    Raises:
        ImportError: pydicom is not installed (the extra `dicom`).
    """
    from ..formats.dicom import write_slice

    frame, images = data.frame(), data.values["image"].numpy()[:, 0]
    spacing = FIELD / images.shape[1]
    by_person = frame.groupby(data.group.numpy())
    scan, first = by_person.cumcount(), by_person["age"].transform("min")
    for row, person, number, youngest in zip(range(len(data)), data.group.tolist(), scan, first):
        one = frame.iloc[row]
        elements = {
            "PatientID": f"P{person:04d}",
            "PatientName": f"Nobody^Number{person}",
            "PatientBirthDate": f"{FIRST_YEAR - int(youngest)}0101",
            "StudyDate": f"{FIRST_YEAR + int(one['age']) - int(youngest)}0601",
            "PatientSex": one["sex"],
            "PatientAge": f"{int(one['age']):03d}Y",
            "StationName": one["scanner"],
            "PixelSpacing": [spacing, spacing],
        }
        write_slice(Path(folder) / f"P{person:04d}" / f"scan-{number + 1}.dcm", images[row], elements)
