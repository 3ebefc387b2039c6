"""One-step estimation of the effect of a discrete, primal fixable treatment, such as that through a front door."""

from typing import Any

import numpy as np
import pandas as pd
from dowhy.causal_estimator import CausalEstimate
from dowhy.causal_identifier import IdentifiedEstimand

from ...graph.primal import PrimalStages
from ..table import numeric
from .adjustment import AdjustmentEstimator, Array, Arrays, Influence
from .folds import Rows
from .nested_scores import Design, Levels, nested_scores, uneven

__all__ = ["OneStep"]


class OneStep(AdjustmentEstimator):
    r"""Regressions of the outcome back along the stages, corrected by the influence function.

    With the treatment's district D (see `causalgen.graph.primal`), :math:`P(y \mid do(t))` is a sum over the values t' that
    units had: variables outside D respond to t, and those in D to t'. For t' = t it is the outcome of the rows with t;
    for the others, a nested mean among the rows with t', whose multiply robust score needs regressions and
    probabilities of the treatment, and no density of a mediator. Cross-fitted; interval from the influence function. It
    is consistent if all regressions are right, or if all probabilities are.

    References:
        Fulcher, Shpitser, Marealle and Tchetgen Tchetgen (2020), Robust inference on population indirect causal effects.
        Bhattacharya, Nabi and Shpitser (2022), Semiparametric inference for causal effects in graphical models with hidden
        variables.

    Args:
        identified_estimand: DoWhy's estimand with its identifier method set to "backdoor".
        stages: The formula's stages.
        bounds: Range of the outcome; None when it has none.
        most_splits: Maximum number of splits into folds, over which the scores of a small table are averaged.
    """

    def __init__(
        self,
        identified_estimand: IdentifiedEstimand,
        *,
        stages: PrimalStages,
        bounds: tuple[float, float] | None = None,
        most_splits: int = 5,
        **options: Any,
    ) -> None:
        super().__init__(identified_estimand, **options)
        self.stages = stages
        self.bounds = bounds
        self.most_splits = most_splits

    def estimate_effect(self, data: pd.DataFrame, *args: Any, **options: Any) -> CausalEstimate:
        names = list(self.stages.before)
        self._histories = [numeric(data[names])]
        for stage, _ in self.stages.stages[:-1]:
            names += stage
            self._histories.append(numeric(data[names]))
        return super().estimate_effect(data, *args, **options)

    @property
    def doubts(self) -> tuple[str, ...]:
        """Warns where few rows carry the weights."""
        return uneven(self._found)

    def _influence(self, arrays: Arrays, control: float, treated: float) -> Influence:
        histories = tuple(np.hstack([history, arrays.covariates]) for history in self._histories)
        design = Design(
            treatment=arrays.treatment,
            outcome=arrays.outcome,
            histories=histories,
            settings=histories,
            bounds=self.bounds,
            contrast=(control, treated),
            discrete=True,
            clusters=arrays.clusters,
            weights=arrays.weights,
            penalties=None if self.kept is None else self.kept.penalties.setdefault(0, {}),
        )
        features = [
            self._basis(history, arrays.units, f"history {place}")(history) for place, history in enumerate(histories)
        ]
        seeds = self.split_seeds(len(arrays.outcome))
        scores = np.mean(
            [self._scores(design, features, self._folds(arrays, seed, arrays.treatment)) for seed in seeds], axis=0
        )
        means = np.average(scores, axis=1, weights=arrays.weights)
        return Influence.of_means(means, arrays.weights * (scores - means[:, None]), arrays.clusters)

    def _scores(self, design: Design, features: list[Array], splits: list[tuple[Rows, Rows]]) -> Array:
        """Scores of every row for the means under both compared values, shape `(2, rows)`."""
        control, treated = design.contrast
        values = np.unique(design.treatment)
        asked = {
            (value, had): Levels([value if is_set else had for _, is_set in self.stages.stages], had)
            for value in (control, treated)
            for had in values
            if had != value
        }
        found = self._found = nested_scores(design, list(asked.values()), splits, features)
        total = {value: design.outcome * (design.treatment == value) for value in (control, treated)}
        for (value, _), score in zip(asked, found, strict=True):
            total[value] = total[value] + score.values
        return np.stack([total[control], total[treated]])
