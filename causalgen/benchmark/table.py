"""The table of finished cells: every metric with its floor, its controls and its spread over seeds."""

from pathlib import Path
from typing import Any

import pandas as pd

from ..spreadsheets import restored
from .cell import CELL, read_cell

__all__ = ["cells", "collect", "costs", "notes", "summarise", "value"]

KEYS = ["protocol", "label", "metric", "query", "row", "stratum"]


def cells(folder: Path) -> list[dict[str, Any]]:
    """Records of all cells in a benchmark's folder, each with its `path`, in order of their names."""
    found = sorted(path.parent for path in folder.glob(f"cells/*/{CELL}"))
    return [read_cell(path) | {"path": path} for path in found]


def collect(folder: Path) -> pd.DataFrame:
    """All results of finished cells: the columns of `MetricTable.to_frame()`, and label, seed, protocol, abduction."""
    frames = []
    for record in cells(folder):
        if record.get("status") != "finished":
            continue
        for path in sorted(record["path"].glob("metrics-*.csv")):
            frame = pd.read_csv(
                path, keep_default_na=False, na_values={"floor": "", "low": "", "high": "", "value": ""}
            )
            frame = restored(frame)
            keys = {"label": record["label"], "seed": record["seed"], "abduction": record["abduction"]}
            frames.append(frame.assign(protocol=path.stem.removeprefix("metrics-"), **keys))
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=[*KEYS, "seed", "value", "floor"])


def summarise(results: pd.DataFrame) -> pd.DataFrame:
    """One row per protocol, mechanism, metric, query, row and stratum: mean, minimum and maximum over seeds, floor."""
    if results.empty:
        return pd.DataFrame(columns=[*KEYS, "value", "least", "greatest", "seeds", "low", "high", "floor", "abduction"])
    grouped = results.groupby(KEYS, sort=False, dropna=False)
    summary = grouped.agg(
        value=("value", "mean"), least=("value", "min"), greatest=("value", "max"), seeds=("seed", "nunique"),
        low=("low", "mean"), high=("high", "mean"), floor=("floor", "mean"), units=("units", "first"),
        abduction=("abduction", "first"), unit=("unit", "first"), better=("better", "first"), note=("note", "max"),
    )  # fmt: skip
    return summary.reset_index()


def costs(folder: Path) -> pd.DataFrame:
    """Return mean costs of finished cells over seeds, by label: seconds, seconds_per_1000, memory_mib, parameters."""
    records = [record for record in cells(folder) if record.get("status") == "finished"]
    names = ["seconds", "seconds_per_1000", "memory_mib", "parameters"]
    if not records:
        return pd.DataFrame(columns=["abduction", "seeds", *names])
    frame = pd.DataFrame(records)
    grouped = frame.groupby("label", sort=False)
    table = grouped[names].mean()
    return table.assign(abduction=grouped["abduction"].first(), seeds=grouped["seed"].nunique())


def notes(folder: Path) -> dict[str, dict[str, list[str]]]:
    """Notes for readers of finished cells: by protocol and note, the labels concerned."""
    found: dict[str, dict[str, list[str]]] = {}
    for record in cells(folder):
        if record.get("status") == "finished":
            for protocol, texts in record.get("notes", {}).items():
                for text in texts:
                    labels = found.setdefault(protocol, {}).setdefault(text, [])
                    labels += [record["label"]] if record["label"] not in labels else []
    return found


def value(summary: pd.DataFrame, **wanted: str) -> pd.Series | None:
    """Return the only row of a summary with these keys; None if there is none."""
    chosen = summary
    for key, word in wanted.items():
        chosen = chosen[chosen[key] == word]
    return None if chosen.empty else chosen.iloc[0]
