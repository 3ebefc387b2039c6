"""Prediction-powered inference on the mean of row scores, through the library `ppi_python`."""

from numpy.typing import NDArray

__all__ = ["prediction_powered_mean"]


def prediction_powered_mean(
    assigned: NDArray, predicted: NDArray, unlabelled: NDArray, level: float
) -> tuple[float, float, float]:
    """Power-tuned prediction-powered mean (PPI++) with its interval.

    Args:
        assigned: `(labelled,)` scores from assigned outcomes.
        predicted: `(labelled,)` scores of the same rows from predicted outcomes.
        unlabelled: `(others,)` scores from predicted outcomes.
        level: Level of the interval.

    Raises:
        ImportError: The extra `ppi` is not installed.

    References:
        Angelopoulos et al. (2023), Prediction-powered inference; Angelopoulos, Duchi and Zrnic (2023), PPI++.
    """
    try:
        from ppi_py import ppi_mean_ci, ppi_mean_pointestimate
    except ImportError as error:
        raise ImportError(
            "Expected the library ppi-python for prediction-powered inference; it is not installed. "
            "Install it with: pip install 'causalgen[ppi]'"
        ) from error
    point = ppi_mean_pointestimate(assigned, predicted, unlabelled)
    low, high = ppi_mean_ci(assigned, predicted, unlabelled, alpha=1 - level)
    return float(point[0]), float(low[0]), float(high[0])
