"""An effect with the influence of every row, by one of the available estimators."""

from ...graph import CausalGraph, Estimand
from ..estimators.adjustment import AdjustmentEstimator, Influence
from ..estimators.methods import check_table, choose_methods
from ..identification import dowhy_estimand
from ..quiet import quiet_dowhy
from ..table import EncodedTable

__all__ = ["Scorer"]

DEFAULT_METHOD = {"binary": "doubly robust", "categorical": "doubly robust", "continuous": "g-computation"}


class Scorer:
    """Scores encoded tables of one question.

    Args:
        graph: Attributes of the question.
        estimand: What identifies the effect.
        method: Key of `METHODS`; None for the default of the treatment's kind.
        seed: Seed of the folds.
    """

    def __init__(self, graph: CausalGraph, estimand: Estimand, method: str | None, seed: int) -> None:
        with quiet_dowhy():
            self._identified = dowhy_estimand(graph, estimand)
        self._treatment, self._seed = estimand.treatment, seed
        self.name = method or ""

    def __call__(self, table: EncodedTable) -> Influence:
        """Effect and row influences on one version of the table.

        Raises:
            UnknownNameError: The method does not exist.
            DataError: The method does not suit the treatment or the table.
        """
        self.name = self.name or DEFAULT_METHOD[table.kind]
        method = choose_methods([self.name], table.kind, self._treatment)[self.name]
        check_table(self.name, table)
        with quiet_dowhy():
            estimator = method.build(self._identified, table, self._seed).fit(table.data)
            assert isinstance(estimator, AdjustmentEstimator)
            return estimator.influence(table.data, control=table.control, treated=table.treated)
