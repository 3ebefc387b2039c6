"""The only import of zuko: it switches off torch's validation of distributions, which is restored here."""

from torch.distributions import Distribution

_validate_args = Distribution._validate_args
from zuko.transforms import MonotonicRQSTransform  # noqa: E402

Distribution._validate_args = _validate_args

__all__ = ["MonotonicRQSTransform"]
