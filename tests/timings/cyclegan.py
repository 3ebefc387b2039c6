"""A small CycleGAN (Zhu et al., Unpaired image-to-image translation using cycle-consistent adversarial networks, 2017).

Least-squares adversarial losses, cycle weight 10, identity weight 5, and a pool of 50 earlier drawings for the critics, as
published; three residual blocks, since the images are small. A yardstick of the benches, no part of causalgen.
"""

import itertools
import time
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["CycleGAN"]

CYCLE, IDENTITY = 10.0, 5.0
POOL = 50
BATCH = 32
RATE = 5e-4


class CycleGAN(nn.Module):
    """Two generators and two critics for images `(N, 1, H, W)` of two domains, pixels in 0..255.

    Args:
        width: Channels at the finest resolution.
    """

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.generators = nn.ModuleList(_generator(width) for _ in range(2))
        self.critics = nn.ModuleList(_critic(2 * width) for _ in range(2))

    @torch.no_grad()
    def translate(self, images: Tensor, to: int) -> Tensor:
        """Images of the other domain drawn in domain `to`, floats in 0..255."""
        self.eval()
        return (self.generators[to](_scaled(images)) + 1) * 127.5

    def fit(self, domains: Sequence[Tensor], seconds: float) -> int:
        """Train for so many seconds of processor time; returns the number of steps. Rates fall to zero in the second half."""
        self.train()
        drawn, judged = self.generators.parameters(), self.critics.parameters()
        optimizers = [torch.optim.Adam(part, RATE, betas=(0.5, 0.999)) for part in (drawn, judged)]
        batches = [_batches(_scaled(images)) for images in domains]
        pools: list[list[Tensor]] = [[], []]
        start = time.process_time()
        for step in itertools.count():
            share = (time.process_time() - start) / seconds
            if share >= 1:
                return step
            for optimizer in optimizers:
                optimizer.param_groups[0]["lr"] = RATE * min(1.0, 2 * (1 - share))
            self._step([next(batch) for batch in batches], optimizers, pools)
        raise AssertionError

    def _step(self, real: list[Tensor], optimizers: list[torch.optim.Optimizer], pools: list[list[Tensor]]) -> None:
        fakes = [self.generators[to](real[1 - to]) for to in (0, 1)]
        loss = torch.zeros(())
        for to, fake in enumerate(fakes):
            loss = loss + (self.critics[to](fake) - 1).square().mean()
            loss = loss + CYCLE * F.l1_loss(self.generators[1 - to](fake), real[1 - to])
            loss = loss + IDENTITY * F.l1_loss(self.generators[to](real[to]), real[to])
        self._descend(optimizers[0], loss)
        judged = torch.zeros(())
        for to, fake in enumerate(fakes):
            earlier = _pooled(pools[to], fake.detach())
            judged = judged + 0.5 * (self.critics[to](real[to]) - 1).square().mean()
            judged = judged + 0.5 * self.critics[to](earlier).square().mean()
        self._descend(optimizers[1], judged)

    def _descend(self, optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
        self.zero_grad()
        loss.backward()
        optimizer.step()


def _scaled(images: Tensor) -> Tensor:
    return images.float() / 127.5 - 1


def _batches(images: Tensor) -> Iterator[Tensor]:
    while True:
        for part in torch.randperm(len(images)).split(BATCH)[:-1]:
            yield images[part]


def _pooled(pool: list[Tensor], fakes: Tensor) -> Tensor:
    """The drawings, half of them exchanged for earlier ones once the pool is full."""
    chosen = []
    for fake in fakes:
        if len(pool) < POOL:
            pool.append(fake)
        elif torch.rand(()) < 0.5:
            place = int(torch.randint(POOL, ()))
            fake, pool[place] = pool[place], fake
        chosen.append(fake)
    return torch.stack(chosen)


def _generator(width: int) -> nn.Module:
    return nn.Sequential(
        *_normed(nn.Conv2d(1, width, 7, padding=3), width),
        *_normed(nn.Conv2d(width, 2 * width, 3, stride=2, padding=1), 2 * width),
        *_normed(nn.Conv2d(2 * width, 4 * width, 3, stride=2, padding=1), 4 * width),
        *(_Residual(4 * width) for _ in range(3)),
        *_normed(nn.ConvTranspose2d(4 * width, 2 * width, 4, stride=2, padding=1), 2 * width),
        *_normed(nn.ConvTranspose2d(2 * width, width, 4, stride=2, padding=1), width),
        nn.Conv2d(width, 1, 7, padding=3),
        nn.Tanh(),
    )


def _normed(layer: nn.Module, channels: int) -> tuple[nn.Module, ...]:
    return layer, nn.InstanceNorm2d(channels), nn.ReLU()


class _Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *_normed(nn.Conv2d(channels, channels, 3, padding=1), channels),
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.InstanceNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


def _critic(width: int) -> nn.Module:
    """Scores of patches, as published, with fewer layers."""
    return nn.Sequential(
        nn.Conv2d(1, width, 4, stride=2, padding=1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(width, 2 * width, 4, stride=2, padding=1),
        nn.InstanceNorm2d(2 * width),
        nn.LeakyReLU(0.2),
        nn.Conv2d(2 * width, 1, 4, padding=1),
    )
