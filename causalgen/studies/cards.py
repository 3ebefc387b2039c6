"""The card of a run's model."""

import csv
from pathlib import Path

from ..datasets.catalog import entry
from ..metrics import Memorisation
from ..models import ModelCard, write_card
from ..scm import StructuralCausalModel
from .data_section import OwnData
from .runfolder import RunFolder

__all__ = ["memorisation_entry", "write_run_card"]

COLUMNS = {"model": "model", "identity control": "identity", "untrained control": "untrained", "oracle": "oracle"}
"""Rows of the metrics on the card, by the card's names for them."""


def write_run_card(run: RunFolder, scm: StructuralCausalModel) -> Path:
    """Write the card of a run's model into the model's folder, with the key metrics if the run has computed them."""
    study, record = run.study, run.record
    training = {
        "study": f"{study.name}, fingerprint {record['study']}",
        "seed": record.get("seed"),
        "epochs kept": _pairs(record.get("training", {}).get("best_epochs", {})),
        "versions": _pairs(record.get("versions", {})),
    }
    if isinstance(study.data, OwnData):
        table = "A table and images that belong to the author of the study and do not come with the model."
        data, licence = " ".join(filter(None, (table, record.get("source"), _splits(record.get("rows", {}))))), None
    else:
        known = entry(study.data.name)
        data = f"{known.name}, {study.data.rows or known.rows:,} rows: {known.what}. Origin: {known.comes}."
        licence = known.licence
    smoke = ["A smoke run: training was cut short, and its answers mean nothing."] if record.get("smoke") else []
    card = ModelCard(
        study.name,
        study.question or "",
        data,
        licence,
        {key: value for key, value in training.items() if value not in (None, "")},
        _quality(run),
        smoke,
        record.get("memorisation", ()),
    )
    return write_card(run.model, scm, card)


def memorisation_entry(found: Memorisation | None) -> dict[str, list[str]]:
    """The verdicts on memorisation as an entry of the run's record, without the labels of rows, which may be names."""
    if found is None:
        return {}
    return {"memorisation": [f"{v.surface.capitalize()}: {v.finding}. {v.text}" for v in found.verdicts]}


def _splits(rows: dict[str, int]) -> str:
    return "Rows by split: " + ", ".join(f"{name} {count:,}" for name, count in rows.items()) + "." if rows else ""


def _quality(run: RunFolder) -> list[dict[str, str]]:
    """The key metrics of the run, and the noise leak, within joint support where there is such a stratum."""
    path = run.tables / "metrics.csv"
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    asked = [tuple(pair) for pair in run.record.get("headline") or ()]
    asked += sorted({(row["metric"], row["query"]) for row in rows if "leak" in row["metric"]})
    return [_line(rows, metric, query) for metric, query in asked]


def _line(rows: list[dict[str, str]], metric: str, query: str) -> dict[str, str]:
    chosen = [row for row in rows if (row["metric"], row["query"]) == (metric, query)]
    inside = [row for row in chosen if row["stratum"] == "within support"] or chosen
    values = {row["row"]: row for row in inside}
    found = {"metric": metric, "under": query, "unit": next((row["unit"] for row in inside), "")}
    found["test units"] = next((row["units"] for row in inside if row["row"] == "model"), "")
    found |= {word: _number(values[row]["value"]) if row in values else "" for row, word in COLUMNS.items()}
    return found | {"floor": next((_number(row["floor"]) for row in inside), "")}


def _number(text: str) -> str:
    return f"{float(text):.3g}" if text else ""


def _pairs(values: dict[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())
