"""Sharing a model folder: its files, their checks, and its destinations."""

import shutil
import tempfile
from pathlib import Path

import torch

from ..errors import CheckpointError, DataError, RunFolderError
from ..files import no_room, write_whole
from ..scm import StructuralCausalModel, load, save
from .archive import pack
from .card import CARD

__all__ = ["FILES", "HUB", "copy_model", "is_archive", "push_model"]

FILES = ("model.json", "model.safetensors", CARD)
"""Files that are shared."""
HUB = "hf:"
"""Prefix of a repository at Hugging Face, as in hf:owner/name."""
ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz")


def is_archive(path: Path | str) -> bool:
    """Whether the name has the ending of an archive."""
    return str(path).lower().endswith(ARCHIVES)


def copy_model(source: Path, target: Path) -> Path:
    """Copy the files of a model into a new folder, and return it."""
    try:
        target.mkdir(parents=True)
    except FileExistsError:
        raise RunFolderError(f"Expected a new folder; got '{target}', which exists. Choose another name.") from None
    try:
        for name in FILES:
            if (source / name).exists():
                shutil.copyfile(source / name, target / name, follow_symlinks=True)
    except OSError as error:
        shutil.rmtree(target, ignore_errors=True)
        raise no_room(target, error) from error
    return target


def push_model(
    folder: Path | str, target: str, *, private: bool = True, rounded: bool = False, trust_code: bool = False
) -> str:
    """Check a model and share it as a folder, a .zip or .tar archive, or a repository hf:owner/name.

    Args:
        folder: A model folder, such as `runs/x/model`.
        target: Destination: a new folder or file, or a repository, which is created if it is missing.
        private: Whether a newly created repository is private.
        rounded: Whether weights keep 11 significant bits, as in half precision; such an archive is about half as large.
        trust_code: Whether mechanisms that are not causalgen's are imported for the check.

    Returns:
        The place: a path, or the address of the repository.

    Raises:
        CheckpointError: The model has no card, or a file that was changed.
        RunFolderError: The target exists.
        ImportError: The extra `hub` is missing.
    """
    folder = Path(folder)
    if not (folder / FILES[0]).is_file():
        what = "a folder without one" if folder.is_dir() else "a file" if folder.exists() else "nothing there"
        raise CheckpointError(
            f"Expected a model folder or the folder of a run, with a {FILES[0]}, in '{folder}'; got {what}."
        )
    if not (folder / CARD).is_file():
        raise CheckpointError(
            f"Expected a model card in '{folder / CARD}'; got none. `causalgen models card RUN` writes it."
        )
    scm = load(folder, trust_code=trust_code)  # compares the checksums
    with tempfile.TemporaryDirectory() as scratch:
        if rounded:
            _round_weights(scm)
            note = "\n## Rounding\n\nThe weights were rounded to 11 significant bits before the model was shared.\n"
            write_whole(Path(scratch) / CARD, (folder / CARD).read_text(encoding="utf-8") + note)
            folder = save(scm, scratch)
        if target.startswith(HUB):
            from .hub import upload

            return upload(folder, repository(target), private=private, files=FILES)
        path = Path(target)
        if path.suffix and not is_archive(path):
            raise DataError(
                f"Expected a folder without an ending, or an archive {', '.join(ARCHIVES)}; got '{path.name}', with the ending "
                f"{path.suffix}. Choose another name."
            )
        if path.exists():
            raise RunFolderError(f"Expected a new folder or archive; got '{path}', which exists. Choose another name.")
        return str(pack(folder, path, FILES) if is_archive(path) else copy_model(folder, path))


@torch.no_grad()
def _round_weights(scm: StructuralCausalModel) -> None:
    """Round weights in single precision to 10 bits after the leading bit; buffers, such as scalers, stay exact."""
    for weight in scm.parameters():
        if weight.dtype == torch.float32:
            bits = weight.data.cpu().contiguous().view(torch.int32)
            weight.copy_(((bits + 0x1000) & ~0x1FFF).view(torch.float32))


def repository(target: str) -> str:
    """Return the owner/name in hf:owner/name.

    >>> repository("hf:ada/digits")
    'ada/digits'
    """
    name = target.removeprefix(HUB)
    owner, slash, rest = name.partition("/")
    if not (owner and slash and rest) or "/" in rest:
        raise DataError(f"Expected a repository as hf:owner/name; got {target!r}.")
    return name
