"""econml, the optional extra; the only module that imports it."""

try:
    from econml.dml import CausalForestDML, LinearDML, SparseLinearDML
    from econml.dr import DRLearner, ForestDRLearner, LinearDRLearner
    from econml.metalearners import SLearner, TLearner, XLearner
except ImportError as error:  # pragma: no cover - depends on the installation
    raise ImportError(
        "Expected econml for the causal forest and the methods 'econml:...'; it is not installed. Install the extra: pip "
        "install 'causalgen[econml]'."
    ) from error

__all__ = [
    "CausalForestDML",
    "DRLearner",
    "ForestDRLearner",
    "LinearDML",
    "LinearDRLearner",
    "SLearner",
    "SparseLinearDML",
    "TLearner",
    "XLearner",
]
