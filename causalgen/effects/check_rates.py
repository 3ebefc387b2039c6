"""How often each check raised a concern, measured on tables without a fault and with one planted fault."""

from dataclasses import dataclass

from .concerns import Kind

__all__ = ["CHECKED", "COMMAND", "DATE", "FAULTS", "REFUTED", "CheckRate", "check_rates", "refuter_rate"]

COMMAND = "python tests/timings/bench_concerns.py TABLES KIND"
DATE = "1 December 2026"

FAULTS = {
    "clean": "no fault",
    "hidden": "a hidden cause, and a negative control",
    "arrow": "a mediator drawn as a cause",
    "collider": "a collider drawn as a cause",
    "overlap": "poor overlap",
    "form": "a straight line for a wave",
    "naive": "confounding by observed covariates, and no adjustment",
}
"""Kinds of tables, and what is planted in them."""

CHECKED: dict[str, dict[str, int]] = {
    "clean": {"tables": 200, "first": 0, "any": 9, "independence": 1, "form": 1},
    "hidden": {"tables": 200, "first": 200, "any": 200, "negative control": 200, "independence": 195, "form": 1},
    "arrow": {"tables": 200, "first": 194, "any": 197, "independence": 196, "overlap": 2},
    "collider": {"tables": 200, "first": 171, "any": 178, "independence": 171, "overlap": 37, "methods": 23},
    "overlap": {
        "tables": 200,
        "first": 196,
        "any": 200,
        "overlap": 200,
        "methods": 14,
        "balance": 6,
        "independence": 4,
        "form": 1,
    },
    "form": {"tables": 200, "first": 199, "any": 200, "form": 200, "independence": 1},
}
"""For each kind of table: their number as "tables", those in which the planted fault is the first concern as "first",
those with any concern as "any", and those in which each kind of check raised one."""

REFUTED: dict[str, dict[str, int]] = {
    "clean": {"tables": 200, "placebo treatment": 0, "random common cause": 0, "data subset": 0, "dummy outcome": 2},
    "naive": {"tables": 200, "placebo treatment": 0, "random common cause": 0, "data subset": 0, "dummy outcome": 179},
    "form": {"tables": 200, "placebo treatment": 0, "random common cause": 0, "data subset": 0, "dummy outcome": 199},
}
"""For each kind of table: their number as "tables", and those in which each refuter rejects the recommended estimate."""

CHECKS: dict[Kind, str] = {
    "negative control": "Negative controls",
    "independence": "Implied independencies and arrows",
    "overlap": "Overlap",
    "form": "Functional form",
    "methods": "Agreement of the methods",
    "balance": "Balance",
}


@dataclass(frozen=True)
class CheckRate:
    """How often one check raised a concern.

    Attributes:
        check: Its name.
        spoke: (tables in which it raised a concern, tables) for each kind of table.
    """

    check: str
    spoke: dict[str, tuple[int, int]]

    @property
    def reading(self) -> str:
        """False alarms, and the planted faults that it found, as text."""
        false, clean = self.spoke["clean"]
        found = [
            f"{times} of {tables} with {FAULTS[kind]}"
            for kind, (times, tables) in self.spoke.items()
            if kind != "clean" and times
        ]
        words = f"Measured on tables with known faults: rejects {false} of {clean} estimates without a fault"
        return f"{words}, {' and '.join(found)}." if found else f"{words}, and none of those with a planted fault."


def refuter_rate(refuter: str) -> CheckRate | None:
    """How often a refuter rejected; None if it was not measured."""
    if not all(refuter in counts for counts in REFUTED.values()):
        return None
    return CheckRate(refuter, {kind: (counts[refuter], counts["tables"]) for kind, counts in REFUTED.items()})


def check_rates() -> tuple[CheckRate, ...]:
    """How often each kind of check raised a concern; the last row counts planted faults as the first concern."""
    rows = [(name, {kind: counts.get(check, 0) for kind, counts in CHECKED.items()}) for check, name in CHECKS.items()]
    rows.append(("Any of them, or a refusal", {kind: counts["any"] for kind, counts in CHECKED.items()}))
    rows.append(("The planted fault is the first concern", {kind: counts["first"] for kind, counts in CHECKED.items()}))
    return tuple(
        CheckRate(name, {kind: (times, CHECKED[kind]["tables"]) for kind, times in spoke.items()})
        for name, spoke in rows
    )
