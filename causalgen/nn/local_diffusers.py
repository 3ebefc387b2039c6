"""Networks of diffusers in local folders: the optional extra; the only module that imports it.

Nothing is downloaded, and weights are read from safetensors only, which cannot run code.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..errors import DataError
from ..files import read_text, sha256_of

__all__ = [
    "BACKBONE",
    "CODEC",
    "FolderOf",
    "build_network",
    "digest_of",
    "read_config",
    "read_network",
    "read_schedule",
]

MOST_BYTES = 1_000_000
"""Maximum size of a config."""
SCHEDULE = ("num_train_timesteps", "beta_start", "beta_end", "beta_schedule", "trained_betas", "rescale_betas_zero_snr")
"""Entries of a scheduler's config that its noise levels depend on."""
PREDICTIONS = ("epsilon", "v_prediction")


class FolderOf(NamedTuple):
    """A kind of folder: what messages call its network, the network's class, and the folder's name in a pipeline."""

    what: str
    cls: str
    place: str


CODEC = FolderOf("codec", "AutoencoderKL", "vae")
BACKBONE = FolderOf("backbone", "UNet2DConditionModel", "unet")


def read_config(folder: str, wanted: FolderOf) -> dict[str, Any]:
    """The content of `config.json`, of the right class.

    Raises:
        DataError: No such file, or the network of another class.
    """
    path = Path(folder)
    if not folder or not (path / "config.json").is_file():
        pipeline = (path / "model_index.json").is_file()
        inside = f" It looks like a pipeline: name its subfolder {wanted.place}." if folder and pipeline else ""
        raise DataError(
            f"Expected the folder of a frozen {wanted.what}, with config.json and weights as safetensors; got '{folder}'."
            + inside
        )
    config = _json(path / "config.json")
    if (found := config.get("_class_name")) != wanted.cls:
        transformer = " Pipelines with a transformer, such as SD 3 and FLUX, are not supported."
        raise DataError(
            f"Expected a {wanted.what} of the class {wanted.cls} of diffusers in '{folder}'; got {found!r}."
            + (transformer if "Transformer" in str(found) else "")
        )
    return config


def read_network(folder: str, wanted: FolderOf) -> Any:
    """The network in a folder, in 32 bits; without its weights on the meta device, which has shapes only.

    Raises:
        ImportError: diffusers is not installed.
        DataError: No such network in the folder, or not all of its weights.
    """
    config, path = read_config(folder, wanted), Path(folder)
    if torch.get_default_device().type == "meta":
        return build_network(config, wanted)
    cls = getattr(_diffusers(wanted), wanted.cls)
    if not any(path.glob("*.safetensors")):
        pickled = any(path.glob("*.bin"))
        found = "pickled weights only, which could run code. Convert them with save_pretrained" if pickled else "none"
        raise DataError(f"Expected the weights of a frozen {wanted.what} as safetensors in '{folder}'; got {found}.")
    try:
        network, report = cls.from_pretrained(
            path, local_files_only=True, use_safetensors=True, low_cpu_mem_usage=False, torch_dtype=torch.float32,
            output_loading_info=True,
        )  # fmt: skip
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"Expected a frozen {wanted.what} in '{folder}'; it cannot be read: {reason}") from None
    if missing := report["missing_keys"]:
        raise DataError(
            f"Expected all weights of the {wanted.what} in '{folder}'; '{sorted(missing)[0]}' is missing. Restore it."
        )
    return network


def build_network(config: Mapping[str, Any], wanted: FolderOf) -> Any:
    """The network that a config describes, without its weights.

    Raises:
        ImportError: diffusers is not installed.
        DataError: It describes none.
    """
    cls = getattr(_diffusers(wanted), wanted.cls)
    try:
        return cls.from_config(dict(config))
    except Exception as error:
        raise DataError(f"Expected the description of a {wanted.cls}; got one that fails with: {error}") from None


def read_schedule(folder: str) -> tuple[Tensor, str]:
    """The noise levels of a pipeline, and what its backbone predicts, from the folder `scheduler` next to that of the backbone.

    Returns:
        The share of the variance that is signal at each training step, `(steps,)` in 64 bits; "epsilon" or "v_prediction".

    Raises:
        ImportError: diffusers is not installed.
        DataError: No schedule, or one that the backbone cannot be used with.
    """
    path = _schedule_path(folder)
    if not path.is_file():
        raise DataError(
            f"Expected the noise schedule of the frozen backbone in '{path}'; got no such file. Copy the pipeline's scheduler "
            "there."
        )
    config = _json(path)
    if not config.keys() & {"beta_schedule", "trained_betas"}:
        raise DataError(
            f"Expected a noise schedule with betas in '{path}'; got {config.get('_class_name')!r}. Backbones of flow matching, "
            "such as SD 3 and FLUX, are not supported."
        )
    prediction = config.get("prediction_type", PREDICTIONS[0])
    if prediction not in PREDICTIONS:
        raise DataError(
            f"Expected a backbone that predicts {' or '.join(PREDICTIONS)} in '{path}'; got {prediction!r}."
        )
    diffusers = _diffusers(BACKBONE)
    try:
        with torch.device("cpu"):  # also where a description is built on the meta device
            scheduler: Any = diffusers.DDPMScheduler(**{key: config[key] for key in SCHEDULE if key in config})
            signal = scheduler.alphas_cumprod.double()
    except Exception as error:
        raise DataError(f"Expected a noise schedule in '{path}'; it cannot be read: {error}") from None
    if not (len(signal) > 1 and bool((signal.diff() < 0).all()) and signal[-1] >= 0):
        raise DataError(f"Expected a noise schedule in '{path}' whose noise grows with each step; got another one.")
    return signal, prediction


def digest_of(folder: str) -> str:
    """SHA-256 of the files that a backbone consists of: its config, weights and noise schedule."""
    files = [Path(folder) / "config.json", *sorted(Path(folder).glob("*.safetensors*")), _schedule_path(folder)]
    return hashlib.sha256("".join(f"{file.name} {sha256_of(file)}\n" for file in files).encode()).hexdigest()


def _schedule_path(folder: str) -> Path:
    return Path(folder).resolve().parent / "scheduler" / "scheduler_config.json"


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(read_text(path, MOST_BYTES))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"Expected JSON in '{path}'; it cannot be read: {error}") from None
    if not isinstance(found, dict):
        raise DataError(f"Expected a mapping in '{path}'; got {type(found).__name__}.")
    return found


def _diffusers(wanted: FolderOf) -> Any:
    try:
        import diffusers
    except ImportError:
        raise ImportError(
            f"Expected diffusers to read a frozen {wanted.what}; it is not installed. Run: pip install 'causalgen[diffusers]'"
        ) from None
    return diffusers
