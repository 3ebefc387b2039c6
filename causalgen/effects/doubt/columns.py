"""Covariates of an encoded table as named numbers, one group of columns for each covariate."""

import pandas as pd

from ..table import EncodedTable

__all__ = ["covariate_columns", "owners"]

BETWEEN = "="  # joins a covariate and its label in a column's name


def covariate_columns(table: EncodedTable) -> pd.DataFrame:
    """Floats; a covariate of k > 2 labels becomes k - 1 indicator columns; columns that do not vary are left out."""
    if not len(table.covariates.columns):
        return pd.DataFrame(index=table.data.index)
    columns = pd.get_dummies(table.covariates, drop_first=True, prefix_sep=BETWEEN).astype(float)
    return columns.loc[:, columns.nunique() > 1]


def owners(table: EncodedTable) -> dict[str, list[str]]:
    """Covariate -> its columns, for the covariates that vary."""
    columns = covariate_columns(table)
    names, covariates = list(map(str, columns)), list(map(str, table.covariates))
    groups = {
        name: [name] if name in names else [column for column in names if column.startswith(f"{name}{BETWEEN}")]
        for name in covariates
    }
    return {name: group for name, group in groups.items() if group}
