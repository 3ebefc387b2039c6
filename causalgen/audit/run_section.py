"""An audit as a section of the report of a run."""

from dataclasses import dataclass

from ..graph import CausalGraph
from ..reports.folder import ReportFolder
from ..reports.parts import Part
from .page import change_picture, concerns, mover_pictures
from .report import AuditReport
from .rows import BEYOND, CANNOT_TELL, AuditRow
from .subgroups import EVERYONE
from .tables import change_table, change_text, trust_table

__all__ = ["AuditFindings"]

MOST_ANSWERS = 2
"""Maximum number of verdicts on the first screen."""


@dataclass(frozen=True, eq=False)
class AuditFindings:
    """The audit of one classifier in a study.

    Args:
        report: What the audit found.
        graph: The graph of the audited model.
        classifier: Name of the classifier.
        place: Its number in the study, for the names of files.
        page: Address of its page, relative to the report of the run.
    """

    report: AuditReport
    graph: CausalGraph
    classifier: str
    place: int
    page: str

    @property
    def answer(self) -> str:
        """The first verdicts as sentences; a change beyond the margin comes first."""
        rows = self.report.headline
        shown = "; ".join(f"{_asked(row)}: {self._verdict(row)}" for row in rows[:MOST_ANSWERS])
        more = len(rows) - MOST_ANSWERS
        further = f" {more} further verdict{'s' * (more > 1)}: see below." if more > 0 else ""
        return f"Audit of {self.classifier}, score “{self.report.outcome}”: {shown}.{further}"

    def parts(self, folder: ReportFolder) -> list[Part]:
        """Verdicts, concerns, changes, the images that change most, and how far they can be trusted."""
        report, name = self.report, f"audit-{self.place}"
        everyone = [row for row in report if row.subgroup == EVERYONE]
        verdicts = [(_asked(row), self._verdict(row)) for row in report.headline]
        file = folder.table(report.to_frame(), f"{name}-changes")
        changes = change_table(report, everyone, "Changes of everyone", file)
        trust = trust_table(report, folder.table(report.trust_frame(), f"{name}-trust"))
        beyond = sum(row.verdict == BEYOND for row in report.headline)
        unknown = sum(row.verdict == CANNOT_TELL for row in report.headline)
        text = (
            f"{report.units:,} test units. Of {len(report.headline)} changes of the score, {beyond} are beyond the margin of "
            f"{report.margin:g} [{report.unit}], and {unknown} cannot be decided."
        )
        return [
            Part(f"{self.classifier}, score “{report.outcome}”", text=text, points=verdicts),
            Part(pictures=[change_picture(report, folder, name)]),
            *concerns(report),
            Part(tables=[changes, trust]),
            Part(
                fold="Images with the largest change",
                pictures=mover_pictures(report, self.graph, folder, f"{name}-movers"),
                small=False,
            ),
            Part(links=[("The whole audit: subgroups, assumptions, and how the numbers were computed", self.page)]),
        ]

    def _verdict(self, row: AuditRow) -> str:
        """The change and its verdict; the reasons are reported separately."""
        count = len(row.reasons)
        concerned = f" ({count} concern{'s' * (count > 1)})" if count else ""
        if row.verdict == CANNOT_TELL:
            return f"cannot tell{concerned}"
        return f"{change_text(row)}, {row.verdict} of {self.report.margin:g}{concerned}"


def _asked(row: AuditRow) -> str:
    return f"{row.intervention}, {row.effect}"
