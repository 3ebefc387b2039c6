"""Output folders that are filled piece by piece; after an interruption, the same question continues them."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from ..errors import RunFolderError
from ..files import read_text

__all__ = ["earlier_content", "weights_digest"]

MOST_BYTES = 100_000_000
"""Maximum size of a description, in bytes."""


def earlier_content(
    folder: Path, description: Path, asked: Mapping[str, Any], what: str, *, ignored: str = ""
) -> dict[str, Any] | None:
    """Return the description in a folder that answers the same question; None for a new folder.

    Args:
        folder: The folder.
        description: Its JSON file, which holds what was `asked`, and whether it is `finished`.
        asked: Everything that determines the bytes of the folder.
        what: What the folder holds, for messages, such as "augmentation".
        ignored: Name of a file to ignore, such as a lock.

    Raises:
        RunFolderError: The folder holds anything else.
    """
    if not folder.exists() or (folder.is_dir() and all(path.name == ignored for path in folder.iterdir())):
        return None
    wanted = f"Expected a new folder, or an unfinished {what} of the same model, data and options, in "
    try:
        found = json.loads(read_text(folder / description, MOST_BYTES))
        earlier, _ = dict(found["asked"]), bool(found["finished"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise RunFolderError(f"{wanted}'{folder}'; got other content. Choose another with --out.") from None
    if differing := [name for name in asked if earlier.get(name) != asked[name]]:
        raise RunFolderError(
            f"{wanted}'{folder}'; got one that differs in {', '.join(differing)}. Choose another with --out."
        )
    return dict(found)


def weights_digest(state: Mapping[str, Tensor]) -> str:
    """Return a fingerprint of the weights of a model, in 16 characters."""
    found = hashlib.sha256()
    for name, tensor in sorted(state.items()):
        found.update(name.encode() + tensor.detach().cpu().contiguous().numpy().tobytes())
    return found.hexdigest()[:16]
