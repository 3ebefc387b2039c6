"""Repositories at Hugging Face; the only module that imports huggingface_hub, the extra `hub`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import DataError

__all__ = ["download", "upload"]


def download(repository: str, folder: Path, *, files: Sequence[str], revision: str | None = None) -> Path:
    """Download some files of a repository into a folder, and return it; nothing else of it is fetched.

    Raises:
        DataError: There is no such repository, revision or connection.
        ImportError: huggingface_hub is missing.
    """
    hub = _hub()
    try:
        hub.snapshot_download(repository, revision=revision, allow_patterns=list(files), local_dir=folder)
    except Exception as error:
        raise _failed("a repository that can be read", repository, error) from error
    return folder


def upload(folder: Path, repository: str, *, files: Sequence[str], private: bool) -> str:
    """Create a repository where it is missing, upload some files of a folder, and return its address.

    Raises:
        DataError: The repository cannot be written.
        ImportError: huggingface_hub is missing.
    """
    api = _hub().HfApi()
    try:
        address = api.create_repo(repository, private=private, exist_ok=True)
        api.upload_folder(
            repo_id=repository, folder_path=folder, allow_patterns=list(files), commit_message="Add the model"
        )
    except Exception as error:
        raise _failed("a repository that can be written", repository, error) from error
    return str(address)


def _hub() -> Any:
    try:
        import huggingface_hub
    except ImportError:
        raise ImportError(
            "Expected huggingface_hub for repositories; it is not installed. Run: pip install 'causalgen[hub]'"
        ) from None
    return huggingface_hub


def _failed(what: str, repository: str, error: Exception) -> DataError:
    reason = " ".join(str(error).split())[:200].rstrip(".")
    return DataError(
        f"Expected {what} at Hugging Face as '{repository}'; got {type(error).__name__}: {reason}. Check the name, the "
        "connection, and `hf auth login`."
    )
