"""Training of a small network by one cycle of the learning rate, with early stopping on the validation images."""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from rich.progress import Progress
from torch import Tensor, nn
from torch.optim import AdamW
from torch.optim.lr_scheduler import OneCycleLR

__all__ = ["OneCycle", "train_one_cycle"]

WEIGHT_DECAY = 1e-3
PATIENCE = 3
"""Least patience in passes without a better validation loss; otherwise a quarter of all passes."""


@dataclass(frozen=True)
class OneCycle:
    """Settings of training.

    Args:
        epochs: Greatest number of passes.
        batch: Images of a step.
        rate: Greatest learning rate.
        drop_last: Whether a last, smaller batch is left out; its statistics would be poor.
    """

    epochs: int
    batch: int
    rate: float = 4e-3
    drop_last: bool = False

    def steps(self, rows: int) -> int:
        """Steps of one pass over `rows` images."""
        return max(1, rows // self.batch) if self.drop_last else math.ceil(rows / self.batch)

    def batches(self, rows: int, device: torch.device) -> tuple[Tensor, ...]:
        """The images of every step of one pass, in random order."""
        order = torch.randperm(rows, device=device)
        return order.split(self.batch)[: self.steps(rows)]


def train_one_cycle(
    network: nn.Module,
    rows: int,
    *,
    loss: Callable[[Tensor], Tensor],
    validate: Callable[[], tuple[float, str]],
    cycle: OneCycle,
    title: str,
    bars: Progress | None = None,
) -> None:
    """Train a network in place; it ends with the weights of the pass with the best validation loss.

    Args:
        network: The network.
        rows: Number of training images.
        loss: Loss of the training images at some positions.
        validate: Returns the validation loss, and a note for the progress bar.
        cycle: Settings of training.
        title: Title of the progress bar.
        bars: Rich progress bars.
    """
    task = bars.add_task(title, total=cycle.epochs, note="") if bars else None
    device = next(network.parameters()).device
    optimizer = AdamW(network.parameters(), weight_decay=WEIGHT_DECAY)
    schedule = OneCycleLR(optimizer, cycle.rate, total_steps=cycle.epochs * cycle.steps(rows))
    best, best_epoch, best_state = math.inf, 0, copy.deepcopy(network.state_dict())
    for epoch in range(cycle.epochs):
        network.train()
        for index in cycle.batches(rows, device):
            optimizer.zero_grad()
            loss(index).backward()
            optimizer.step()
            schedule.step()
        network.eval()
        found, note = validate()
        if found < best:
            best, best_epoch, best_state = found, epoch, copy.deepcopy(network.state_dict())
        if bars and task is not None:
            bars.update(task, completed=epoch + 1, note=note)
        if epoch - best_epoch >= max(PATIENCE, cycle.epochs // 4):
            break
    if bars and task is not None:
        bars.update(task, completed=cycle.epochs)
    network.load_state_dict(best_state)
    network.eval()
