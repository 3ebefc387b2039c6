"""Models on this machine: those that come with causalgen, and those fetched from elsewhere."""

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from ..datasets.cache import cache_folder, content_hash
from ..errors import DataError, UnknownNameError, nearest
from ..scm import StructuralCausalModel, load
from .archive import unpack
from .sharing import FILES, HUB, copy_model, is_archive, repository

__all__ = ["PRETRAINED", "StoredModel", "get_model", "list_models", "pretrained", "stored_model"]

PRETRAINED = {
    "morphodigits": "digits of 28 x 28 pixels by thickness, intensity, pen, hurry and digit (conv-vae)",
    "morphomnist": "MNIST digits of 28 x 28 pixels by thickness, intensity and digit (conv-vae)",
}
"""Models that come with causalgen, with descriptions."""
SHIPPED = Path(__file__).parent / "shipped"
NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,79}", re.ASCII)


@dataclass(frozen=True)
class StoredModel:
    """A model on this machine.

    Args:
        name: Its name.
        folder: Its folder; None for a model that comes with causalgen and has not been unpacked yet.
        comes: Its origin.
    """

    name: str
    folder: Path | None
    comes: str


def pretrained(name: str) -> StructuralCausalModel:
    """Load a fitted model that comes with causalgen; its card describes how it was made and its prohibited uses.

    Raises:
        UnknownNameError: There is no such model; the message lists them.

    >>> scm = pretrained("morphodigits")
    >>> scm.sample(2, do={"pen": "felt-tip"}, seed=0)["image"].shape
    torch.Size([2, 1, 28, 28])
    """
    return load(stored_model(name))


def list_models() -> list[StoredModel]:
    """List the models that come with causalgen, and those that `get_model` has stored."""
    shipped = [StoredModel(name, _present(_place(name)), "comes with causalgen") for name in PRETRAINED]
    home = _home()
    stored = sorted(home.iterdir()) if home.is_dir() else []
    return shipped + [
        StoredModel(path.name, path, "fetched from elsewhere")
        for path in stored
        if path.name not in PRETRAINED and (path / FILES[0]).is_file()
    ]


def stored_model(name: str) -> Path:
    """Return the folder of a model on this machine; one that comes with causalgen is unpacked on first use.

    Raises:
        UnknownNameError: There is no such model.
    """
    if name in PRETRAINED:
        place = _place(name)
        if _present(place) is None:
            unpack(SHIPPED / f"{name}.zip", place, FILES)
        return place
    known = [model.name for model in list_models()]
    if name not in known:
        raise UnknownNameError(
            f"Expected a model among {', '.join(known)}; got {name!r}. `causalgen models get` fetches others."
            + nearest(name, known)
        )
    return _home() / name


def get_model(source: str, name: str | None = None, *, revision: str | None = None, trust_code: bool = False) -> Path:
    """Check and store a model from elsewhere, and return its folder.

    Args:
        source: A model folder, a .zip or .tar archive, or a repository hf:owner/name.
        name: Its name here; None for that of the folder, archive or repository.
        revision: Commit of a repository.
        trust_code: Whether mechanisms that are not causalgen's are imported, which runs their code.

    Raises:
        CheckpointError: A file is missing or was changed, or the model cannot be rebuilt.
        UntrustedCodeError: A mechanism is not causalgen's, and `trust_code` is False.
        DataError: The source cannot be read, or the name is not a plain name.
        RunFolderError: A model of this name already exists.
    """
    path = Path(source)
    if revision is not None and not source.startswith(HUB):
        raise DataError(f"Expected a revision for a repository hf:owner/name; got {source!r}. Leave it out.")
    name = name or (repository(source) if source.startswith(HUB) else _plain(path)).rpartition("/")[2]
    if not NAME.fullmatch(name):
        raise DataError(f"Expected a name of letters, digits, dots and dashes; got {name!r}. Give one with --name.")
    if name in PRETRAINED:
        raise DataError(f"Expected another name than that of a model of causalgen; got {name!r}. Give one with --name.")
    home = _home()
    home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home, prefix=".getting-") as scratch:
        if source.startswith(HUB):
            from .hub import download

            found = download(repository(source), Path(scratch), files=FILES, revision=revision)
        elif path.is_dir():
            found = path
        elif path.is_file() and is_archive(path):
            found = unpack(path, Path(scratch) / "model", FILES)
        else:
            what = "a file of another kind" if path.exists() else "nothing there"
            raise DataError(
                f"Expected a model folder, a .zip or .tar archive, or hf:owner/name; got '{source}', {what}."
            )
        load(found, trust_code=trust_code)  # compares the checksums
        return copy_model(found, home / name)


def _home() -> Path:
    return cache_folder() / "models"


def _place(name: str) -> Path:
    """Return the folder to which a model of causalgen is unpacked, a different one for each version of its archive."""
    return _home() / ".pretrained" / f"{name}-{content_hash([(SHIPPED / f'{name}.zip').read_bytes()])}"


def _present(place: Path) -> Path | None:
    return place if (place / FILES[0]).is_file() else None


def _plain(path: Path) -> str:
    """Return the name of a folder or archive; for a folder called model, that of its run."""
    path = path.resolve()
    stem = path.name.removesuffix(".gz").removesuffix(".tgz").removesuffix(".tar").removesuffix(".zip")
    return path.parent.name if path.is_dir() and stem == "model" else stem
