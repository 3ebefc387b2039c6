"""The result of an audit, with everything needed to read it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pandas as pd

from ..errors import RunFolderError, UnknownNameError
from ..files import write_whole
from ..spreadsheets import write_csv
from .movers import Movers
from .other_models import Surviving
from .responses import TOTAL
from .rows import ALL, BEYOND, CANNOT_TELL, WITHIN, AuditRow, Verdict
from .subgroups import EVERYONE
from .trust import Shown, Trust
from .verdict import sentence

__all__ = ["AuditReport"]

INTERVALS = ("change", "null_change", "gap", "flips", "reached")


@dataclass(frozen=True, eq=False, repr=False)
class AuditReport:
    """How a classifier's score of the same units changes under interventions.

    Args:
        image: The image that the classifier sees.
        outcome: Name of the score.
        unit: Its unit; changes, gaps and the margin are in it.
        margin: Margin of practical size.
        level: Level of the intervals.
        rows: One for each intervention, effect, subgroup and stratum.
        trust: One for each intervention and effect.
        movers: The images with the largest change, one entry for each intervention and effect.
        units, groups: Numbers of audited units and of their groups.
        particles: Particles per unit; None for one noise value per unit.
        seed: Seed of units, abduction and bootstrap.
        notes: How the numbers were computed.
        warnings: Warnings about the run to read before using the numbers.
        assumptions: Assumptions of the mechanisms that made the images, in sentences.
        surviving: How far the headline holds in other models that fit all data equally well.
    """

    image: str
    outcome: str
    unit: str
    margin: float
    level: float
    rows: tuple[AuditRow, ...]
    trust: tuple[Trust, ...]
    movers: tuple[Movers, ...]
    units: int
    groups: int
    particles: int | None
    seed: int
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()
    surviving: tuple[Surviving, ...] = ()

    def __iter__(self) -> Iterator[AuditRow]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def beyond(self) -> tuple[AuditRow, ...]:
        """Rows whose change is beyond the margin."""
        return tuple(row for row in self.rows if row.verdict == BEYOND)

    @property
    def headline(self) -> tuple[AuditRow, ...]:
        """The rows of all units, one for each intervention and effect; changes beyond the margin first."""
        rows = [row for row in self.rows if row.subgroup == EVERYONE and row.stratum == ALL]
        return tuple(sorted(rows, key=lambda row: row.verdict != BEYOND))

    @property
    def verdict(self) -> Verdict:
        """The audit in one verdict: "beyond the margin" if any headline is, "within the margin" only if all are."""
        found = {row.verdict for row in self.headline}
        return BEYOND if BEYOND in found else WITHIN if found == {WITHIN} else CANNOT_TELL

    def sentence(self, row: AuditRow) -> str:
        """The verdict of a row as text, with its numbers and reasons."""
        return f"{row.intervention}, {row.effect}: {sentence(row, self.outcome, self.margin)}"

    def row(self, intervention: str, effect: str = TOTAL, subgroup: str = EVERYONE, stratum: str = ALL) -> AuditRow:
        """The row with these fields.

        Raises:
            UnknownNameError: No row has these fields.
        """
        wanted = (intervention, effect, subgroup, stratum)
        for row in self.rows:
            if (row.intervention, row.effect, row.subgroup, row.stratum) == wanted:
                return row
        known = dict.fromkeys(f"{row.intervention}, {row.effect}, {row.subgroup}, {row.stratum}" for row in self.rows)
        raise UnknownNameError(f"Expected a row among {'; '.join(known)}; got {', '.join(wanted)}.")

    def to_frame(self) -> pd.DataFrame:
        """One row for each row of the report; an interval is three columns: change, change_low, change_high."""
        return pd.DataFrame([_flat(row) for row in self.rows])

    def trust_frame(self) -> pd.DataFrame:
        """One row for each intervention, effect and attribute that was read from the images."""
        entries = []
        for entry in self.trust:
            base = {"intervention": entry.intervention, "effect": entry.effect, "supported": entry.supported}
            base |= {"moved_units": entry.moved, "unread": ", ".join(entry.unread)}
            entries += [base | _flat(shown) for shown in entry.shown] or [base]
        return pd.DataFrame(entries)

    def movers_frame(self) -> pd.DataFrame:
        """One row for each kept unit, without its images."""
        numbers = ("factual", "null", "counterfactual", "supported")
        parts = [
            {"intervention": entry.intervention, "effect": entry.effect, "row": entry.rows}
            | {name: getattr(entry, name) for name in numbers}
            for entry in self.movers
        ]
        return pd.concat(map(pd.DataFrame, parts), ignore_index=True)

    def surviving_frame(self) -> pd.DataFrame:
        """One row for each intervention and effect: down to which correlation of the noises its findings hold."""
        return pd.DataFrame([vars(entry) for entry in self.surviving])

    def to_dict(self) -> dict[str, Any]:
        """JSON-serialisable form of everything but the images; missing numbers are null."""
        frames = {"rows": self.to_frame(), "trust": self.trust_frame(), "movers": self.movers_frame()}
        frames |= {"surviving": self.surviving_frame()}
        plain = {field.name: getattr(self, field.name) for field in fields(self) if field.name not in frames}
        tables = {
            name: json.loads(frame.to_json(orient="records", double_precision=15)) for name, frame in frames.items()
        }
        named = ("intervention", "effect", "verdict", "reasons")
        headline = [
            {name: getattr(row, name) for name in named} | {"sentence": self.sentence(row)} for row in self.headline
        ]
        return json.loads(json.dumps({"verdict": self.verdict, "headline": headline} | plain)) | tables

    def write(self, folder: Path | str) -> list[Path]:
        """Write `audit.json`, `changes.csv`, `trust.csv` and `movers.csv` into `folder`, which is created.

        Raises:
            RunFolderError: The folder cannot be written.
        """
        folder = Path(folder)
        paths = [folder / name for name in ("audit.json", "changes.csv", "trust.csv", "movers.csv")]
        try:
            folder.mkdir(parents=True, exist_ok=True)
            write_whole(paths[0], json.dumps(self.to_dict(), indent=2) + "\n")
            for path, frame in zip(paths[1:], (self.to_frame(), self.trust_frame(), self.movers_frame())):
                write_csv(frame, path)
        except OSError as error:
            raise RunFolderError(
                f"Expected a folder that can be written; got '{folder}': {error.strerror}. Choose another one."
            ) from None
        return paths

    def __str__(self) -> str:
        title = f"Change of {self.outcome} [{self.unit}] on {self.units} units, margin {self.margin:g}: {self.verdict}"
        lines = [title, *(f"  {self.sentence(row)}" for row in self.headline), "All rows:"]
        for row in self.rows:
            place = ", ".join((row.intervention, row.effect, row.subgroup, row.stratum))
            interval = f"[{row.adjusted_low:+.3g}, {row.adjusted_high:+.3g}]"
            lines.append(f"  {place}: {row.change.value:+.3g} {interval}: {row.verdict}")
        lines += [f"  {entry.sentence()}" for entry in self.surviving if entry.sentence()]
        return "\n".join(lines + [f"  warning: {text}" for text in self.warnings])

    def __repr__(self) -> str:
        return f"AuditReport({self.outcome}; {self.units} units; {len(self.beyond)} of {len(self)} rows beyond {self.margin:g})"


def _flat(entry: AuditRow | Shown) -> dict[str, Any]:
    """The fields of an entry, with each interval as three of them, and reasons as one text."""
    flat: dict[str, Any] = {}
    for name, value in vars(entry).items():
        if name in INTERVALS:
            value, low, high = value or (None, None, None)
            flat |= {name: value, f"{name}_low": low, f"{name}_high": high}
        else:
            flat[name] = "; ".join(value) if name == "reasons" else value
    return flat
