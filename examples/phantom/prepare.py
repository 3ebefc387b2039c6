"""Write the scan phantom as DICOM files, as a hospital would hand them over.

    python examples/phantom/prepare.py [SCANS]

Writes `scans/P0000/scan-1.dcm` and so on next to this file: 3,000 scans, or as many as asked. Needs the extra `dicom`.
"""

import sys
from pathlib import Path

from causalgen.datasets import load
from causalgen.datasets.phantom import write_dicom

TARGET = Path(__file__).parent / "scans"


if __name__ == "__main__":
    data = load("phantom", rows=int(sys.argv[1]) if sys.argv[1:] else 3000)
    write_dicom(TARGET, data)
    print(f"{len(data)} scans of {len(data.group.unique())} persons in {TARGET}")
