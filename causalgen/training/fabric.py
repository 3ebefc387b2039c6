"""The device, processes and precision of a stage, set up by lightning-fabric."""

import logging

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments import LightningEnvironment

from .config import FitConfig
from .device import device_of
from .processes import joined

__all__ = ["fabric_for", "precision_on"]

REPEATED = ("Automatic Mixed Precision", "distributed_backend", "Initializing distributed")


def precision_on(device: torch.device, precision: str) -> str:
    """The meaning of "auto" on a device: bfloat16 if it multiplies matrices in it natively, else 32 bits."""
    if precision != "auto":
        return precision
    if device.type == "cuda":
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        fast = device.type == "cpu" and (torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported())
    return "bf16-mixed" if fast else "32-true"


def _not_repeated(record: logging.LogRecord) -> bool:
    """Drops Fabric's repeated messages about precision and processes, which are in the record of the run."""
    message = record.getMessage()
    return not any(words in message for words in REPEATED)


def fabric_for(config: FitConfig, *, image: bool) -> Fabric:
    """Return the device, processes and precision of a stage; attributes always use 32 bits."""
    for name in ("rank_zero", "distributed"):
        logging.getLogger(f"lightning_fabric.utilities.{name}").addFilter(_not_repeated)
    full = not image or config.privacy is not None
    precision = "32-true" if full else precision_on(device_of(config.device), config.precision)
    if config.processes > 1:
        return joined(config, precision)
    return Fabric(accelerator=config.device, devices=1, precision=precision, plugins=LightningEnvironment())  # type: ignore[arg-type]
