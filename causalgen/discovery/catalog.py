"""The algorithms, with their inputs, results and assumptions. Heavy libraries are loaded when one runs."""

from dataclasses import dataclass, replace

from ..errors import DataError, UnknownNameError, nearest
from .columns import ColumnKind, SearchedColumns
from .equivalence import EquivalenceClass
from .knowledge import Knowledge

__all__ = ["ALGORITHMS", "TESTS", "Algorithm", "Search", "assumptions", "choose_test", "find", "refuse_unfit"]

ACYCLIC = "No cycles: no column is, even indirectly, its own cause."
FAITHFUL = "Faithfulness: every independence in the data comes from the graph, and none from effects that cancel out."
SUFFICIENT = "No hidden common causes of two columns."
UNSELECTED = "No selection bias: being in the table does not depend on two or more of the columns."


@dataclass(frozen=True)
class Algorithm:
    """An algorithm of the catalog.

    Args:
        name: Its short name.
        title: Its full name.
        assumptions: Its assumptions as text, without those of the test or score.
        takes_knowledge: Whether it respects background knowledge.
        tested: Whether it tests independences, and so takes `test` and `alpha`.
        kinds: Kinds of columns it can work on.
        mixed: Whether it can work on both kinds at once.
    """

    name: str
    title: str
    assumptions: tuple[str, ...]
    takes_knowledge: bool
    tested: bool
    kinds: tuple[ColumnKind, ...] = ("continuous", "discrete")
    mixed: bool = True


LINEAR = "Every relation is linear, and at most one noise is Gaussian."
ALGORITHMS: dict[str, Algorithm] = {
    entry.name: entry
    for entry in (
        Algorithm("pc", "PC", (ACYCLIC, FAITHFUL, SUFFICIENT, UNSELECTED), True, True),
        Algorithm("fci", "FCI", (ACYCLIC, FAITHFUL, UNSELECTED), True, True),
        Algorithm("ges", "GES", (ACYCLIC, FAITHFUL, SUFFICIENT, UNSELECTED), False, False, mixed=False),
        Algorithm(
            "lingam", "DirectLiNGAM", (ACYCLIC, SUFFICIENT, UNSELECTED, LINEAR),
            True, False, ("continuous",), False,
        ),
        Algorithm(
            "ica-lingam", "ICA-LiNGAM", (ACYCLIC, SUFFICIENT, UNSELECTED, LINEAR),
            False, False, ("continuous",), False,
        ),
    )
}  # fmt: skip
TESTS: dict[str, str] = {
    "fisherz": "Fisher's z test of partial correlation: relations are linear, noise is Gaussian.",
    "kci": "Kernel test of conditional independence: relations are smooth.",
    "gsq": "G² test: every combination of the conditioning levels has enough rows.",
    "chisq": "Pearson's chi² test: every combination of the conditioning levels has enough rows.",
    "mixed": "Degenerate Gaussian likelihood ratio test: relations are linear, also in the indicators of levels.",
}
SCORES: dict[str, str] = {
    "continuous": "Gaussian BIC score: relations are linear, noise is Gaussian.",
    "discrete": "BDeu score: discrete columns, Dirichlet priors.",
}


def find(name: str) -> Algorithm:
    """The algorithm of that name.

    Raises:
        UnknownNameError: There is no such algorithm.
    """
    if name not in ALGORITHMS:
        known = ", ".join(ALGORITHMS)
        raise UnknownNameError(f"Expected an algorithm among {known}; got {name!r}." + nearest(str(name), ALGORITHMS))
    return ALGORITHMS[name]


def refuse_unfit(algorithm: Algorithm, columns: SearchedColumns, knowledge: Knowledge, test: str) -> None:
    """Refuse inputs that the algorithm would ignore or treat wrongly.

    Raises:
        DataError: The algorithm does not accept these kinds of columns, background knowledge or a test.
    """
    if knowledge and not algorithm.takes_knowledge:
        able = ", ".join(entry.name for entry in ALGORITHMS.values() if entry.takes_knowledge)
        raise DataError(
            f"Expected no background knowledge for {algorithm.title}; got some. It would be ignored: use one of {able}."
        )
    for kind in ("continuous", "discrete"):
        if kind not in algorithm.kinds and columns.of_kind(kind):
            raise DataError(
                f"Expected {algorithm.kinds[0]} columns for {algorithm.title}; got the {kind} "
                f"{', '.join(columns.of_kind(kind))}. Leave them out, or use pc or fci."
            )
    if columns.mixed and not algorithm.mixed:
        raise DataError(
            f"Expected columns of one kind for {algorithm.title}; got the discrete "
            f"{', '.join(columns.of_kind('discrete'))} together with continuous ones. Use pc or fci, whose test takes both."
        )
    if test != "auto" and not algorithm.tested:
        raise DataError(f"Expected no test for {algorithm.title}, which tests no independences; got {test!r}.")


def choose_test(columns: SearchedColumns, test: str) -> str:
    """The name of the test: the one given, else Fisher's z, G² or the mixed one, by kinds.

    Raises:
        UnknownNameError: No test has that name.
        DataError: The test does not accept these columns.
    """
    if test == "auto":
        return "mixed" if columns.mixed else {"continuous": "fisherz", "discrete": "gsq"}[columns.kinds[0]]
    if test not in TESTS:
        raise UnknownNameError(f"Expected a test among auto, {', '.join(TESTS)}; got {test!r}." + nearest(test, TESTS))
    wrong: ColumnKind = "discrete" if test in ("fisherz", "kci") else "continuous"
    if test != "mixed" and columns.of_kind(wrong):
        raise DataError(
            f"Expected no {wrong} columns for the test {test}; got {', '.join(columns.of_kind(wrong))}. Use the test mixed."
        )
    return test


def assumptions(algorithm: Algorithm, columns: SearchedColumns, test: str | None) -> tuple[str, ...]:
    """The assumptions of the result as text."""
    if test is not None:
        return (*algorithm.assumptions, TESTS[test])
    return (*algorithm.assumptions, SCORES[columns.kinds[0]]) if algorithm.name == "ges" else algorithm.assumptions


@dataclass(frozen=True, eq=False)
class Search:
    """An algorithm with all of its inputs; `columns` may be replaced by a resample of them.

    Args:
        algorithm: The algorithm.
        columns: The table.
        knowledge: Background knowledge.
        test: A name from `choose_test`, or None for algorithms without tests.
        alpha: Level of the test.
    """

    algorithm: Algorithm
    columns: SearchedColumns
    knowledge: Knowledge
    test: str | None
    alpha: float

    def run(self, seed: int) -> EquivalenceClass:
        """Run the algorithm on the columns."""
        columns, name = self.columns, self.algorithm.name
        if self.test is not None:
            from .constraint import fci, pc
            from .independence import independence_test

            noted = independence_test(self.test, columns, self.knowledge)
            found = (pc if name == "pc" else fci)(columns.names, noted, self.alpha, self.knowledge)
            return replace(found, separations=noted.separations(found))
        if name == "ges":
            from .score import ges

            return ges(columns)
        from .lingam import direct_lingam, ica_lingam

        return direct_lingam(columns, self.knowledge) if name == "lingam" else ica_lingam(columns, seed)
