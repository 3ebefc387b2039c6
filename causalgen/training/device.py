"""The device that a word such as "auto" means on this machine."""

import torch
from lightning_fabric import Fabric

from ..errors import DataError

__all__ = ["device_of"]


def device_of(word: str) -> torch.device:
    """The device that lightning-fabric chooses for "auto", "cpu", "cuda" or "mps".

    Raises:
        DataError: This machine has no such device.

    >>> device_of("cpu")
    device(type='cpu')
    """
    try:
        return Fabric(accelerator=word, devices=1).device
    except (ValueError, RuntimeError):
        raise DataError(f"Expected a device that this machine has; got '{word}'. Choose 'auto' or 'cpu'.") from None
