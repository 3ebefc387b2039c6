"""Opacus, the optional extra; the only module that imports it."""

try:
    from opacus.accountants import RDPAccountant
    from opacus.optimizers import DPOptimizer
    from opacus.version import __version__
except ImportError as error:  # pragma: no cover - depends on the installation
    raise ImportError(
        "Expected Opacus for training with differential privacy; it is not installed. Install the extra: pip install "
        "'causalgen[privacy]'."
    ) from error

__all__ = ["DPOptimizer", "RDPAccountant", "__version__"]
