"""The data set `phantom`: synthetic 16-bit slices of heads, several per person, drawn from a known causal model."""

from .dicom_files import write_dicom
from .generate import ROWS, load_phantom, stored_at
from .head_reading import measure_head_size, measure_ventricle_volume
from .truth import PhantomTruth

__all__ = [
    "ROWS",
    "PhantomTruth",
    "load_phantom",
    "measure_head_size",
    "measure_ventricle_volume",
    "stored_at",
    "write_dicom",
]
