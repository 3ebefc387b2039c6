"""Settings of training, with defaults that suit a small study on a CPU."""

from dataclasses import dataclass, field

from .privacy import Privacy

__all__ = ["FitConfig", "Stage"]

PRECISIONS = ("auto", "32-true", "bf16-mixed")
LEAST_BATCH = 32
LEAST_STEPS = 10
"""Target number of steps per epoch, within the limit of the minimum batch size."""


@dataclass(frozen=True)
class Stage:
    """Settings of one training stage.

    Args:
        epochs: Maximum number of passes over the training split.
        batch_size: Maximum number of units per step; a step takes no more than a tenth of the training split, or 32
            units if that is more, so that a small data set gives more than a few steps.
        learning_rate: Peak of a short linear warm-up followed by a cosine decay to zero.
        weight_decay: Decoupled weight decay of AdamW.
        clip: Maximum norm of the gradient.
        ema: Decay of the exponential moving average of the weights that is kept.
        patience: Epochs without improvement on the validation split before stopping.
        shift: Pixels by which training images are shifted at random along each axis. Only for attributes that do not
            depend on the position of the object.
        checkpointing: Whether the activations inside residual blocks are recomputed for the gradient instead of stored,
            which takes less memory and more time; the result is the same.
        accumulate: Number of parts into which a step splits its units, one after another: less memory and the same
            gradient, except for rounding and for random draws and pairings within a part.
        completions: How often missing values, if any, are redrawn in the second half of the stage; see
            `causalgen.training.holes`.
    """

    epochs: int = 60
    batch_size: int = 512
    learning_rate: float = 5e-3
    weight_decay: float = 1e-4
    clip: float = 1.0
    ema: float = 0.99
    patience: int = 15
    shift: int = 0
    checkpointing: bool = False
    completions: int = 8
    accumulate: int = 1

    def units(self, rows: int) -> int:
        """Units per step on a training split of `rows`.

        >>> Stage(batch_size=512).units(60_000), Stage(batch_size=512).units(700), Stage(batch_size=512).units(100)
        (512, 70, 32)
        """
        return min(self.batch_size, max(LEAST_BATCH, rows // LEAST_STEPS))

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "patience", "completions", "accumulate"):
            if getattr(self, name) < 1:
                raise ValueError(f"Expected {name} of at least 1; got {getattr(self, name)}.")
        for name in ("learning_rate", "clip"):
            if not getattr(self, name) > 0:
                raise ValueError(f"Expected a positive {name}; got {getattr(self, name)}.")
        if not self.weight_decay >= 0:
            raise ValueError(f"Expected weight_decay of at least 0; got {self.weight_decay}.")
        if self.shift < 0:
            raise ValueError(f"Expected a shift of at least 0 pixels; got {self.shift}.")
        if not 0 <= self.ema < 1:
            raise ValueError(f"Expected ema in [0, 1); got {self.ema}.")


@dataclass(frozen=True)
class FitConfig:
    """Settings for training a whole model: the attributes together in one stage, then each image.

    Args:
        attributes: Stage of all attribute mechanisms.
        images: Stage of each image mechanism.
        codecs: Stage of each codec, which is trained before the mechanism on its map; None for that of the images.
        device: "auto", "cpu", "cuda", "mps" as lightning-fabric names its accelerators.
        devices: Processes on each machine, each with a device of this kind or, of "cpu", with its share of the cores.
            If it is above 1, torchrun or srun has to start them. Each learns from its slice of a batch; the batch size
            does not change.
        num_nodes: Machines.
        precision: Precision of the image stages: "32-true", "bf16-mixed", or "auto", which is the latter if the
            hardware multiplies bfloat16 matrices. Attributes always train in 32 bits.
        seed: Seed of initialisation order, batches and noise.
        threads: Number of CPU threads; None to time a few steps and choose (see `causalgen.training.threads`).
            The number affects the last digits of sums, so only runs with the same number of threads agree bit for bit.
        privacy: Differential privacy of the whole model; None to train without it. The weights of the last epoch are
            then kept, 32 bits are used, and `clip` and `patience` of the stages do not apply.
    """

    attributes: Stage = field(default_factory=Stage)
    images: Stage = field(
        default_factory=lambda: Stage(
            epochs=40, batch_size=128, learning_rate=2e-3, ema=0.995, patience=40, completions=1
        )
    )
    codecs: Stage | None = None
    device: str = "auto"
    devices: int = 1
    num_nodes: int = 1
    precision: str = "auto"
    seed: int = 0
    threads: int | None = None
    privacy: Privacy | None = None

    @property
    def processes(self) -> int:
        """Number of processes on all machines."""
        return self.devices * self.num_nodes

    def __post_init__(self) -> None:
        for name in ("devices", "num_nodes"):
            if getattr(self, name) < 1:
                raise ValueError(f"Expected {name} of at least 1; got {getattr(self, name)}.")
        if self.precision not in PRECISIONS:
            raise ValueError(f"Expected precision among {', '.join(PRECISIONS)}; got {self.precision!r}.")
        if self.threads is not None and self.threads < 1:
            raise ValueError(f"Expected at least 1 thread; got {self.threads}. Leave it out to choose by measurement.")
        if self.privacy is not None:
            if self.precision == "bf16-mixed":
                raise ValueError("Expected precision 'auto' or '32-true' with privacy; got 'bf16-mixed'. Leave it out.")
            if self.attributes.checkpointing or self.images.checkpointing:
                raise ValueError(
                    "Expected checkpointing=False with privacy, which keeps few gradients in memory anyway; got True. "
                    "Leave it out."
                )
