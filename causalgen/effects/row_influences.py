"""An effect with the influence of every row, by one of the available estimators."""

from .estimators.adjustment import AdjustmentEstimator, Influence
from .estimators.methods import check_table, choose_methods
from .identification import dowhy_estimand
from .question import EffectQuestion
from .quiet import quiet_dowhy
from .table import EncodedTable

__all__ = ["DEFAULT_METHOD", "row_influences"]

DEFAULT_METHOD = {"binary": "doubly robust", "categorical": "doubly robust", "continuous": "g-computation"}


def row_influences(question: EffectQuestion, table: EncodedTable, method: str, seed: int) -> Influence:
    """Effect and row influences on one version of the question's table.

    Args:
        question: The contrast, identified by adjustment.
        table: The table, or a version of it, as encoded.
        method: Key of `METHODS`.
        seed: Seed of the folds.

    Raises:
        UnknownNameError: The method does not exist.
        DataError: The method does not suit the treatment or the table.
    """
    chosen = choose_methods([method], table.kind, table.names[0])[method]
    check_table(method, table)
    with quiet_dowhy():
        identified = dowhy_estimand(question.graph, question.estimand)
        estimator = chosen.build(identified, table, seed).fit(table.data)
        assert isinstance(estimator, AdjustmentEstimator)
        return estimator.influence(table.data, control=table.control, treated=table.treated)
