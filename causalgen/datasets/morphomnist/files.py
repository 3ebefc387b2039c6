"""Find the files of MNIST and of the released MorphoMNIST, verify their checksums, and download them if there is a network."""

import gzip
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...errors import DataError
from ...files import sha256_of
from ..cache import cache_folder

__all__ = ["COUNTERFACTUALS", "MNIST", "RELEASED", "FileSet", "check", "find", "read_idx", "search"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class FileSet:
    """Files that belong together.

    Args:
        folder: Folder below CAUSALGEN_DATA or the cache folder.
        files: Full sha256 by file name.
        mirrors: Addresses of folders that hold them, tried in turn.
        instead: Alternative if they are not available.
    """

    folder: str
    files: Mapping[str, str]
    mirrors: tuple[str, ...] = ()
    instead: str = ""


MNIST = FileSet(
    "mnist",
    {
        "train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        "train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    },
    ("https://ossci-datasets.s3.amazonaws.com/mnist/", "https://storage.googleapis.com/cvdf-datasets/mnist/"),
)
"""The four original files of MNIST."""

RELEASED = FileSet(
    "morphomnist",
    {
        "train-images-idx3-ubyte.gz": "8a846d7d026cf533748d486a92a7208376a52bcb402862f98c011dc93ac53d81",
        "train-labels-idx1-ubyte.gz": "8a0213d79ebe93baeea57efee6d03f97fe6271e1912657a5cf6e7e55fc87238a",
        "train-morpho.csv": "40176771d8f050502ffcd995247d70392f332d03b0a3dc8f99ebd35ffefb673b",
        "t10k-images-idx3-ubyte.gz": "13163afd89dc4073b274b037485cf583d3ef58c3dd7ff65563fd6d8c21098068",
        "t10k-labels-idx1-ubyte.gz": "c3a7e01fcb887415fb67b58c21d195e212206472670865e798b7fb03d3504e2d",
        "t10k-morpho.csv": "426911a6baba7f1009de28f2d76bf86c8a91815ecc9ac0f454ef52dab2f19f43",
    },
    (
        "https://raw.githubusercontent.com/biomedia-mira/deepscm/eba08586cc35c8d5445d27d592be670cc54d8c2a"
        "/assets/data/morphomnist/",
    ),
    " Or make them from the MNIST files with source='generated'.",
)
"""The thickness and intensity set released with Deep Structural Causal Models (Pawlowski et al., 2020)."""

COUNTERFACTUALS = FileSet(
    "morphomnist/counterfactuals",
    {"t10k_first1000_truth.npz": "9dc9398c0acf7522c3f255c849353515348214abcd421f3001bd5d689a409e29"},
)
"""True counterfactual images of the first 1,000 test rows."""

TIMEOUT = 15
"""Time-out of a mirror in seconds."""


def find(files: FileSet, root: str | Path | None = None) -> Path:
    """The folder that holds `files`, with verified contents; downloaded if no folder has them.

    Args:
        files: Files to find below CAUSALGEN_DATA or the cache folder.
        root: Cache folder; None for CAUSALGEN_CACHE or the user's.

    Raises:
        DataError: A file has other content, or nothing is found and nothing can be downloaded.
    """
    folder = search(files, root)
    if folder is None:
        folder = cache_folder(root) / files.folder
        _download(files, folder)
    check(files, folder)
    return folder


def search(files: FileSet, root: str | Path | None = None) -> Path | None:
    """The first folder that has all of `files`, unchecked."""
    return next((p for p in _places(files, root) if all((p / name).is_file() for name in files.files)), None)


def check(files: FileSet, folder: Path) -> None:
    """Raise `DataError` unless every file in `folder` has its expected content."""
    for name, expected in files.files.items():
        found = sha256_of(folder / name)
        if found != expected:
            raise DataError(
                f"Expected {folder / name} with sha256 {expected}; got {found}. Replace it by the original file."
            )


def read_idx(path: Path) -> NDArray[np.uint8]:
    """Bytes of a gzipped idx file in their shape.

    Raises:
        DataError: The file is not a gzipped idx file.
    """
    try:
        content = gzip.decompress(path.read_bytes())
        shape = np.frombuffer(content, ">i4", count=content[3], offset=4)
        return np.frombuffer(content, np.uint8, offset=4 + 4 * content[3]).reshape(shape)
    except (OSError, EOFError, IndexError, ValueError) as error:
        raise DataError(f"Expected a gzipped idx file in {path}; it cannot be read: {error}.") from None


def _places(files: FileSet, root: str | Path | None) -> list[Path]:
    data = os.environ.get("CAUSALGEN_DATA")
    return [Path(place).expanduser() / files.folder for place in (data, cache_folder(root)) if place]


def _download(files: FileSet, folder: Path) -> None:
    import pooch
    from requests import RequestException

    fetch = pooch.HTTPDownloader(timeout=TIMEOUT)
    reasons = []
    for mirror in files.mirrors:
        try:
            for name, sha256 in files.files.items():
                logger.info("Downloading %s%s", mirror, name)
                pooch.retrieve(f"{mirror}{name}", f"sha256:{sha256}", fname=name, path=folder, downloader=fetch)
            return
        except (RequestException, OSError, ValueError) as error:
            reasons.append(f"{mirror} failed: {str(error).splitlines()[0]}")
    data = os.environ.get("CAUSALGEN_DATA")
    raise DataError(
        f"Expected the files {', '.join(files.files)} in {folder} or in {files.folder} below CAUSALGEN_DATA "
        f"({f'now {data}' if data else 'not set'}); found them in neither. {' '.join(f'{r}.' for r in reasons)} "
        f"Set CAUSALGEN_DATA to a folder that holds {files.folder}/ with these files.{files.instead}"
    )
