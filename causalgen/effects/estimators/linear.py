"""DoWhy's linear regression estimator with an interval that survives unequal residual variance."""

from typing import Any

import numpy as np
from dowhy.causal_estimators.linear_regression_estimator import LinearRegressionEstimator
from scipy.stats import norm

__all__ = ["LinearAdjustment"]


class LinearAdjustment(LinearRegressionEstimator):
    """Linear regression of the outcome on treatment and adjustment set; the effect is slope times contrast.

    The estimate is DoWhy's; its interval is the usual one, so standard errors are replaced by robust ones (HC1).
    With an empty adjustment set this is the naive difference (binary) or the naive slope (continuous).
    """

    def _estimate_std_error(self, method: Any = None) -> float:
        slope_error = self.model.get_robustcov_results("HC1").bse[1]
        return float(abs(self._treatment_value - self._control_value) * slope_error)

    def _estimate_confidence_intervals(self, confidence_level: float, method: Any = None) -> tuple[float, float]:
        effect = (self._treatment_value - self._control_value) * np.asarray(self.model.params)[1]
        reach = norm.ppf(0.5 + confidence_level / 2) * self._estimate_std_error()
        return float(effect - reach), float(effect + reach)
