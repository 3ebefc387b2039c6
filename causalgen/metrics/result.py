"""One number with the information needed to read it, and tables of such numbers."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from html import escape
from typing import TYPE_CHECKING

from ..errors import UnknownNameError, nearest

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MetricResult", "MetricTable"]

MOST_ROWS = 60
"""Maximum number of rows of a table in a notebook."""


@dataclass(frozen=True, repr=False)
class MetricResult:
    """One number.

    Args:
        metric: The metric, such as "thickness MAE".
        query: The intervention, such as "do(thickness)"; "" if there is none.
        row: "model", "identity control", "untrained control", "codec control", "oracle", "null intervention", "truth", "floor",
            "permutation control".
        stratum: "all units", or "within support" of the model.
        value: The estimate.
        low, high: 95 % interval, bootstrapped over groups; NaN if the units do not determine it.
        units: Number of units.
        unit: Unit of the value, "" for a bare number.
        better: "lower", "higher" or "".
        floor: The same measurement without any generated image: the best value that can be expected; None if there is
            none.
        note: A remark for the reader, such as "by construction".
    """

    metric: str
    query: str
    row: str
    stratum: str
    value: float
    low: float
    high: float
    units: int
    unit: str = ""
    better: str = ""
    floor: float | None = None
    note: str = ""

    def __repr__(self) -> str:
        place = ", ".join(part for part in (self.metric, self.query, self.row, self.stratum) if part)
        unit = f" {self.unit}" if self.unit else ""
        return f"MetricResult({place}: {self.value:.4g} [{self.low:.4g}, {self.high:.4g}]{unit}, {self.units} units)"


@dataclass(frozen=True, repr=False)
class MetricTable:
    """Results in reading order, and notes on omissions and caveats.

    >>> result = MetricResult("thickness MAE", "do(thickness)", "model", "all units", 0.2, 0.1, 0.3, 100, "px")
    >>> MetricTable((result,)).result(metric="thickness MAE")
    MetricResult(thickness MAE, do(thickness), model, all units: 0.2 [0.1, 0.3] px, 100 units)
    """

    results: tuple[MetricResult, ...]
    notes: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[MetricResult]:
        return iter(self.results)

    def __len__(self) -> int:
        return len(self.results)

    def __repr__(self) -> str:
        queries = dict.fromkeys(result.query for result in self.results if result.query)
        return f"MetricTable({len(self)} results; {', '.join(queries) or 'no query'}; {len(self.notes)} notes)"

    def _repr_html_(self) -> str:
        """Model and controls with their intervals, and the notes, in a notebook."""
        frame = self.to_frame().drop(columns=["units", "better", "note"]).astype({"floor": float})
        table = frame.to_html(index=False, border=0, max_rows=MOST_ROWS, float_format="{:.4g}".format, na_rep="–")
        return table + "".join(f"<p>{escape(note)}</p>" for note in self.notes)

    def to_frame(self) -> "pd.DataFrame":
        """Return a data frame with one row per result and one column per field."""
        import pandas as pd

        return pd.DataFrame([asdict(r) for r in self.results], columns=[f.name for f in fields(MetricResult)])

    def select(
        self, *, metric: str | None = None, query: str | None = None, row: str | None = None, stratum: str | None = None
    ) -> "MetricTable":
        """Select the results that match every given field; the notes are kept.

        Raises:
            UnknownNameError: No result of the table has that field.
        """
        chosen = list(self.results)
        for field, wanted in {"metric": metric, "query": query, "row": row, "stratum": stratum}.items():
            if wanted is None:
                continue
            known = list(dict.fromkeys(getattr(result, field) for result in self.results))
            if wanted not in known:
                raise UnknownNameError(
                    f"Expected a {field} among {', '.join(map(repr, known))}; got {wanted!r}." + nearest(wanted, known)
                )
            chosen = [result for result in chosen if getattr(result, field) == wanted]
        return MetricTable(tuple(chosen), self.notes)

    def result(
        self, *, metric: str, query: str | None = None, row: str = "model", stratum: str = "all units"
    ) -> MetricResult:
        """Return the only result with these fields; `query` may be left out if the metric has only one.

        Raises:
            UnknownNameError: There is no such result, or there are several.
        """
        chosen = self.select(metric=metric, query=query, row=row, stratum=stratum).results
        if len(chosen) != 1:
            place = f"{metric}, {query or 'any query'}, {row}, {stratum}"
            raise UnknownNameError(
                f"Expected one result for {place}; got {len(chosen)}. Name the query, or use select()."
            )
        return chosen[0]

    def value(self, *, metric: str, query: str | None = None, row: str = "model", stratum: str = "all units") -> float:
        """The value of `result(...)`."""
        return self.result(metric=metric, query=query, row=row, stratum=stratum).value
