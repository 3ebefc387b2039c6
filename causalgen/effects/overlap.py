"""Whether the rows say anything about the contrast: where do both treatment values occur among similar rows?"""

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from .estimators.basis import FlexibleBasis
from .estimators.outcome_model import OutcomeModel
from .table import EncodedTable

__all__ = ["overlap_warnings"]

RARE = 0.05
SHARE_WORTH_A_WARNING = 0.01


def overlap_warnings(table: EncodedTable, treatment: str, outcome: str, seed: int = 0) -> tuple[str, ...]:
    """Say where the estimate rests on the shape of a model instead of on comparable rows.

    For a binary treatment: rows whose propensity given the covariates is outside [0.05, 0.95]. For a continuous one:
    rows for which a contrast value lies outside 99 % of the treatment's spread around its mean given the covariates.
    """
    values = table.data[treatment].to_numpy()
    covariates = table.data.drop(columns=[treatment, outcome])
    features = FlexibleBasis(columns := _numeric(covariates))(columns)
    if table.kind == "binary":
        return _rare_arms(features, values > 0.5, treatment, seed) if len(covariates.columns) else ()
    return _unseen_values(features, values, treatment, (table.control, table.treated))


def _rare_arms(features: np.ndarray, arm: np.ndarray, treatment: str, seed: int) -> tuple[str, ...]:
    folds = StratifiedKFold(5, shuffle=True, random_state=seed)
    model = LogisticRegression(solver="newton-cholesky")
    propensity = cross_val_predict(model, features, arm, cv=folds, method="predict_proba")[:, 1]
    share = float(np.mean((propensity < RARE) | (propensity > 1 - RARE)))
    if share < SHARE_WORTH_A_WARNING:
        return ()
    return (
        f"Poor overlap: for {share:.0%} of the rows one value of {treatment} has a probability below {RARE:.0%} given "
        "the adjustment set, so few comparable rows carry the estimate there.",
    )


def _unseen_values(
    features: np.ndarray, values: np.ndarray, treatment: str, contrast: tuple[float, float]
) -> tuple[str, ...]:
    expected = OutcomeModel().fit(features, values).predict(features)
    low, high = np.quantile(values - expected, [0.005, 0.995])
    messages = []
    for value in contrast:
        share = float(np.mean((value - expected < low) | (value - expected > high)))
        if share >= SHARE_WORTH_A_WARNING:
            messages.append(
                f"Poor overlap: do({treatment}={value:g}) lies outside the {treatment} seen among similar rows for "
                f"{share:.0%} of the rows; for these the estimate is an extrapolation of the fitted model."
            )
    return tuple(messages)


def _numeric(covariates: pd.DataFrame) -> np.ndarray:
    if not len(covariates.columns):
        return np.zeros((len(covariates), 0))
    return pd.get_dummies(covariates, drop_first=True).to_numpy(dtype=float)
