"""Covariates of an encoded table as named numbers, one group of columns for each covariate."""

import pandas as pd

from ...graph.notation import spell_value
from ..table import EncodedTable

__all__ = ["compared", "covariate_columns", "other_labels", "owners"]

BETWEEN = "="  # joins a covariate and its label in a column's name


def covariate_columns(table: EncodedTable) -> pd.DataFrame:
    """Floats; a covariate of k > 2 labels becomes k - 1 columns "name=label"; columns that do not vary are left out."""
    covariates = table.covariates.drop(columns=list(table.held))
    if not len(covariates.columns):
        return pd.DataFrame(index=table.data.index)
    named = {
        str(name): column.cat.rename_categories(dict(enumerate(map(spell_value, table.labels[str(name)]))))
        for name, column in covariates.items()
        if column.dtype == "category"
    }
    columns = pd.get_dummies(covariates.assign(**named), drop_first=True, prefix_sep=BETWEEN).astype(float)
    return columns.loc[:, columns.nunique() > 1]


def compared(table: EncodedTable) -> tuple[pd.Series, float]:
    """The treatment as a number in every row, and its change over the contrast; a categorical one as an indicator."""
    treatment = table.data[table.names[0]]
    if table.kind == "categorical":
        return (treatment == table.treated).astype(float), 1.0
    return treatment.astype(float), table.treated - table.control


def other_labels(table: EncodedTable) -> pd.DataFrame:
    """Columns that a linear model adjusts for: indicators of labels not compared, and held columns of treatments."""
    if table.held:
        return table.data[list(table.held)].astype(float)
    treatment = table.data[table.names[0]]
    others = set() if table.kind != "categorical" else {*treatment} - {table.control, table.treated}
    indicators = {f"({table.names[0]}{BETWEEN}{code:g})": treatment == code for code in sorted(others)}
    return pd.DataFrame(indicators, index=treatment.index, dtype=float)


def owners(table: EncodedTable) -> dict[str, list[str]]:
    """Covariate -> its columns, for the covariates that vary."""
    columns = covariate_columns(table)
    names, covariates = list(map(str, columns)), [str(name) for name in table.covariates if name not in table.held]
    groups = {
        name: [name] if name in names else [column for column in names if column.startswith(f"{name}{BETWEEN}")]
        for name in covariates
    }
    return {name: group for name, group in groups.items() if group}
