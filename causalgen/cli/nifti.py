"""The option that also writes volumes as NIfTI files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["Nifti", "write_volumes"]

Nifti = Annotated[
    Path | None,
    typer.Option(
        help="Also write volumes as NIfTI, with the voxel size and position of this file, which must have the same "
        "number of voxels.",
        show_default=False,
    ),
]


def write_volumes(files: Sequence[Path], like: Path | None) -> None:
    """Write the volumes among the files of an answer as NIfTI, if a reference file is given."""
    if like is not None:
        from ..reports.image_files import write_nifti

        write_nifti(files, like)
