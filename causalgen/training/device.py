"""Find the device that a word such as "auto" stands for on this machine, and check that there are enough of them."""

import os

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments import LightningEnvironment

from ..errors import DataError, PrivacyError
from ..launched import launch
from .config import FitConfig

__all__ = ["check_devices", "device_of"]


def device_of(word: str) -> torch.device:
    """Return the device that lightning-fabric chooses for "auto", "cpu", "cuda" or "mps".

    Raises:
        DataError: This machine has no such device.

    >>> device_of("cpu")
    device(type='cpu')
    """
    try:
        return Fabric(accelerator=word, devices=1, plugins=LightningEnvironment()).device
    except (ValueError, RuntimeError):
        raise DataError(f"Expected a device that this machine has; got '{word}'. Choose 'auto' or 'cpu'.") from None


def check_devices(config: FitConfig) -> None:
    """Refuse devices, machines or a precision that this machine lacks.

    Raises:
        DataError: The settings do not fit this machine, or what the launcher started.
        PrivacyError: Several processes with differential privacy.
    """
    if config.privacy is not None and config.processes > 1:
        raise PrivacyError(
            f"Expected one process to train with differential privacy; got {config.processes}, whose samples are not "
            "accounted for together. Train on one device."
        )
    device, started = device_of(config.device), launch()
    found = {"cuda": torch.cuda.device_count(), "cpu": os.cpu_count() or 1}.get(device.type, 1)
    if config.devices > found:
        kind = "processor cores" if device.type == "cpu" else f"{device.type} devices"
        raise DataError(
            f"Expected at most {found} devices, the {kind} of this machine; got {config.devices}. Ask for fewer."
        )
    if config.num_nodes > 1 and started is None:
        raise DataError(
            f"Expected a launcher on each of {config.num_nodes} machines; got one process without one. Start the command with "
            f"torchrun --nnodes {config.num_nodes} --nproc-per-node {config.devices} -m causalgen, or with srun."
        )
    native = device.type != "cuda" or torch.cuda.is_bf16_supported(including_emulation=False)
    if config.precision == "bf16-mixed" and not native:
        raise DataError(
            f"Expected a precision that {torch.cuda.get_device_name(device)} computes with; got 'bf16-mixed', which it only "
            "emulates. Choose '32-true' or 'auto'."
        )
